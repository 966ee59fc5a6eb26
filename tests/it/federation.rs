//! Two servers, TLS between them, signatures both ways.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures_util::future::join_all;
use http::StatusCode;
use media_core::{Mxc, thumbnail::USUAL};
use support::{Authority, Server, Setup, photos};

static LONG_WAIT: &str = "timeout_ms=30000";

/// A server whose name is where its TLS front listens.
pub(crate) async fn server_behind_tls(authority: &Authority, setup: Setup) -> Server {
    let front = authority.front("localhost").await;
    let server = setup
        .set("MEDIA_SERVER_NAME", &format!("localhost:{}", front.port()))
        .set("MEDIA_FEDERATION_CA_FILE", authority.file())
        .set("MEDIA_FEDERATION_ALLOW_NETWORKS", "127.0.0.0/8,::1/128")
        .start()
        .await;
    front.pass_on_to(server.gateway.address());
    server
}

async fn two_servers() -> (Server, Server) {
    two_servers_over(Setup::new).await
}

pub(crate) async fn two_servers_over(setup: impl Fn() -> Setup) -> (Server, Server) {
    let authority = Authority::new();
    tokio::join!(server_behind_tls(&authority, setup()), server_behind_tls(&authority, setup()))
}

fn made(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>, operation: &str) -> u64 {
    after.get(operation).unwrap_or(&0) - before.get(operation).unwrap_or(&0)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_servers_photograph_is_brought_home_once_and_served_like_our_own() {
    let (origin, home) = two_servers().await;
    let photo = photos::fixture("photo.jpg");
    let mxc = origin.client().upload(photo.clone(), "image/jpeg", "Strand ☀.jpg").await;
    origin.thumbnails_of(&mxc).await;

    let (asked_before, reads_before) = (AtomicUsize::new(0), origin.sdk_calls());
    let readers = join_all((0..20).map(|_| async {
        let client = home.client();
        asked_before.fetch_add(1, Ordering::SeqCst);
        client.follow(client.download(&mxc).await).await
    }))
    .await;
    for answer in &readers {
        assert_eq!((answer.status, answer.body == photo), (StatusCode::OK, true), "{:?}", answer.headers);
        assert_eq!(answer.header("content-type"), "image/jpeg");
        assert_eq!(answer.header("content-disposition"), "inline; filename*=utf-8''Strand%20%E2%98%80.jpg");
    }
    // Whose signature it is, and the media.
    assert_eq!(made(&reads_before, &origin.sdk_calls(), "GetItem"), 1 + 1, "the origin was asked once");

    assert_eq!(home.thumbnails_of(&mxc).await.len(), USUAL.len());
    let client = home.client();
    let small = client.follow(client.thumbnail(&mxc, "width=320&height=240").await).await;
    assert!(photos::difference(&small.body, &photo) < 6.0);
    // And one that nobody has made yet.
    let cropped = client.follow(client.thumbnail(&mxc, "width=500&height=200&method=crop").await).await;
    assert_eq!(cropped.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_fetch_costs_three_guarded_writes_and_two_calls_more() {
    let (origin, home) = two_servers().await;
    let mxc = origin.client().upload("some bytes", "text/plain", "a.txt").await;
    let before = home.sdk_calls();
    let client = home.client();
    assert_eq!(client.follow(client.download(&mxc).await).await.body, "some bytes");
    home.thumbnails_of(&mxc).await;
    let after = home.sdk_calls();
    // claim, join and store; what `ingest` notes about the bytes afterwards; and the bytes charged to the user, whose bucket is
    // new: one look whether it is in use, one write.
    assert_eq!(made(&before, &after, "UpdateItem"), 3 + 1 + 2);
    // the reference
    assert_eq!(made(&before, &after, "PutItem"), 1);
    assert_eq!(made(&before, &after, "PutObject"), 1);
    assert_eq!(made(&before, &after, "Invoke"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_in_federation_replies_are_followed_too() {
    let authority = Authority::new();
    let origin =
        server_behind_tls(&authority, Setup::new().set("MEDIA_FEDERATION_DELIVERY", "redirect")).await;
    let home = server_behind_tls(&authority, Setup::new()).await;
    let photo = photos::fixture("photo.jpg");
    let mxc = origin.client().upload(photo.clone(), "image/jpeg", "a b.jpg").await;
    let client = home.client();
    let answer = client.follow(client.download(&mxc).await).await;
    assert_eq!((answer.status, answer.body == photo), (StatusCode::OK, true));
    assert_eq!(answer.header("content-disposition"), "inline; filename=\"a b.jpg\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_media_travels_too() {
    let (origin, home) = two_servers().await;
    let mxc = origin.client().upload("", "text/plain", "").await;
    let client = home.client();
    let answer = client.follow(client.download(&mxc).await).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_origin_does_not_have_is_not_asked_for_again_at_once() {
    let (origin, home) = two_servers().await;
    let client = home.client();
    let missing = Mxc::new_on(&origin.gateway.deps().server_name);
    assert_eq!(client.download(&missing).await.refusal(), "404 M_NOT_FOUND");
    let before = origin.sdk_calls();
    assert_eq!(client.download(&missing).await.refusal(), "404 M_NOT_FOUND");
    assert_eq!(origin.sdk_calls(), before, "the refusal was remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_and_remembered() {
    let authority = Authority::new();
    let origin = server_behind_tls(&authority, Setup::new()).await;
    let home = server_behind_tls(&authority, Setup::new().set("MEDIA_MAX_REMOTE_BYTES", "1000")).await;
    let client = home.client();
    let large = origin.client().upload(vec![0; 1001], "a/b", "").await;
    assert_eq!(client.download(&large).await.refusal(), "502 M_TOO_LARGE");
    let before = origin.sdk_calls();
    assert_eq!(client.download(&large).await.refusal(), "502 M_TOO_LARGE");
    assert_eq!(origin.sdk_calls(), before);
    assert_eq!(home.left_in_s3().await, (0, 0));
    let fits = origin.client().upload(vec![0; 1000], "a/b", "").await;
    assert_eq!(client.download(&fits).await.status, StatusCode::TEMPORARY_REDIRECT);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_in_private_networks_are_not_contacted_unless_allowed() {
    let home = Server::start().await;
    for name in ["127.0.0.1:1", "10.0.0.1", "169.254.169.254", "[::1]:1", "localhost:1"] {
        let path = format!("/_matrix/client/v1/media/download/{name}/abc?{LONG_WAIT}");
        assert_eq!(home.client().get(&path).await.refusal(), "502 M_UNKNOWN", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsigned_request_for_federation_is_refused() {
    let (origin, _home) = two_servers().await;
    let mxc = origin.client().upload("x", "text/plain", "").await;
    for path in [
        format!("/_matrix/federation/v1/media/download/{}", mxc.media_id),
        "/_matrix/federation/v1/media/thumbnail/abc?width=1&height=1".to_owned(),
    ] {
        assert_eq!(origin.client().get(&path).await.refusal(), "401 M_UNAUTHORIZED");
    }
}
