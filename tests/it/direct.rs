//! Uploads that go straight to S3 (MSC3870), as the clients of mautrix do it.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use media_core::{Mxc, thumbnail::USUAL};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::{Answer, Client, Server, Setup, client::plain_http, eventually, photos};

const UPLOAD_URL: &str = "com.beeper.msc3870.upload_url";

/// Creates a name and puts bytes under the URL that came with it, as anybody with that URL could.
async fn staged(
    client: &Client,
    bytes: impl Into<reqwest::Body>,
    content_type: Option<&str>,
) -> (Mxc, Answer) {
    let (mxc, reply) = client.create().await;
    let url = reply[UPLOAD_URL].as_str().expect("a URL").to_owned();
    (mxc, put(&url, bytes, content_type).await)
}

async fn put(url: &str, bytes: impl Into<reqwest::Body>, content_type: Option<&str>) -> Answer {
    let put = plain_http().put(url).body(bytes);
    let put = content_type.into_iter().fold(put, |put, said| put.header("content-type", said));
    Answer::of(put).await
}

async fn staging_objects(server: &Server) -> usize {
    server.objects_in_s3().await.keys().filter(|key| key.starts_with("staging/")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photograph_goes_straight_to_s3_and_becomes_media_with_thumbnails_and_a_digest() {
    let server = Server::start().await;
    let client = server.client();
    let photo = photos::fixture("mountains.jpg");
    let received = server.sdk_calls();
    let (mxc, put) = staged(&client, photo.clone(), Some("image/jpeg")).await;
    assert_eq!(put.status, StatusCode::OK, "{put:?}");
    let path = format!("/_matrix/client/v1/media/download/{}/{}?timeout_ms=0", mxc.origin, mxc.media_id);
    assert_eq!(client.get(&path).await.refusal(), "504 M_NOT_YET_UPLOADED", "not before it is complete");

    let complete = client.complete(&mxc, "Gipfel ☀.jpg").await;
    assert_eq!(
        (complete.status, complete.json()),
        (StatusCode::OK, json!({ "content_uri": mxc.to_string() }))
    );
    let back = client.follow(client.download(&mxc).await).await;
    assert_eq!((back.status, back.body == photo), (StatusCode::OK, true));
    assert_eq!(back.header("content-type"), "image/jpeg");
    assert_eq!(back.header("content-disposition"), "inline; filename*=utf-8''Gipfel%20%E2%98%80.jpg");

    assert_eq!(server.thumbnails_of(&mxc).await.len(), USUAL.len());
    let record = server.gateway.deps().store.records.get_latest(&mxc).await.unwrap().unwrap();
    let digest = record.content().unwrap().sha256.expect("hashed by ingest");
    assert_eq!(digest.0, <[u8; 32]>::from(Sha256::digest(&photo)));
    assert_eq!(server.references_to(&digest).await, std::slice::from_ref(&mxc));
    assert_eq!(staging_objects(&server).await, 0);
    let after = server.sdk_calls();
    assert_eq!(after["CopyObject"], 1);
    let puts = |calls: &std::collections::BTreeMap<String, u64>| calls.get("PutObject").copied().unwrap_or(0);
    let kept_as_objects =
        server.objects_in_s3().await.keys().filter(|key| key.starts_with("thumbnails/")).count();
    assert_eq!(puts(&after) - puts(&received), kept_as_objects as u64, "no function put the bytes anywhere");
    let etag = client.follow(client.download(&mxc).await).await.header("etag").to_owned();
    assert_eq!(etag, format!("\"{digest}\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_it_twice_is_told_the_same_twice() {
    let server = Server::start().await;
    let client = server.client();
    let (mxc, _) = staged(&client, "bytes", None).await;
    for _ in 0..2 {
        let complete = client.complete(&mxc, "").await;
        assert_eq!(complete.json(), json!({ "content_uri": mxc.to_string() }));
    }
    let path = format!("/_matrix/media/v1/upload/{}/{}/complete", mxc.origin, mxc.media_id);
    let stable = Answer::of(client.request(http::Method::POST, &path)).await;
    assert_eq!(stable.status, StatusCode::OK, "the proposal's own path");
    let back = client.follow(client.download(&mxc).await).await;
    assert_eq!((back.header("content-type"), &back.body[..]), ("application/octet-stream", &b"bytes"[..]));
    let (two, _) = staged(&client, "more", Some("text/plain")).await;
    let answers = futures_util::future::join_all((0..4).map(|_| client.complete(&two, ""))).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK), "{answers:?}");
    assert_eq!(client.follow(client.download(&two).await).await.body, "more");
    assert_eq!(server.left_in_s3().await, (2, 0), "of each its one object");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_of_a_forbidden_type_or_over_quota_is_deleted_and_refused() {
    let server = Setup::new()
        .set("MEDIA_MAX_DIRECT_UPLOAD_BYTES", "1000")
        .set("MEDIA_FORBIDDEN_TYPES", "video/*")
        .set("MEDIA_USER_QUOTA_BYTES", "1500")
        .start()
        .await;
    let client = server.client();
    let (large, _) = staged(&client, vec![0; 1001], None).await;
    assert_eq!(client.complete(&large, "").await.refusal(), "413 M_TOO_LARGE");
    let (video, _) = staged(&client, "x", Some("video/mp4")).await;
    assert_eq!(client.complete(&video, "").await.refusal(), "403 M_FORBIDDEN");
    let (fits, _) = staged(&client, vec![0; 1000], None).await;
    assert_eq!(client.complete(&fits, "").await.status, StatusCode::OK);
    let (over, _) = staged(&client, vec![0; 501], None).await;
    assert_eq!(client.complete(&over, "").await.refusal(), "403 M_FORBIDDEN");
    assert_eq!(server.left_in_s3().await, (1, 0), "only what was accepted");
    assert_eq!(client.complete(&over, "").await.refusal(), "404 M_NOT_FOUND", "nothing lies there any more");
    assert_eq!(client.put(&large, "x", "a/b", "").await.status, StatusCode::OK, "the name still waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_becomes_media_that_was_not_put_or_is_not_ones_own() {
    let server = Server::start().await;
    let client = server.client();
    let (mxc, reply) = client.create().await;
    assert_eq!(client.complete(&mxc, "").await.refusal(), "404 M_NOT_FOUND", "nothing was put");
    let url = reply[UPLOAD_URL].as_str().unwrap().to_owned();
    assert_eq!(put(&url, "bytes", None).await.status, StatusCode::OK);
    let bob = client.with_token(support::server::OTHER_TOKEN);
    assert_eq!(bob.complete(&mxc, "").await.refusal(), "403 M_FORBIDDEN");
    assert_eq!(server.stranger().complete(&mxc, "").await.refusal(), "401 M_MISSING_TOKEN");
    let unknown = Mxc::new_on(&mxc.origin);
    assert_eq!(client.complete(&unknown, "").await.refusal(), "404 M_NOT_FOUND");
    let foreign = "mxc://elsewhere.example/a".parse().unwrap();
    assert_eq!(client.complete(&foreign, "").await.refusal(), "404 M_NOT_FOUND");
    // The URL is for putting one object, not for reading it, nor for another.
    assert_eq!(Answer::of(plain_http().get(&url)).await.status, StatusCode::FORBIDDEN);
    let elsewhere = url.replace("/staging/", "/originals/");
    assert_eq!(put(&elsewhere, "bytes", None).await.status, StatusCode::FORBIDDEN);
    // A plain PUT through us may fill the name all the same; what lies in staging is then nobody's.
    assert_eq!(client.put(&mxc, "by PUT", "a/b", "").await.status, StatusCode::OK);
    assert_eq!(client.follow(client.download(&mxc).await).await.body, "by PUT");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_accepted_is_swept_once_its_time_is_certainly_over() {
    let server = Server::start().await;
    let client = server.client();
    staged(&client, "abandoned", None).await;
    let blobs = &server.gateway.deps().store.blobs;
    let sweep = || blobs.sweep_staging(server.surroundings.clock.now() - Duration::from_hours(48));
    assert_eq!(sweep().await.unwrap(), 0, "it may still be accepted");
    server.surroundings.clock.advance(Duration::from_hours(49));
    assert_eq!(sweep().await.unwrap(), 1);
    assert_eq!(server.left_in_s3().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_switched_off_nobody_is_invited() {
    let server = Setup::new().set("MEDIA_DIRECT_UPLOADS", "false").start().await;
    let client = server.client();
    let (mxc, reply) = client.create().await;
    assert_eq!(reply[UPLOAD_URL], Value::Null);
    assert_eq!(client.complete(&mxc, "").await.refusal(), "404 M_NOT_FOUND");
    assert_eq!(client.put(&mxc, "bytes", "a/b", "").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_it_is_woken_when_it_is_complete() {
    let server = Server::start().await;
    let client = server.client();
    let (mxc, _) = staged(&client, Bytes::from_static(b"bytes"), Some("text/plain")).await;
    let looks = server.sdk_calls_of("GetItem");
    let waits = tokio::spawn({
        let (client, mxc) = (client.clone(), mxc.clone());
        async move { client.follow(client.download(&mxc).await).await }
    });
    eventually("a look in vain", || async { (server.sdk_calls_of("GetItem") > looks + 1).then_some(()) })
        .await;
    assert_eq!(client.complete(&mxc, "").await.status, StatusCode::OK);
    assert_eq!(waits.await.unwrap().body, "bytes");
}
