//! The command as a person meets it: what it says when it starts, and how it refuses to.

use http::{Method, StatusCode};
use support::{Answer, Client};

use crate::process::{self, Process, refused};

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_told_nothing_says_what_to_try_and_it_works() {
    let folder = process::folder();
    let mut command = process::bare_gateway();
    // Nothing but what a test needs for itself: a folder and a port of its own.
    command.arg("--data-folder").arg(folder.path()).args(["--listen", "127.0.0.1:0"]);
    let server = Process::start(&mut command).await;
    let said = &server.welcome;
    assert!(said.contains("for localhost answers at http://127.0.0.1:"), "{said}");
    assert!(said.contains("Signed links lead to http://localhost:"), "{said}");
    assert!(said.contains("the access token of @developer:localhost is dev_"), "{said}");

    let lines: Vec<_> = said.lines().filter(|line| line.contains("curl ")).map(Curl::parse).collect();
    let [upload, download, thumbnail] = &lines[..] else { panic!("three lines to try: {said}") };
    let sample = upload.body.clone().unwrap();
    let answer = upload.run("").await;
    let mxc = answer.json()["content_uri"].as_str().unwrap().trim_start_matches("mxc://").to_owned();
    let copy = download.run(&mxc).await;
    assert_eq!((copy.status, copy.body == sample), (StatusCode::OK, true));
    let small = thumbnail.run(&mxc).await;
    assert_eq!(small.status, StatusCode::OK);
    assert!(small.body.len() < sample.len());
    let said = server.welcome.clone();
    server.kill().await;

    let again = Process::start(&mut command).await;
    let token = |said: &str| said.split("is dev_").nth(1).unwrap().lines().next().unwrap().to_owned();
    assert_eq!(token(&said), token(&again.welcome), "the same user with the same token");
    let curl = Curl::parse(again.welcome.lines().filter(|line| line.contains("curl ")).nth(1).unwrap());
    assert_eq!(curl.run(&mxc).await.body, sample);
}

/// One line with `curl` in it, as far as the gateway writes such lines.
struct Curl {
    url: String,
    headers: Vec<(String, String)>,
    body: Option<bytes::Bytes>,
}

impl Curl {
    fn parse(line: &str) -> Self {
        let (_, arguments) = line.split_once("curl ").unwrap();
        // Quotes of either kind, and no quote inside another: every second piece was quoted.
        let pieces: Vec<_> = arguments.split(['\'', '"']).collect();
        let quoted = || pieces.iter().skip(1).step_by(2).map(|piece| (*piece).to_owned());
        Self {
            url: quoted().find(|piece| piece.starts_with("http")).unwrap(),
            headers: quoted()
                .filter_map(|piece| piece.split_once(": ").map(|(name, value)| (name.into(), value.into())))
                .collect(),
            body: quoted()
                .find_map(|piece| piece.strip_prefix('@').map(|file| std::fs::read(file).unwrap().into())),
        }
    }

    /// Does what curl would: with a body it posts, and it follows a redirect without repeating the token elsewhere.
    async fn run(&self, mxc: &str) -> Answer {
        let client = Client::new("", None);
        let method = if self.body.is_some() { Method::POST } else { Method::GET };
        let mut request = client.request(method, &self.url.replace("$MXC", mxc));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        client.follow(Answer::of(request).await).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn help_shows_every_setting_with_its_unit_and_its_default() {
    let output = process::bare_gateway().arg("--help").output().await.unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for setting in runtime::settings::ALL {
        assert!(help.contains(setting.name), "{}", setting.name);
        assert!(help.contains(&format!("<{}>", setting.unit)), "{}", setting.name);
        if let Some(default) = setting.default.filter(|value| !value.is_empty()) {
            assert!(help.contains(&format!("[default: {default}]")), "{}", setting.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_is_said_at_once() {
    let folder = process::folder();
    let mut command = process::gateway(folder.path());
    command
        .env("MEDIA_HOMESERVER_URL", "https://matrix.example.org")
        .env("MEDIA_MAX_UPLOAD_BYTES", "plenty")
        .args(["--wait-max-ms", "soon"]);
    let refused = refused(&mut command).await;
    assert!(!refused.status.success());
    for name in ["MEDIA_DEV_TOKENS", "MEDIA_HOMESERVER_URL", "MEDIA_MAX_UPLOAD_BYTES", "MEDIA_WAIT_MAX_MS"] {
        assert!(refused.said.contains(name), "{name}: {}", refused.said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let _taker = tokio::net::TcpListener::bind(taken).await.unwrap();
    let folder = process::folder();
    let refused = refused(process::gateway(folder.path()).env("MEDIA_LISTEN", taken.to_string())).await;
    assert!(!refused.status.success());
    assert!(refused.said.contains(&format!("{taken} cannot be listened on")), "{}", refused.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_named() {
    let folder = process::folder();
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let refused = refused(&mut process::gateway(&file.join("data"))).await;
    assert!(!refused.status.success());
    assert!(refused.said.contains("file/data cannot be written"), "{}", refused.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_belongs_to_one_gateway_at_a_time() {
    let folder = process::folder();
    let first = Process::start(&mut process::gateway(folder.path())).await;
    let second = refused(&mut process::gateway(folder.path())).await;
    assert!(!second.status.success());
    assert!(second.said.contains("is in use by another process"), "{}", second.said);
    let client = first.client();
    let mxc = client.upload("the first goes on", "text/plain", "").await;
    assert_eq!(client.download(&mxc).await.status, StatusCode::TEMPORARY_REDIRECT);
    first.kill().await;
    Process::start(&mut process::gateway(folder.path())).await;
}

/// Operators read the page, and find there what `--help` would say.
#[test]
fn the_page_of_settings_is_the_table_of_settings() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/settings.md")).unwrap();
    let mut rows: Vec<_> =
        page.lines().filter(|line| line.starts_with("| `")).map(ToOwned::to_owned).collect();
    let escaped = |text: &str| text.replace('|', "\\|").replace('*', "\\*");
    let row = |setting: &runtime::settings::Setting| {
        let default = setting.default.filter(|value| !value.is_empty());
        let default = default.map_or_else(String::new, |value| format!("`{value}`"));
        let (unit, help) = (escaped(setting.unit), escaped(setting.help));
        format!("| `{}` | {unit} | {default} | {help}. |", setting.name)
    };
    let mut table: Vec<_> = runtime::settings::ALL.iter().map(row).collect();
    rows.sort();
    table.sort();
    assert_eq!(rows, table);
}
