//! What is counted: every request's line is CloudWatch's embedded metric format, and says what happened.

use std::{collections::BTreeSet, process::Stdio};

use futures_util::stream;
use http::{Method, StatusCode};
use serde_json::Value;
use support::{Answer, Client, Web, homeserver::Homeserver, photos, wait::PATIENCE};
use tokio::{
    io::{AsyncReadExt as _, BufReader, Lines},
    process::{ChildStdout, Command},
    sync::oneshot,
    time::timeout,
};

use crate::process::{self, Process, TOKEN};

/// CloudWatch's `MetricDatum`, `Unit`.
const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// What one event of CloudWatch Logs may hold, in bytes.
const MAX_EVENT_BYTES: usize = 256 * 1024;

/// The lines of a gateway, each checked as it is read.
pub(crate) struct Figures(Lines<BufReader<ChildStdout>>);

impl Figures {
    pub(crate) fn of(process: &mut Process) -> Self {
        Self(process.lines())
    }

    /// The next line of which `wanted` holds; those before it are of no interest.
    pub(crate) async fn find(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = async {
            loop {
                let line = self.0.next_line().await.unwrap().expect("a line");
                let line = embedded(&line);
                if wanted(&line) {
                    return line;
                }
            }
        };
        timeout(PATIENCE, found).await.expect("the line that a test waits for")
    }

    /// The next line of a request to this route.
    pub(crate) async fn of_route(&mut self, route: &str) -> Value {
        self.find(|line| line["route"].as_str().is_some_and(|said| said.ends_with(route))).await
    }

    /// All lines that are left, to the last before the gateway ended.
    async fn rest(mut self) -> Vec<Value> {
        let mut lines = Vec::new();
        while let Some(line) = timeout(PATIENCE, self.0.next_line()).await.expect("an end").unwrap() {
            lines.push(embedded(&line));
        }
        lines
    }
}

pub(crate) fn counting(mut command: Command) -> Command {
    command.env("MEDIA_METRICS", "emf").env("MEDIA_METRICS_SERVICE", "test");
    command
}

/// Reads a line as CloudWatch does, by every rule of the embedded metric format's specification.
fn embedded(line: &str) -> Value {
    assert!(line.len() < MAX_EVENT_BYTES);
    let root: Value = serde_json::from_str(line).expect(line);
    let text = |value: &Value, most: usize| {
        let text = value.as_str().unwrap_or_else(|| panic!("{value} in {line}")).to_owned();
        assert!(!text.is_empty() && text.len() <= most, "{text} in {line}");
        text
    };
    let metadata = &root["_aws"];
    assert!(metadata["Timestamp"].as_u64().is_some_and(|at| at > 1_600_000_000_000), "milliseconds: {line}");
    let mut named = BTreeSet::new();
    for directive in metadata["CloudWatchMetrics"].as_array().expect(line) {
        assert_eq!(text(&directive["Namespace"], 256), runtime::emf::NAMESPACE);
        for dimensions in directive["Dimensions"].as_array().expect(line) {
            let dimensions = dimensions.as_array().expect(line);
            assert!(dimensions.len() <= 30, "{line}");
            for dimension in dimensions {
                text(&root[text(dimension, 250)], 1024);
            }
        }
        let metrics = directive["Metrics"].as_array().expect(line);
        assert!(!metrics.is_empty() && metrics.len() <= 100, "{line}");
        for metric in metrics {
            let name = text(&metric["Name"], 1024);
            assert!(UNITS.contains(&text(&metric["Unit"], 1024).as_str()), "{line}");
            assert!(root[&name].as_f64().is_some_and(f64::is_finite), "{name} in {line}");
            assert!(named.insert(name.clone()), "{name} is there twice: {line}");
            // And by our own: what is in the table, and nothing else.
            let known = telemetry::Metric::ALL.iter().find(|known| known.name() == name).expect(&name);
            assert_eq!(metric["Unit"], known.unit().name(), "{line}");
        }
    }
    for metric in telemetry::Metric::ALL {
        assert_eq!(root.get(metric.name()).is_some(), named.contains(metric.name()), "{line}");
    }
    // And by Lambda's, which would otherwise say when it was written, and at which level.
    assert_eq!(root["level"], "INFO", "{line}");
    assert!(text(&root["timestamp"], 40).ends_with('Z'), "{line}");
    assert_eq!(root["service"], "test", "{line}");
    assert_eq!(text(&root["trace_id"], 32).len(), 32, "{line}");
    root
}

/// These figures and no other of the named ones.
fn check(line: &Value, expected: &[(&str, u64)], absent: &[&str]) {
    for (name, count) in expected {
        assert_eq!(line[name].as_u64(), Some(*count), "{name} in {line}");
    }
    for name in absent {
        assert!(line.get(name).is_none(), "{name} in {line}");
    }
}

const CONFIG: &str = "/media/config";
const UPLOAD: &str = "/upload";
const DOWNLOAD: &str = "/download/{serverName}/{mediaId}";
const THUMBNAIL: &str = "/thumbnail/{serverName}/{mediaId}";

