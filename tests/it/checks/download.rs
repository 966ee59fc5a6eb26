//! Checks 17 to 40: downloading, names, headers, waiting, and what every path answers.

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use media_core::Mxc;
use serde_json::json;
use support::{Answer, Client, Server, Setup, eventually, homeserver::Homeserver};

use crate::identity::beside;

/// The types that a browser may show by itself (client-server API, "Content repository").
const INLINE: [&str; 26] = [
    "text/css",
    "text/plain",
    "text/csv",
    "application/json",
    "application/ld+json",
    "image/jpeg",
    "image/gif",
    "image/png",
    "image/apng",
    "image/webp",
    "image/avif",
    "video/mp4",
    "video/webm",
    "video/ogg",
    "video/quicktime",
    "audio/mp4",
    "audio/webm",
    "audio/aac",
    "audio/mpeg",
    "audio/ogg",
    "audio/wave",
    "audio/wav",
    "audio/x-wav",
    "audio/x-pn-wav",
    "audio/flac",
    "audio/x-flac",
];

async fn uploaded(client: &Client, content_type: &str, name: &str) -> Answer {
    let mxc = client.upload("bytes", content_type, name).await;
    client.follow(client.download(&mxc).await).await
}

async fn waiting(client: &Client, mxc: &Mxc, timeout_ms: &str) -> Answer {
    let Mxc { origin, media_id } = mxc;
    client
        .get(&format!("/_matrix/client/v1/media/download/{origin}/{media_id}?timeout_ms={timeout_ms}"))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn check_17_without_a_token_nothing_else_is_judged() {
    let server = Server::start().await;
    for path in [
        "/_matrix/client/v1/media/download/example.org/abc",
        "/_matrix/client/v1/media/download/mxc:%2F%2Fhs1%2Fabc/x",
        "/_matrix/client/v1/media/thumbnail/example.org/abc",
        "/_matrix/client/v1/media/download/%5B::1/..%2f?timeout_ms=abc",
    ] {
        assert_eq!(server.stranger().get(path).await.refusal(), "401 M_MISSING_TOKEN", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_18_with_a_token_the_identical_bytes_come_through_a_redirect() {
    let server = Server::start().await;
    let client = server.client();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let mxc = client.upload(bytes.clone(), "application/x-any", "").await;
    let redirect = client.download(&mxc).await;
    assert_eq!(redirect.status, StatusCode::TEMPORARY_REDIRECT);
    let back = client.follow(redirect).await;
    assert_eq!((back.status, back.body == bytes), (StatusCode::OK, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_19_guests_may_download() {
    let homeserver = Homeserver::start().await;
    homeserver.knows("alice", "@alice:example.org");
    let guest = json!({ "user_id": "@guest:example.org", "is_guest": true });
    homeserver.answers_with("guest", StatusCode::OK, guest);
    let server = beside(&homeserver).await;
    let mxc = server.client().with_token("alice").upload("x", "text/plain", "").await;
    let guest = server.client().with_token("guest");
    assert_eq!(guest.follow(guest.download(&mxc).await).await.body, "x");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_20_types_come_back_as_they_were_uploaded() {
    let server = Server::start().await;
    for content_type in ["image/png", "img/png", "text/plain", "Text/Plain; charset=utf-8", "x"] {
        let back = uploaded(&server.client(), content_type, "").await;
        assert_eq!(back.header("content-type"), content_type);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_21_there_is_a_disposition_always() {
    let server = Server::start().await;
    for content_type in ["image/png", "text/html", "nonsense"] {
        let back = uploaded(&server.client(), content_type, "").await;
        let first = back.header("content-disposition").split(';').next().unwrap().to_owned();
        assert!(["inline", "attachment"].contains(&first.as_str()), "{first}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_22_only_listed_types_are_shown_inline() {
    let server = Server::start().await;
    let client = server.client();
    for safe in INLINE {
        assert_eq!(uploaded(&client, safe, "").await.header("content-disposition"), "inline", "{safe}");
    }
    let unsafe_types =
        ["text/html", "image/svg+xml", "application/pdf", "application/javascript", "unknown/unknown"];
    for unsafe_type in unsafe_types {
        let back = uploaded(&client, unsafe_type, "").await;
        assert_eq!(back.header("content-disposition"), "attachment", "{unsafe_type}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_23_parameters_and_letter_case_of_a_type_do_not_matter() {
    let server = Server::start().await;
    let back = uploaded(&server.client(), "Text/Plain; charset=utf-8", "").await;
    assert_eq!(back.header("content-disposition"), "inline");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_24_every_file_name_comes_back_unchanged() {
    let server = Server::start().await;
    for name in ["ascii", "name with spaces", "name;with;semicolons", "quo\"te\\", "\u{1F414}"] {
        let back = uploaded(&server.client(), "image/png", name).await;
        let read = media_core::disposition::file_name_of(back.header("content-disposition"));
        assert_eq!(read.as_deref(), Some(name));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_25_without_a_name_none_is_made_up() {
    let server = Server::start().await;
    let back = uploaded(&server.client(), "image/png", "").await;
    assert!(!back.header("content-disposition").contains("filename"));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_26_the_name_in_the_path_is_the_one() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload("x", "image/png", "uploaded.png").await;
    for (segment, name) in [
        ("file.png", "file.png"),
        ("%E2%98%95", "\u{2615}"),
        ("a%2Fb", "a/b"),
        ("a%3Fb", "a?b"),
        ("a%25b", "a%b"),
    ] {
        let path = format!("/_matrix/client/v1/media/download/{}/{}/{segment}", mxc.origin, mxc.media_id);
        let back = client.follow(client.get(&path).await).await;
        let read = media_core::disposition::file_name_of(back.header("content-disposition"));
        assert_eq!(read.as_deref(), Some(name));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_27_a_file_name_cannot_add_a_header() {
    let server = Server::start().await;
    let client = server.client();
    let back = uploaded(&client, "image/png", "a\r\nSet-Cookie: b=c\r\n\r\n<html>").await;
    assert!(!back.headers.contains_key("set-cookie"));
    assert_eq!(back.body, "bytes");
    let mxc = client.upload("bytes", "image/png", "").await;
    let path =
        format!("/_matrix/client/v1/media/download/{}/{}/a%0D%0ASet-Cookie:%20b=c", mxc.origin, mxc.media_id);
    let redirect = client.get(&path).await;
    assert!(!redirect.headers.contains_key("set-cookie"));
    let back = client.follow(redirect).await;
    assert!(!back.headers.contains_key("set-cookie"));
    assert_eq!(back.header("content-disposition"), "inline; filename=\"aSet-Cookie: b=c\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_28_the_final_answer_has_a_content_security_policy() {
    let server = Setup::new().set("MEDIA_LEGACY_FROZEN_SINCE", "2999-01-01T00:00:00Z").start().await;
    let client = server.client();
    let mxc = client.upload("<script>", "text/html", "").await;
    let through_redirect = client.follow(client.download(&mxc).await).await;
    for answer in [through_redirect, client.legacy_download(&mxc, "").await] {
        assert_eq!(answer.status, StatusCode::OK);
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("sandbox;") && policy.contains("default-src 'none'"), "{policy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_29_the_final_answer_may_be_used_by_other_origins() {
    let server = Server::start().await;
    let back = uploaded(&server.client(), "image/png", "").await;
    assert_eq!(back.header("cross-origin-resource-policy"), "cross-origin");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_30_every_status_and_the_target_of_a_redirect_have_cors() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload("x", "text/plain", "").await;
    let redirect = client.download(&mxc).await;
    let (pending, _) = client.create().await;
    for (answer, status) in [
        (client.follow(redirect.clone()).await, 200),
        (redirect, 307),
        (client.get("/_matrix/client/v1/media/config").await, 200),
        (client.get("/_matrix/client/v1/media/download/example.org/AAAA").await, 404),
        (server.stranger().download(&mxc).await, 401),
        (waiting(&client, &pending, "0").await, 504),
        (client.get("/_matrix/client/v1/media/download/127.0.0.1:1/AAAA").await, 502),
        (client.get("/_matrix/nonsense").await, 404),
    ] {
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_31_unknown_media_is_not_an_unknown_endpoint() {
    let server = Server::start().await;
    let answer = server.client().get("/_matrix/client/v1/media/download/example.org/AAAA").await;
    assert_eq!(answer.refusal(), "404 M_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_32_impossible_ids_ask_nobody() {
    let server = Setup::new().set("MEDIA_LEGACY_FROZEN_SINCE", "2999-01-01T00:00:00Z").start().await;
    let client = server.client();
    let calls = server.sdk_calls();
    for id in ["a.b", "..", "a%2Fb", "%2e%2e%2f", "a%00", "%C3%A4", "%ff", "a%20b", &"a".repeat(256)] {
        for origin in ["example.org", "127.0.0.1:1"] {
            for path in ["client/v1/media/download", "client/v1/media/thumbnail", "media/v3/download"] {
                let answer = client.get(&format!("/_matrix/{path}/{origin}/{id}?width=1&height=1")).await;
                assert!(answer.status.is_client_error(), "{path} {id}: {answer:?}");
                assert!(!answer.refusal().is_empty());
            }
        }
    }
    assert_eq!(server.sdk_calls(), calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_33_impossible_server_names_ask_nobody() {
    let server = Setup::new().set("MEDIA_LEGACY_FROZEN_SINCE", "2999-01-01T00:00:00Z").start().await;
    let client = server.client();
    let calls = server.sdk_calls();
    for name in ["a%20b", "..", "%2e%2e", "user@host", "%5B::1", "host:99999", "a%2Fb", "%C3%A4.example"] {
        for path in ["client/v1/media/download", "client/v1/media/thumbnail", "media/v3/download"] {
            let answer = client.get(&format!("/_matrix/{path}/{name}/abc?width=1&height=1")).await;
            assert!(answer.status.is_client_error(), "{path} {name}: {answer:?}");
            assert!(!answer.refusal().is_empty());
        }
    }
    assert_eq!(server.sdk_calls(), calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_34_media_that_is_not_there_yet_is_said_to_be_so_at_once_when_nobody_waits() {
    let server = Server::start().await;
    let client = server.client();
    let (mxc, _) = client.create().await;
    let before = server.sdk_calls_of("GetItem");
    assert_eq!(waiting(&client, &mxc, "0").await.refusal(), "504 M_NOT_YET_UPLOADED");
    assert_eq!(server.sdk_calls_of("GetItem") - before, 1, "it looked once");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_35_who_waits_is_answered_as_soon_as_the_upload_is_there() {
    let server = Server::start().await;
    let client = server.client();
    let mut quickest = Duration::MAX;
    // A machine that is busy with other tests may be slow once; looks that are a second apart are slow every time.
    for _ in 0..3 {
        let (mxc, _) = client.create().await;
        let looks = server.sdk_calls_of("GetItem");
        let waits = tokio::spawn({
            let (client, mxc) = (client.clone(), mxc.clone());
            async move { (waiting(&client, &mxc, "30000").await, Instant::now()) }
        });
        // By then the pauses between two looks have grown, and the next look is far away.
        eventually("looks in vain", || async { (server.sdk_calls_of("GetItem") >= looks + 5).then_some(()) })
            .await;
        assert!(!waits.is_finished());
        assert_eq!(client.put(&mxc, "late", "text/plain", "").await.status, StatusCode::OK);
        let put_at = Instant::now();
        let (answer, answered_at) = waits.await.unwrap();
        assert_eq!(client.follow(answer).await.body, "late");
        quickest = quickest.min(answered_at.saturating_duration_since(put_at));
    }
    assert!(quickest < Duration::from_millis(200), "the bell, and not the next look: {quickest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_35_who_waits_in_vain_is_told_when_the_time_is_over() {
    let server = Server::start().await;
    let client = server.client();
    let (mxc, _) = client.create().await;
    let began = Instant::now();
    assert_eq!(waiting(&client, &mxc, "1500").await.refusal(), "504 M_NOT_YET_UPLOADED");
    assert!(began.elapsed() >= Duration::from_millis(1500));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_36_nobody_waits_longer_than_the_operator_allows() {
    let server = Setup::new().set("MEDIA_WAIT_MAX_MS", "300").start().await;
    let client = server.client();
    let (mxc, _) = client.create().await;
    let answer = tokio::time::timeout(Duration::from_secs(20), waiting(&client, &mxc, "99999999")).await;
    assert_eq!(answer.expect("a cap").refusal(), "504 M_NOT_YET_UPLOADED");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_37_what_was_never_uploaded_in_time_is_not_found() {
    let server = Server::start().await;
    let client = server.client();
    let (mxc, _) = client.create().await;
    server.surroundings.clock.advance(Duration::from_hours(24));
    assert_eq!(waiting(&client, &mxc, "20000").await.refusal(), "404 M_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_38_a_locked_account_is_told_so() {
    let homeserver = Homeserver::start().await;
    let locked = json!({ "errcode": "M_USER_LOCKED", "error": "x", "soft_logout": true });
    homeserver.answers_with("locked", StatusCode::UNAUTHORIZED, locked);
    let server = beside(&homeserver).await;
    let client = server.client().with_token("locked");
    let mxc = "mxc://example.org/AAAA".parse().unwrap();
    for answer in [
        client.download(&mxc).await,
        client.thumbnail(&mxc, "width=1&height=1").await,
        client.try_upload("x", "a/b", "").await,
        client.try_create().await,
        client.put(&mxc, "x", "a/b", "").await,
        client.get("/_matrix/client/v1/media/config").await,
    ] {
        assert_eq!(answer.refusal(), "401 M_USER_LOCKED");
        assert_eq!(answer.json()["soft_logout"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_39_a_preflight_is_answered_on_each_path_and_creates_nothing() {
    let server = Server::start().await;
    let calls = server.sdk_calls();
    for path in [
        "/_matrix/media/v3/upload",
        "/_matrix/media/v1/create",
        "/_matrix/media/v3/upload/example.org/abc",
        "/_matrix/media/v1/upload/example.org/abc/complete",
        "/_matrix/client/v1/media/config",
        "/_matrix/media/v3/config",
        "/_matrix/client/v1/media/download/example.org/abc",
        "/_matrix/client/v1/media/download/example.org/abc/x.png",
        "/_matrix/client/v1/media/thumbnail/example.org/abc",
        "/_matrix/media/v3/download/example.org/abc",
        "/_matrix/media/r0/thumbnail/example.org/abc",
        "/_matrix/federation/v1/media/download/abc",
        "/_matrix/federation/v1/media/thumbnail/abc",
    ] {
        let answer = Answer::of(server.stranger().request(Method::OPTIONS, path)).await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
    }
    assert_eq!(server.sdk_calls(), calls);
    assert!(server.all_records().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn check_40_unknown_paths_and_methods_are_unrecognized_in_json() {
    let server = Server::start().await;
    let client = server.client();
    assert_eq!(client.get("/_matrix/media/v3/nonsense").await.refusal(), "404 M_UNRECOGNIZED");
    for (method, path) in [
        (Method::DELETE, "/_matrix/client/v1/media/download/example.org/abc"),
        (Method::DELETE, "/_matrix/media/v3/download/example.org/abc"),
        (Method::POST, "/_matrix/client/v1/media/thumbnail/example.org/abc"),
        (Method::GET, "/_matrix/media/v1/create"),
        (Method::POST, "/_matrix/media/v3/upload/example.org/abc"),
        (Method::PUT, "/_matrix/federation/v1/media/download/abc"),
    ] {
        let answer = Answer::of(client.request(method, path)).await;
        assert_eq!(answer.refusal(), "405 M_UNRECOGNIZED", "{path}");
    }
}
