//! How a gateway says that it is well, that it is not, and that it is about to leave.

use std::{process::Output, time::Duration};

use engine_host::{Effect, Fault, When};
use futures_util::future::join_all;
use http::{Method, StatusCode, header};
use support::{Answer, Client, Setup, eventually, wait::PATIENCE};
use tokio::{net::TcpStream, sync::watch, time::timeout};

use crate::{
    crashes::half_an_upload,
    process::{self, Process},
};

async fn ask(client: &Client) -> Answer {
    timeout(PATIENCE, client.get("/health")).await.expect("an answer in good time")
}

async fn until(client: &Client, status: StatusCode, said: &str) {
    eventually(said, || async {
        let answer = ask(client).await;
        (answer.status == status && answer.body.as_ref() == said.as_bytes()).then_some(())
    })
    .await;
}

const WELL: &str = r#"{"status":"ok"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_well_says_so_to_everybody() {
    let server = Setup::new().start().await;
    let client = server.stranger();
    let answer = ask(&client).await;
    assert_eq!((answer.status, answer.body.as_ref()), (StatusCode::OK, WELL.as_bytes()));
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    let head = Answer::of(client.request(Method::HEAD, "/health")).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    for (method, path) in [(Method::POST, "/health"), (Method::GET, "/health/x"), (Method::GET, "/healthy")] {
        let answer = Answer::of(client.request(method, path)).await;
        assert_eq!(answer.refusal(), "404 M_UNRECOGNIZED", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_answer_is_named_and_soon_forgiven() {
    let server = Setup::new().with_dynamodb_faults().start().await;
    let client = server.stranger();
    let (release, released) = watch::channel(false);
    let surroundings = &server.surroundings;
    // Of the one nothing is heard at all: the SDK would wait for minutes.
    for (faults, effect, what) in [
        (&surroundings.s3_faults, Effect::Wait(released), "the bucket"),
        (
            surroundings.dynamodb_faults.as_ref().unwrap(),
            Effect::Fail,
            "the media table, the ephemeral table",
        ),
    ] {
        until(&client, StatusCode::OK, WELL).await;
        faults.inject(Fault { operation: None, when: When::Always, effect });
        let said = format!(r#"{{"reason":"no answer from {what}","status":"unavailable"}}"#);
        until(&client, StatusCode::SERVICE_UNAVAILABLE, &said).await;
        faults.clear();
        release.send_replace(true);
    }
    until(&client, StatusCode::OK, WELL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_ask_it_is_looked_once() {
    /// Who ask at the same time.
    const ASKING: usize = 100;
    let server = Setup::new().start().await;
    let client = server.stranger();
    let before = server.sdk_calls_of("HeadBucket");
    join_all((0..ASKING).map(|_| ask(&client))).await;
    // Again only when a second has passed, which on a slow machine may be.
    let looks = server.sdk_calls_of("HeadBucket") - before;
    assert!((1..10).contains(&looks), "{looks} looks");
}

async fn ask_by_command(arguments: &[&str]) -> Output {
    process::bare_gateway().arg("health").args(arguments).output().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_asks_in_the_place_of_curl() {
    let folder = process::folder();
    let server = Process::start(&mut process::gateway(folder.path())).await;
    let address = server.address().to_string();
    let well = ask_by_command(&[&address]).await;
    assert!(well.status.success());
    assert_eq!(well.stdout, format!("{WELL}\n").as_bytes());
    let mut as_set = process::bare_gateway();
    let port = server.address().port();
    let as_set = as_set.arg("health").env("MEDIA_LISTEN", format!("0.0.0.0:{port}")).output().await.unwrap();
    assert!(as_set.status.success(), "{as_set:?}");
    server.kill().await;
    for (asked, said) in [(address.as_str(), "Nobody answers"), ("nonsense", "is no ADDRESS:PORT")] {
        let unwell = ask_by_command(&[asked]).await;
        assert_eq!(unwell.status.code(), Some(1), "{asked}");
        assert!(String::from_utf8_lossy(&unwell.stdout).contains(said), "{unwell:?}");
    }
}

/// With a notice longer than anybody here waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_leaves_says_so_first_and_serves_until_told_again() {
    let folder = process::folder();
    let mut command = process::gateway(folder.path());
    let server = Process::start(command.env("MEDIA_STOP_NOTICE_S", "600")).await;
    let client = server.client();
    until(&client, StatusCode::OK, WELL).await;
    server.signal("TERM").await;
    let said = r#"{"reason":"this gateway was told to stop","status":"stopping"}"#;
    until(&client, StatusCode::SERVICE_UNAVAILABLE, said).await;
    let asked = ask_by_command(&[&server.address().to_string()]).await;
    assert_eq!((asked.status.code(), asked.stdout), (Some(1), format!("{said}\n").into_bytes()));
    let mxc = client.upload("a latecomer", "text/plain", "").await;
    assert_eq!(client.follow(client.download(&mxc).await).await.body, "a latecomer");
    server.signal("TERM").await;
    assert!(server.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_notice_nobody_else_is_let_in_and_what_is_under_way_ends() {
    let folder = process::folder();
    let mut command = process::gateway(folder.path());
    let server = Process::start(command.env("MEDIA_STOP_NOTICE_S", "1")).await;
    let (send, uploading) = half_an_upload(&server.client()).await;
    server.signal("TERM").await;
    eventually("nobody else to be let in", || async {
        TcpStream::connect(server.address()).await.is_err().then_some(())
    })
    .await;
    send.send(()).unwrap();
    assert_eq!(uploading.await.unwrap().unwrap().status, StatusCode::OK);
    assert!(server.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_in_its_time_is_cut_off() {
    let folder = process::folder();
    let mut command = process::gateway(folder.path());
    let server = Process::start(command.env("MEDIA_DRAIN_S", "1")).await;
    let (_never, uploading) = half_an_upload(&server.client()).await;
    server.signal("TERM").await;
    let ended = timeout(Duration::from_secs(20), server.ended()).await;
    assert!(ended.expect("sooner than without the setting").success());
    assert!(uploading.await.unwrap().is_err(), "nobody is left to answer");
}
