//! A scanner, over real HTTP, says of each file whether it may be shown: clean, bad, slow, broken, and back again.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{Json, Router, extract::State, response::IntoResponse as _, routing::post};
use http::StatusCode;
use media_core::{Mxc, Record, limits::SCANNED_AT_ONCE_BYTES};
use serde_json::{Value, json};
use support::{Authority, Server, Setup, Web, client::plain_http, eventually};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::federation::server_behind_tls;

/// Larger than what is scanned at once.
const LARGE: usize = 8 * 1024 * 1024 + 1;
const _: () = assert!(LARGE as u64 > SCANNED_AT_ONCE_BYTES, "scanned when it has landed");

/// What is bad in these tests, wherever it stands at the beginning of a file.
const BAD: &[u8] = b"bad";

/// A scanner that reads what it is asked about, and does as it is told.
#[derive(Clone)]
struct Scanner {
    address: std::net::SocketAddr,
    mood: Arc<Mutex<Mood>>,
    asked: Arc<Mutex<Vec<Value>>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Working,
    Broken,
    Rambling,
    Silent,
}

impl Scanner {
    async fn start() -> (Self, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scanner = Self { address, mood: Arc::new(Mutex::new(Mood::Working)), asked: Arc::default() };
        let running = scanner.run(listener);
        (scanner, running)
    }

    fn run(&self, listener: TcpListener) -> JoinHandle<()> {
        let routes = Router::new().route("/", post(answer)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() })
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn setup(&self) -> Setup {
        Setup::new().set("MEDIA_SCANNER", &format!("http://{}/", self.address))
    }
}