#[tokio::test(flavor = "multi_thread")]
async fn each_request_and_each_batch_is_one_line_of_figures() {
    let folder = process::folder();
    let mut command = counting(process::gateway(folder.path()));
    let mut server = Process::start(command.stderr(Stdio::piped())).await;
    let (client, mut figures, mut stderr) = (server.client(), Figures::of(&mut server), server.stderr());

    // The first of this process, under Powertools' name and dimensions. No upload: what lands may be looked at sooner.
    client.get("/_matrix/client/v1/media/config").await;
    let line = figures.of_route(CONFIG).await;
    check(&line, &[("Requests", 1), ("ColdStart", 1)], &[]);
    let cold = &line["_aws"]["CloudWatchMetrics"][1];
    assert_eq!(cold["Dimensions"], serde_json::json!([["function_name", "service"]]));
    assert_eq!(
        (&line["function_name"], &cold["Metrics"][0]["Name"]),
        (&"gateway".into(), &"ColdStart".into())
    );

    let photo = photos::fixture("photo.jpg");
    let mxc = client.upload(photo.clone(), "image/jpeg", "a-name-nobody-else-should-read.jpg").await;
    let line = figures.of_route(UPLOAD).await;
    let bytes = photo.len() as u64;
    let expected = [("Requests", 1), ("BytesReceived", bytes), ("S3Writes", 1), ("DynamoDbWrites", 3)];
    check(&line, &expected, &["ClientErrors", "ColdStart", "Faults", "S3Reads", "ThumbnailsMade"]);
    assert_eq!(
        (&line["sdk_calls"], &line["status"], &line["complete"]),
        (&4.into(), &200.into(), &true.into())
    );
    assert!(line["Latency"].as_u64().is_some_and(|ms| ms > 0), "{line}");
    let line = figures.find(|line| line["job"] == "ingest" && line.get("ThumbnailsMade").is_some()).await;
    check(&line, &[("ThumbnailsMade", 5)], &["ColdStart", "Requests", "Latency", "FailedJobs"]);
    assert!(line["Jobs"].as_u64().is_some_and(|jobs| jobs > 0), "{line}");
    assert!(line["S3Reads"].as_u64().is_some_and(|reads| reads > 0), "{line}");

    let small = client.thumbnail(&mxc, "width=32&height=32&method=crop").await;
    assert_eq!(small.status, StatusCode::OK);
    let line = figures.of_route(THUMBNAIL).await;
    let expected = [("ThumbnailHits", 1), ("BytesSent", small.body.len() as u64), ("DynamoDbReads", 1)];
    check(&line, &expected, &["ThumbnailMisses", "ThumbnailsMade", "S3Reads", "S3Writes", "RemoteHits"]);

    client.thumbnail(&mxc, "width=500&height=200&method=crop").await;
    let line = figures.of_route(THUMBNAIL).await;
    check(&line, &[("ThumbnailMisses", 1), ("ThumbnailsMade", 1), ("S3Writes", 1)], &["ThumbnailHits"]);

    let missing = client.get("/_matrix/client/v1/media/download/example.org/missing").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    check(&figures.of_route(DOWNLOAD).await, &[("Requests", 1), ("ClientErrors", 1)], &["Faults"]);

    // A signed link that is followed.
    let back = client.follow(client.download(&mxc).await).await;
    assert_eq!(back.body.len(), photo.len());
    check(&figures.of_route("/media/{*key}").await, &[("BytesSent", bytes)], &["S3Reads", "ColdStart"]);

    server.signal("TERM").await;
    let (rest, mut said) = (figures.rest().await, String::new());
    assert!(rest.iter().all(|line| line.get("ColdStart").is_none()), "{rest:?}");
    stderr.read_to_string(&mut said).await.unwrap();
    assert!(server.ended().await.success());
    assert!(!said.contains("Answered"), "the figures' line is the log line: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_figures_holds_no_secret() {
    let folder = process::folder();
    let mut server = Process::start(&mut counting(process::gateway(folder.path()))).await;
    let (client, figures) = (server.client(), Figures::of(&mut server));
    let mxc = client.upload("ten bytes!", "text/plain", "unspeakable.txt").await;
    client.follow(client.download(&mxc).await).await;
    client.get(&format!("/_matrix/client/v1/media/config?access_token={TOKEN}")).await;
    client.get("/_matrix/client/v1/media/download/example.org/abc/unspeakable.txt").await;
    server.signal("TERM").await;
    let lines = figures.rest().await;
    assert!(lines.len() >= 5, "{lines:?}");
    let said = format!("{lines:?}");
    for secret in [TOKEN, "unspeakable", "Signature", "ten bytes!", mxc.media_id.as_str()] {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_counted_as_one() {
    let folder = process::folder();
    let homeserver = Homeserver::start().await;
    homeserver.answers_with("any", StatusCode::INTERNAL_SERVER_ERROR, Value::Null);
    let mut command = counting(process::gateway(folder.path()));
    command.env_remove("MEDIA_DEV_TOKENS").env("MEDIA_HOMESERVER_URL", homeserver.url());
    let mut server = Process::start(&mut command).await;
    let (client, mut figures) = (server.client().with_token("any"), Figures::of(&mut server));
    let answer = client.get("/_matrix/client/v1/media/config").await;
    assert!(answer.status.is_server_error(), "{}", answer.status);
    check(&figures.of_route("/config").await, &[("Requests", 1), ("Faults", 1)], &["ClientErrors"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_a_miss_and_then_a_hit() {
    let (folder, web) = (process::folder(), Web::start().await);
    let page = "<title>A page</title>";
    web.page("/", page);
    let mut command = counting(process::gateway(folder.path()));
    let mut server = Process::start(command.env("MEDIA_PREVIEW_ALLOW_NETWORKS", "127.0.0.0/8")).await;
    let (client, mut figures) = (server.client(), Figures::of(&mut server));
    for (expected, absent) in [
        (&[("PreviewMisses", 1), ("BytesFetched", page.len() as u64)][..], &["PreviewHits"][..]),
        (&[("PreviewHits", 1)], &["PreviewMisses", "BytesFetched"]),
    ] {
        let request = client.request(Method::GET, "/_matrix/client/v1/media/preview_url");
        let answer = Answer::of(request.query(&[("url", web.url("/"))])).await;
        assert_eq!(answer.json()["og:title"], "A page");
        check(&figures.of_route("/preview_url").await, expected, absent);
    }
    assert!(
        web.asked().iter().all(|asked| !asked.headers.contains_key("traceparent")),
        "nobody else's business"
    );
}

/// Two bring bytes for one name; the second was asked in before the first was done.
#[tokio::test(flavor = "multi_thread")]
async fn the_loser_of_a_race_counts_what_it_takes_away() {
    let folder = process::folder();
    let mut server = Process::start(&mut counting(process::gateway(folder.path()))).await;
    let (client, mut figures) = (server.client(), Figures::of(&mut server));
    let (mxc, _) = client.create().await;
    let (release, held) = oneshot::channel::<()>();
    let (entered, is_in) = oneshot::channel();
    let held = stream::once(async move {
        // Whoever asks for the body has judged the name.
        let _ = entered.send(());
        let _ = held.await;
        Ok::<_, std::io::Error>("too late")
    });
    let put = |client: Client, body: reqwest::Body| {
        let path = format!("/_matrix/media/v3/upload/{}/{}", mxc.origin, mxc.media_id);
        tokio::spawn(async move { Answer::of(client.request(Method::PUT, &path).body(body)).await })
    };
    let late = put(client.clone(), reqwest::Body::wrap_stream(held));
    is_in.await.unwrap();
    let early = put(client.clone(), "first".into()).await.unwrap();
    let is_first = early.status == StatusCode::OK;
    release.send(()).unwrap();
    let late = late.await.unwrap();
    assert!(is_first, "{early:?}");
    assert_eq!(late.refusal(), "409 M_CANNOT_OVERWRITE_MEDIA");
    let route = "/upload/{serverName}/{mediaId}";
    check(&figures.of_route(route).await, &[("S3Writes", 1)], &["Orphans", "ClientErrors"]);
    let line = figures.of_route(route).await;
    // Its own object is deleted, which costs nothing; what may have been made of it is listed, which costs as much as a write.
    check(&line, &[("Orphans", 1), ("ClientErrors", 1), ("S3Writes", 2)], &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_counted_unless_somebody_wants_it() {
    let folder = process::folder();
    let mut server = Process::start(&mut process::gateway(folder.path())).await;
    let (client, mut lines) = (server.client(), server.lines());
    client.upload("bytes", "text/plain", "").await;
    server.signal("TERM").await;
    assert_eq!(lines.next_line().await.unwrap(), None);
}

/// Lambda itself says so; the operator may say otherwise.
#[test]
fn on_lambda_it_is_the_rule() {
    let read = |metrics: &'static str, function: &'static str| {
        let config = runtime::Config::read(|name| match name {
            "MEDIA_SERVER_NAME" => Some("example.org".to_owned()),
            "MEDIA_DEV_TOKENS" => Some("token=@alice:example.org".to_owned()),
            "MEDIA_METRICS" => Some(metrics.to_owned()),
            "AWS_LAMBDA_FUNCTION_NAME" => Some(function.to_owned()),
            _ => None,
        });
        config.map(|config| config.telemetry.metrics)
    };
    let source = |function: &str| runtime::emf::Source {
        service: "media".to_owned(),
        function_name: function.to_owned(),
    };
    for (metrics, function, expected) in [
        ("", "upload-1", Some(source("upload-1"))),
        ("off", "upload-1", None),
        ("", "", None),
        ("emf", "", Some(source("gateway"))),
    ] {
        assert_eq!(read(metrics, function), Ok(expected), "{metrics} {function}");
    }
    let problems = read("statsd", "").unwrap_err();
    assert!(problems.to_string().contains("MEDIA_METRICS"), "{problems}");
}
