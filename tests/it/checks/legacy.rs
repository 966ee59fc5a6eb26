//! Checks 41 to 46: the old paths that ask for no token, and what they ask one for all the same.

use http::StatusCode;
use support::{Authority, Server, Setup};

use crate::federation::server_behind_tls;

/// A freeze that is far away, or long past.
const SINCE: &str = "MEDIA_LEGACY_FROZEN_SINCE";
const NEVER: &str = "2999-01-01T00:00:00Z";
const LONG_AGO: &str = "2000-01-01T00:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn check_41_the_bytes_come_without_a_redirect_unless_one_is_asked_for() {
    let server = Setup::new().set(SINCE, NEVER).start().await;
    let mxc = server.client().upload("bytes", "text/plain", "a.txt").await;
    let stranger = server.stranger();
    for query in ["", "allow_redirect=false"] {
        let answer = stranger.legacy_download(&mxc, query).await;
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"bytes"[..]));
        assert_eq!(answer.header("content-type"), "text/plain");
        assert_eq!(answer.header("content-disposition"), "inline; filename=a.txt");
    }
    let redirect = stranger.legacy_download(&mxc, "allow_redirect=true").await;
    assert_eq!(redirect.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(stranger.follow(redirect).await.body, "bytes");
    let odd = stranger.legacy_download(&mxc, "allow_redirect=yes").await;
    assert_eq!(odd.refusal(), "400 M_INVALID_PARAM");
    for version in ["r0", "v1", "v3"] {
        let path = format!("/_matrix/media/{version}/download/{}/{}/b.txt", mxc.origin, mxc.media_id);
        let answer = stranger.get(&path).await;
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"bytes"[..]));
        assert_eq!(answer.header("content-disposition"), "inline; filename=b.txt");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_42_foreign_media_is_not_fetched_for_who_does_not_want_it() {
    let authority = Authority::new();
    let origin = server_behind_tls(&authority, Setup::new()).await;
    let home = server_behind_tls(&authority, Setup::new().set(SINCE, NEVER)).await;
    let mxc = origin.client().upload("bytes", "text/plain", "").await;
    let (asked, stranger) = (origin.sdk_calls_of("GetItem"), home.stranger());
    let thumbnail = format!("/_matrix/media/v3/thumbnail/{}/{}", mxc.origin, mxc.media_id);
    for _ in 0..2 {
        let answer = stranger.legacy_download(&mxc, "allow_remote=false").await;
        assert_eq!(answer.refusal(), "404 M_NOT_FOUND");
        let answer = stranger.get(&format!("{thumbnail}?width=1&height=1&allow_remote=false")).await;
        assert_eq!(answer.refusal(), "404 M_NOT_FOUND");
    }
    assert_eq!(origin.sdk_calls_of("GetItem"), asked, "the origin was not asked");
    assert_eq!(stranger.legacy_download(&mxc, "allow_remote=true").await.body, "bytes");
    let answer = stranger.legacy_download(&mxc, "allow_remote=false").await;
    assert_eq!(answer.refusal(), "404 M_NOT_FOUND", "also once it is here");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_43_what_was_stored_under_the_freeze_is_not_there_even_with_a_token() {
    for since in ["always", LONG_AGO] {
        let authority = Authority::new();
        let origin = server_behind_tls(&authority, Setup::new()).await;
        let home = server_behind_tls(&authority, Setup::new().set(SINCE, since)).await;
        let client = home.client();
        let ours = client.upload(support::photos::fixture("transparent.png"), "image/png", "").await;
        let theirs = origin.client().upload("bytes", "text/plain", "").await;
        let asked = origin.sdk_calls_of("GetItem");
        for client in [home.client(), home.stranger()] {
            for mxc in [&ours, &theirs] {
                assert_eq!(client.legacy_download(mxc, "").await.refusal(), "404 M_NOT_FOUND");
                let path = format!("/_matrix/media/r0/thumbnail/{}/{}", mxc.origin, mxc.media_id);
                let answer = client.get(&format!("{path}?width=32&height=32")).await;
                assert_eq!(answer.refusal(), "404 M_NOT_FOUND");
            }
        }
        assert_eq!(origin.sdk_calls_of("GetItem"), asked, "nothing was fetched for the old paths");
        for mxc in [&ours, &theirs] {
            assert_eq!(client.follow(client.download(mxc).await).await.status, StatusCode::OK);
            assert_eq!(client.legacy_download(mxc, "").await.refusal(), "404 M_NOT_FOUND", "fetched since");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_44_what_is_from_before_the_freeze_and_what_is_exempt_is_there() {
    let before = Setup::new().set(SINCE, NEVER).start().await;
    let photo = support::photos::fixture("transparent.png");
    let old = before.client().upload(photo.clone(), "image/png", "").await;
    let (created, _) = before.client().create().await;
    let after = before.restart_with(&[(SINCE, LONG_AGO)]).await;
    let client = after.client();
    let icon = client.upload("icon", "image/png", "").await;
    let new = client.upload("new", "text/plain", "").await;
    assert_eq!(client.put(&created, "late", "text/plain", "").await.status, StatusCode::OK);

    let after = after.restart_with(&[("MEDIA_LEGACY_EXEMPT", &icon.to_string())]).await;
    let stranger = after.stranger();
    assert_eq!(stranger.legacy_download(&old, "").await.body, photo);
    let path = format!("/_matrix/media/v3/thumbnail/{}/{}?width=320&height=240", old.origin, old.media_id);
    let small = stranger.get(&path).await;
    assert_eq!((small.status, small.header("content-type")), (StatusCode::OK, "image/png"));
    assert_eq!(stranger.legacy_download(&icon, "").await.body, "icon");
    assert_eq!(stranger.legacy_download(&new, "").await.refusal(), "404 M_NOT_FOUND");
    let late = stranger.legacy_download(&created, "").await;
    assert_eq!(late.refusal(), "404 M_NOT_FOUND", "created before, uploaded after");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_45_the_old_config_asks_for_a_token() {
    let server = Server::start().await;
    for version in ["v3", "r0", "v1"] {
        let answer = server.stranger().get(&format!("/_matrix/media/{version}/config")).await;
        assert_eq!(answer.refusal(), "401 M_MISSING_TOKEN");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_46_config_says_the_limit_that_uploads_are_held_to() {
    let server = Setup::new().set("MEDIA_MAX_UPLOAD_BYTES", "12345").start().await;
    let client = server.client();
    for path in ["/_matrix/client/v1/media/config", "/_matrix/media/v3/config"] {
        let answer = client.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
        let size = answer.json()["m.upload.size"].as_u64().expect("an integer");
        let size = usize::try_from(size).unwrap();
        assert_eq!(client.try_upload(vec![0; size], "a/b", "").await.status, StatusCode::OK);
        assert_eq!(client.try_upload(vec![0; size + 1], "a/b", "").await.refusal(), "413 M_TOO_LARGE");
    }
}