async fn answer(State(scanner): State<Scanner>, Json(facts): Json<Value>) -> axum::response::Response {
    scanner.asked.lock().unwrap_or_else(PoisonError::into_inner).push(facts.clone());
    let mood = *scanner.mood.lock().unwrap_or_else(PoisonError::into_inner);
    match mood {
        Mood::Working => {}
        Mood::Broken => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Mood::Rambling => return "maybe".into_response(),
        Mood::Silent => std::future::pending().await,
    }
    let bytes = plain_http().get(facts["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(bytes.status(), StatusCode::OK);
    let bytes = bytes.bytes().await.unwrap();
    assert_eq!(facts["size"].as_u64(), Some(bytes.len() as u64));
    let verdict = if bytes.starts_with(BAD) {
        json!({ "verdict": "quarantine", "info": "Test.Bad" })
    } else {
        json!({ "verdict": "clean" })
    };
    Json(verdict).into_response()
}

fn bad(length: usize) -> Vec<u8> {
    let mut bytes = vec![7; length];
    bytes[..BAD.len()].copy_from_slice(BAD);
    bytes
}

async fn record_of(server: &Server, mxc: &Mxc) -> Record {
    server.gateway.deps().store.records.get_latest(mxc).await.unwrap().expect("a record")
}

async fn status(server: &Server, mxc: &Mxc) -> u16 {
    server.client().download_waiting(mxc, 20_000).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_file_is_scanned_before_its_upload_is_answered() {
    let (scanner, _running) = Scanner::start().await;
    let server = scanner.setup().start().await;
    let client = server.client();
    let clean = client.upload("fine", "text/plain", "").await;
    let asked = scanner.asked();
    assert_eq!(asked.len(), 1);
    let facts = &asked[0];
    assert_eq!(facts["mxc"], clean.to_string());
    assert_eq!((&facts["size"], &facts["content_type"]), (&json!(4), &json!("text/plain")));
    assert_eq!(facts["uploader"], "@alice:example.org");
    let digest = record_of(&server, &clean).await.content().unwrap().sha256.unwrap();
    assert_eq!(facts["sha256"], digest.to_string());
    assert_eq!(client.follow(client.download(&clean).await).await.body, "fine");

    let hidden = client.upload(bad(10), "text/plain", "").await;
    assert_eq!(client.download(&hidden).await.refusal(), "404 M_NOT_FOUND");
    assert_eq!(record_of(&server, &hidden).await.quarantined_by.as_deref(), Some("scanner"));
    let (name, _) = client.create().await;
    assert_eq!(client.put(&name, bad(10), "a/b", "").await.status, StatusCode::OK);
    assert_eq!(client.download(&name).await.refusal(), "404 M_NOT_FOUND");
    server.thumbnails_of(&clean).await;
    assert_eq!(scanner.asked().len(), 3, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_held_until_it_was_scanned() {
    let (scanner, _running) = Scanner::start().await;
    scanner.is(Mood::Broken);
    let server = scanner.setup().start().await;
    let client = server.client();
    let clean = client.upload(vec![7; LARGE], "a/b", "").await;
    let hidden = client.upload(bad(LARGE), "a/b", "").await;
    assert_eq!(client.download_waiting(&clean, 0).await.refusal(), "504 M_NOT_YET_UPLOADED");
    scanner.is(Mood::Working);
    assert_eq!(status(&server, &clean).await, 307);
    assert_eq!(status(&server, &hidden).await, 404);
    assert_eq!(record_of(&server, &hidden).await.quarantined_by.as_deref(), Some("scanner"));
    // Whoever has the bytes already is scanned all the same, and shares them.
    let again = client.upload(vec![7; LARGE], "a/b", "").await;
    assert_eq!(status(&server, &again).await, 307);
    assert_eq!(client.put(&again, "x", "a/b", "").await.refusal(), "409 M_CANNOT_OVERWRITE_MEDIA");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_straight_to_the_store_is_scanned_small_or_large() {
    let (scanner, _running) = Scanner::start().await;
    let server = scanner.setup().set("MEDIA_SCANNER_BANS", "true").start().await;
    let client = server.client();
    let mut hidden = Vec::new();
    for (bytes, expected) in [(vec![7; 10], 307), (bad(10), 404), (vec![7; LARGE], 307), (bad(LARGE), 404)] {
        let (mxc, reply) = client.create().await;
        let url = reply["com.beeper.msc3870.upload_url"].as_str().unwrap();
        assert!(plain_http().put(url).body(bytes.clone()).send().await.unwrap().status().is_success());
        assert_eq!(client.complete(&mxc, "").await.status, StatusCode::OK);
        assert_eq!(status(&server, &mxc).await, expected, "{} bytes", bytes.len());
        hidden.extend((expected == 404).then_some(mxc));
    }
    // Their digests were not known when they were scanned.
    for mxc in &hidden {
        let ban = eventually("the ban", || async {
            let digest = record_of(&server, mxc).await.content()?.sha256?;
            server.gateway.deps().store.records.ban_on(&digest).await.unwrap()
        })
        .await;
        assert_eq!(ban.by, "scanner");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_verdict_the_policy_decides_and_what_is_held_is_asked_about_again() {
    let (scanner, _running) = Scanner::start().await;
    let admits = scanner.setup().set("MEDIA_SCANNER_ON_FAILURE", "admit").start().await;
    let holds = scanner.setup().set("MEDIA_SCANNER_TIMEOUT_MS", "300").start().await;
    for mood in [Mood::Broken, Mood::Rambling, Mood::Silent] {
        scanner.is(mood);
        if mood != Mood::Silent {
            let shown = admits.client().upload(bad(10), "a/b", "").await;
            assert_eq!(status(&admits, &shown).await, 307);
        }
        let held = holds.client().upload("fine", "a/b", "").await;
        let hidden = holds.client().upload(bad(10), "a/b", "").await;
        for mxc in [&held, &hidden] {
            assert_eq!(holds.client().download_waiting(mxc, 0).await.refusal(), "504 M_NOT_YET_UPLOADED");
        }
        scanner.is(Mood::Working);
        assert_eq!(status(&holds, &held).await, 307);
        assert_eq!(status(&holds, &hidden).await, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_that_was_restarted_and_a_gateway_that_was_are_no_loss() {
    let (scanner, running) = Scanner::start().await;
    let server = scanner.setup().start().await;
    server.client().upload("before", "a/b", "").await;
    running.abort();
    running.await.unwrap_err();
    let held = server.client().upload("meanwhile", "a/b", "").await;
    let large = server.client().upload(vec![7; LARGE], "a/b", "").await;
    assert_eq!(server.client().download_waiting(&held, 0).await.refusal(), "504 M_NOT_YET_UPLOADED");
    let server = server.restart().await;
    let listener = TcpListener::bind(scanner.address).await.unwrap();
    let _running = scanner.run(listener);
    for mxc in [&held, &large] {
        assert_eq!(status(&server, mxc).await, 307);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_scanner_hides_is_banned_and_refused_where_the_operator_wants_that() {
    let (scanner, _running) = Scanner::start().await;
    let server = scanner.setup().set("MEDIA_SCANNER_BANS", "true").start().await;
    // Here before there was a scanner who knew it.
    scanner.is(Mood::Broken);
    let early = server.client().upload(bad(10), "a/b", "").await;
    scanner.is(Mood::Working);
    let hidden = server.client().upload(bad(10), "a/b", "").await;
    assert_eq!((status(&server, &hidden).await, status(&server, &early).await), (404, 404));
    eventually("nobody to ask about it any more", || async {
        record_of(&server, &early).await.content().map(drop)
    })
    .await;
    let asked = scanner.asked().len();
    server.client().upload(bad(10), "a/b", "").await;
    assert_eq!(scanner.asked().len(), asked, "banned bytes are not asked about");

    let server = server.restart_with(&[("MEDIA_BANNED_UPLOADS", "refuse")]).await;
    let (before, records) = (server.objects_in_s3().await, server.all_records().await.len());
    for length in [10, 11, 11] {
        assert_eq!(server.client().try_upload(bad(length), "a/b", "").await.refusal(), "403 M_FORBIDDEN");
    }
    assert_eq!(scanner.asked().len(), asked + 1, "what is new was asked about once");
    assert_eq!(server.all_records().await.len(), records);
    // Spare objects of before may go meanwhile.
    let left = server.objects_in_s3().await;
    assert!(left.keys().all(|key| before.contains_key(key)), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_servers_media_is_scanned_before_its_readers_get_it() {
    let (scanner, _running) = Scanner::start().await;
    let authority = Authority::new();
    let origin = server_behind_tls(&authority, Setup::new()).await;
    let home = server_behind_tls(&authority, scanner.setup()).await;
    for (bytes, expected) in [(vec![7; 10], 307), (bad(10), 404), (vec![7; LARGE], 307), (bad(LARGE), 404)] {
        let mxc = origin.client().upload(bytes, "a/b", "").await;
        assert_eq!(status(&home, &mxc).await, expected);
        assert_eq!(status(&home, &mxc).await, expected, "as it is kept");
    }
    assert!(scanner.asked().iter().all(|facts| facts.get("uploader").is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_goes_without_a_picture_that_may_not_be_shown() {
    let (scanner, _running) = Scanner::start().await;
    scanner.is(Mood::Broken);
    let web = Web::start().await;
    web.page("/", format!("<title>Page</title><img src='{}'>", web.url("/picture.png")));
    let picture = support::photos::fixture("transparent.png");
    web.answers("/picture.png", 200, &[("content-type", "image/png")], picture);
    let server =
        crate::previews::setup().set("MEDIA_SCANNER", &format!("http://{}/", scanner.address)).start().await;
    let path = format!("/_matrix/client/v1/media/preview_url?url={}", web.url("/"));
    let preview = support::Answer::of(server.client().request(http::Method::GET, &path)).await.json();
    assert_eq!(preview["og:title"], "Page");
    assert!(preview.get("og:image").is_none(), "{preview}");
    assert_eq!((scanner.asked().len(), server.left_in_s3().await), (1, (0, 0)));
}
