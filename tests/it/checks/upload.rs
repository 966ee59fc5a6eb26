//! Checks 1 to 16: uploading, at once or by name.

use std::time::Duration;

use futures_util::future::join;
use http::{Method, StatusCode};
use serde_json::json;
use support::{Answer, Server, Setup, eventually, homeserver::Homeserver};

use crate::identity::beside;

const UPLOAD: &str = "/_matrix/media/v3/upload";
const CREATE: &str = "/_matrix/media/v1/create";

#[tokio::test(flavor = "multi_thread")]
async fn check_01_an_upload_is_answered_with_a_name_of_ours() {
    let server = Server::start().await;
    for path in [UPLOAD, "/_matrix/media/r0/upload", "/_matrix/media/v1/upload"] {
        let answer = Answer::of(server.client().request(Method::POST, path).body("x")).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
        let uri = answer.json()["content_uri"].as_str().unwrap().to_owned();
        let id = uri.strip_prefix("mxc://example.org/").expect(&uri);
        assert!(
            !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)),
            "{id}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_02_an_upload_without_a_token_or_with_a_wrong_one_is_refused() {
    let server = Server::start().await;
    let stranger = server.stranger();
    assert_eq!(stranger.try_upload("x", "a/b", "").await.refusal(), "401 M_MISSING_TOKEN");
    let garbage = stranger.with_token("garbage");
    assert_eq!(garbage.try_upload("x", "a/b", "").await.refusal(), "401 M_UNKNOWN_TOKEN");
    assert_eq!(garbage.try_create().await.refusal(), "401 M_UNKNOWN_TOKEN");
    assert_eq!(server.left_in_s3().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_03_an_upload_without_a_type_is_an_octet_stream() {
    let server = Server::start().await;
    let client = server.client();
    let answer = Answer::of(client.request(Method::POST, UPLOAD).body("x")).await;
    let mxc = answer.json()["content_uri"].as_str().unwrap().parse().unwrap();
    let back = client.follow(client.download(&mxc).await).await;
    assert_eq!(back.header("content-type"), "application/octet-stream");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_04_equal_uploads_have_different_names() {
    let server = Server::start().await;
    let client = server.client();
    let one = client.upload("same", "text/plain", "same.txt").await;
    assert_ne!(one, client.upload("same", "text/plain", "same.txt").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_05_a_body_over_the_limit_is_too_large_in_json_with_cors() {
    let server = Setup::new().set("MEDIA_MAX_UPLOAD_BYTES", "1000").start().await;
    let client = server.client();
    // `refusal` holds JSON and CORS.
    assert_eq!(client.try_upload(vec![0; 1001], "a/b", "").await.refusal(), "413 M_TOO_LARGE");
    let (mxc, _) = client.create().await;
    assert_eq!(client.put(&mxc, vec![0; 1001], "a/b", "").await.refusal(), "413 M_TOO_LARGE");
    assert_eq!(server.left_in_s3().await, (0, 0));
    assert_eq!(
        client.put(&mxc, vec![0; 1000], "a/b", "").await.status,
        StatusCode::OK,
        "the name still waits"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn check_06_a_forbidden_type_and_a_full_quota_are_forbidden() {
    let server = Setup::new()
        .set("MEDIA_FORBIDDEN_TYPES", "application/x-msdownload,video/*")
        .set("MEDIA_USER_QUOTA_BYTES", "1000")
        .start()
        .await;
    let client = server.client();
    for forbidden in ["Application/X-MSDownload", "video/mp4; codecs=avc1"] {
        assert_eq!(client.try_upload("x", forbidden, "").await.refusal(), "403 M_FORBIDDEN");
    }
    client.upload(vec![0; 600], "a/b", "").await;
    assert_eq!(client.try_upload(vec![0; 401], "a/b", "").await.refusal(), "403 M_FORBIDDEN");
    // A length that nobody announced is known only at the end.
    let pieces = [Ok::<_, std::io::Error>(vec![0; 200]), Ok(vec![0; 201])];
    let unannounced = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    assert_eq!(client.try_upload(unannounced, "a/b", "").await.refusal(), "403 M_FORBIDDEN");
    assert_eq!(server.left_in_s3().await, (1, 0), "what was refused left nothing behind");
    client.upload(vec![0; 400], "a/b", "").await;
    assert_eq!(client.try_upload("x", "a/b", "").await.refusal(), "403 M_FORBIDDEN");
    let bob = client.with_token(support::server::OTHER_TOKEN);
    bob.upload(vec![0; 1000], "a/b", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_07_an_empty_upload_is_taken_and_comes_back_empty() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload("", "text/plain", "empty.txt").await;
    let back = client.follow(client.download(&mxc).await).await;
    assert_eq!((back.status, back.body.len()), (StatusCode::OK, 0));
    assert_eq!(back.header("content-disposition"), "inline; filename=empty.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_08_guests_may_not_upload() {
    let homeserver = Homeserver::start().await;
    let guest = json!({ "user_id": "@guest:example.org", "is_guest": true });
    homeserver.answers_with("guest", StatusCode::OK, guest);
    let server = beside(&homeserver).await;
    let guest = server.client().with_token("guest");
    assert_eq!(guest.try_upload("x", "a/b", "").await.refusal(), "403 M_GUEST_ACCESS_FORBIDDEN");
    assert_eq!(guest.try_create().await.refusal(), "403 M_GUEST_ACCESS_FORBIDDEN");
    let mxc = media_core::Mxc::new_on(&server.gateway.deps().server_name);
    assert_eq!(guest.put(&mxc, "x", "a/b", "").await.refusal(), "403 M_GUEST_ACCESS_FORBIDDEN");
    assert_eq!(guest.complete(&mxc, "").await.refusal(), "403 M_GUEST_ACCESS_FORBIDDEN");
    assert_eq!(server.left_in_s3().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_09_a_name_is_created_with_and_without_a_body_and_says_when_it_expires() {
    let server = Server::start().await;
    let client = server.client();
    for body in [None, Some("{}")] {
        let request = client.request(Method::POST, CREATE);
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body),
            None => request,
        };
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, StatusCode::OK);
        let reply = answer.json();
        assert!(reply["content_uri"].as_str().unwrap().starts_with("mxc://example.org/"));
        let expires_ms = reply["unused_expires_at"].as_u64().expect("an integer");
        let now_ms = server.surroundings.clock.now().0;
        let day_ms = 24 * 60 * 60 * 1000;
        assert!(expires_ms.abs_diff(now_ms + day_ms) < 60_000, "{expires_ms} seen from {now_ms}");
    }
    let other = Answer::of(client.request(Method::POST, "/_matrix/media/v3/create")).await;
    assert_eq!(other.refusal(), "404 M_UNRECOGNIZED", "it exists under v1 alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_10_names_that_wait_are_limited_and_filling_one_frees_a_place() {
    let server = Server::start().await;
    let client = server.client();
    let mut names = Vec::new();
    for _ in 0..5 {
        names.push(client.create().await.0);
    }
    let refused = client.try_create().await;
    assert_eq!(refused.refusal(), "429 M_LIMIT_EXCEEDED");
    let retry_after: u64 = refused.header("retry-after").parse().unwrap();
    assert!((86_000..=86_401).contains(&retry_after), "when the first of them expires: {retry_after}");
    let bob = client.with_token(support::server::OTHER_TOKEN);
    assert_eq!(bob.try_create().await.status, StatusCode::OK, "the limit is each user's own");

    assert_eq!(client.put(&names[0], "x", "a/b", "").await.status, StatusCode::OK);
    client.create().await;
    assert_eq!(client.try_create().await.refusal(), "429 M_LIMIT_EXCEEDED");

    server.surroundings.clock.advance(Duration::from_hours(25));
    client.create().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_11_the_creator_fills_a_name_and_bytes_type_and_file_name_come_back() {
    let server = Server::start().await;
    let client = server.client();
    let (mxc, _) = client.create().await;
    let answer = client.put(&mxc, "bytes", "text/plain", "Grüße.txt").await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({})));
    let back = client.follow(client.download(&mxc).await).await;
    assert_eq!((back.status, &back.body[..]), (StatusCode::OK, &b"bytes"[..]));
    assert_eq!(back.header("content-type"), "text/plain");
    assert_eq!(back.header("content-disposition"), "inline; filename*=utf-8''Gr%C3%BC%C3%9Fe.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_12_a_name_is_filled_once_even_by_nothing() {
    let server = Server::start().await;
    let client = server.client();
    let (mxc, _) = client.create().await;
    assert_eq!(client.put(&mxc, "first", "text/plain", "").await.status, StatusCode::OK);
    let path = format!("/_matrix/media/v3/upload/{}/{}", mxc.origin, mxc.media_id);
    let again = Answer::of(client.request(Method::PUT, &path)).await;
    assert_eq!(again.refusal(), "409 M_CANNOT_OVERWRITE_MEDIA");
    let again = client.put(&mxc, "second", "text/plain", "").await;
    assert_eq!(again.refusal(), "409 M_CANNOT_OVERWRITE_MEDIA");
    assert_eq!(client.follow(client.download(&mxc).await).await.body, "first");
    assert_eq!(server.left_in_s3().await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_13_nobody_else_fills_a_name() {
    let server = Server::start().await;
    let (mxc, _) = server.client().create().await;
    let bob = server.client().with_token(support::server::OTHER_TOKEN);
    assert_eq!(bob.put(&mxc, "x", "a/b", "").await.refusal(), "403 M_FORBIDDEN");
    assert_eq!(bob.complete(&mxc, "").await.refusal(), "403 M_FORBIDDEN");
    assert_eq!(server.client().put(&mxc, "x", "a/b", "").await.status, StatusCode::OK);
    assert_eq!(bob.put(&mxc, "x", "a/b", "").await.refusal(), "403 M_FORBIDDEN", "also once it is filled");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_14_unknown_expired_and_foreign_names_are_not_found() {
    let server = Server::start().await;
    let client = server.client();
    let unknown = "mxc://example.org/AAAA".parse().unwrap();
    assert_eq!(client.put(&unknown, "x", "a/b", "").await.refusal(), "404 M_NOT_FOUND");
    let foreign = "mxc://elsewhere.example/AAAA".parse().unwrap();
    assert_eq!(client.put(&foreign, "x", "a/b", "").await.refusal(), "404 M_NOT_FOUND");
    let (mxc, _) = client.create().await;
    server.surroundings.clock.advance(Duration::from_hours(24));
    assert_eq!(client.put(&mxc, "x", "a/b", "").await.refusal(), "404 M_NOT_FOUND");
    assert_eq!(server.left_in_s3().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_15_a_name_from_a_plain_upload_has_content() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload("x", "a/b", "").await;
    assert_eq!(client.put(&mxc, "y", "a/b", "").await.refusal(), "409 M_CANNOT_OVERWRITE_MEDIA");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_16_of_two_who_fill_a_name_at_once_one_wins_and_the_other_leaves_nothing() {
    let server = Server::start().await;
    let client = server.client();
    for round in 0..5 {
        let (mxc, _) = client.create().await;
        // The same bytes every other time: the reference must survive the loser.
        let (one, two) = (format!("one {round}"), format!("{} {round}", ["one", "two"][round % 2]));
        let (first, second) =
            join(client.put(&mxc, one.clone(), "a/b", ""), client.put(&mxc, two.clone(), "a/b", "")).await;
        let (winner, loser) = if first.status == StatusCode::OK { (one, second) } else { (two, first) };
        assert_eq!(loser.refusal(), "409 M_CANNOT_OVERWRITE_MEDIA");
        assert_eq!(client.follow(client.download(&mxc).await).await.body, winner);
        // Of equal bytes the winner's own object may be the spare one, which goes when S3 has told of it.
        eventually("the loser to leave no object", || async {
            (server.left_in_s3().await == (round + 1, 0)).then_some(())
        })
        .await;
        let record = server.gateway.deps().store.records.get_latest(&mxc).await.unwrap().unwrap();
        let digest = record.content().unwrap().sha256.unwrap();
        assert_eq!(server.references_to(&digest).await, [mxc]);
    }
}
