//! Requests in the shapes in which a function URL hands them over.

use http::StatusCode;
use support::{
    Answer, Client,
    lambda::{
        cloud::{Cloud, SERVER_NAME},
        events::{Event, request, text, url},
    },
};

use crate::function::{Function, uploaded};

/// Those that have a function URL.
const BEHIND_URLS: [&str; 6] =
    ["upload", "download-redirect", "thumbnail", "federation", "url-preview", "admin"];

async fn back(download: &Function, uploaded: &Answer) -> Answer {
    let mxc = uploaded.json()["content_uri"].as_str().unwrap().replace("mxc://", "");
    let redirect = download.get(&format!("/_matrix/client/v1/media/download/{mxc}")).await;
    assert_eq!(redirect.status, StatusCode::TEMPORARY_REDIRECT, "{redirect:?}");
    Client::new("", None).follow(redirect).await
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_come_as_text_or_in_base64() {
    let cloud = Cloud::start().await;
    let upload = Function::start("upload", &cloud).await;
    let download = Function::start("download-redirect", &cloud).await;

    let letter = back(&download, &upload.answer(url("url-text-body.json")).await).await;
    assert_eq!(letter.body, "Ein Brief mit \"Anführungszeichen\", \\ und einem Zeilenende\r\n☀");
    assert_eq!(letter.header("content-type"), "text/plain; charset=utf-8");
    let bytes = back(&download, &upload.answer(url("url-base64-body.json")).await).await;
    assert_eq!(bytes.body, &[0, 0xff, 0xfe, 0x80, 0, 0xff][..]);
    assert!(bytes.header("content-disposition").contains("six bytes.bin"), "{bytes:?}");
}

/// Lambda hands headers and body over as they are, and nobody holds one against the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_is_not_that_of_the_body_is_no_hindrance() {
    let cloud = Cloud::start().await;
    let upload = Function::start("upload", &cloud).await;
    for length in ["1", "1000"] {
        let event = url("url-text-body.json").header("content-length", length);
        let mxc = upload.answer(event).await.json()["content_uri"].as_str().unwrap().parse().unwrap();
        assert_eq!(cloud.record(&mxc).await.content().unwrap().size_bytes, 63, "{length}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_repeated_headers_and_what_is_new_are_no_hindrance() {
    let cloud = Cloud::start().await;
    let upload = Function::start("upload", &cloud).await;
    for file in ["url-cookies-and-repeated-headers.json", "url-nulls-and-unknown-fields.json"] {
        let config = upload.answer(url(file)).await;
        assert_eq!(config.status, StatusCode::OK, "{file}: {config:?}");
        assert_eq!(config.json()["m.upload.size"], 4_194_304, "{file}");
        assert_eq!(config.header("content-type"), "application/json", "{file}");
    }
    let head = upload.answer(url("url-head.json")).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_with_several_tags_is_one_header() {
    let cloud = Cloud::start().await;
    let download = Function::start("download-redirect", &cloud).await;
    let mxc = cloud.has("bytes", None).await;
    let path = format!("/_matrix/media/v3/download/{}/{}", mxc.origin, mxc.media_id);
    let whole = download.answer(url("url-get.json").to("GET", &path)).await;
    assert_eq!((whole.status, &whole.body[..]), (StatusCode::OK, &b"bytes"[..]));
    let tags = format!("\"a\",{}", whole.header("etag"));
    let again = download.answer(url("url-get.json").to("GET", &path).header("if-none-match", &tags)).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_url_answers_a_preflight_and_in_json_whatever_else_is_asked() {
    let cloud = Cloud::start().await;
    for name in BEHIND_URLS {
        let mut function = Function::start(name, &cloud).await;
        let preflight = function.answer(url("url-options.json")).await;
        assert_eq!(preflight.status, StatusCode::OK, "{name}");
        assert_eq!(preflight.header("access-control-allow-origin"), "*", "{name}");
        assert!(preflight.header("access-control-allow-headers").contains("authorization"), "{name}");
        let unknown = function.answer(request("GET", "/_matrix/media/v3/nothing")).await;
        assert_eq!(unknown.refusal(), "404 M_UNRECOGNIZED", "{name}");
        // Such as somebody who found the function's own address.
        let stranger = function.answer(request("GET", "/").without("x-origin-secret")).await;
        assert_eq!(stranger.status, StatusCode::FORBIDDEN, "{name}");
        assert_eq!(stranger.json()["errcode"], "M_FORBIDDEN", "{name}");
        assert!(function.lives(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_arrive_as_they_were_written() {
    let cloud = Cloud::start().await;
    let upload = Function::start("upload", &cloud).await;
    let mut download = Function::start("download-redirect", &cloud).await;
    let mxc = uploaded(&upload, b"x", "text/plain").await;
    let path = |rest: &str| format!("/_matrix/client/v1/media/download/{SERVER_NAME}/{rest}");
    let named = download.get(&path(&format!("{}/a%3Fb%25c%20d%2520.txt", mxc.media_id))).await;
    let shown = Client::new("", None).follow(named).await;
    assert_eq!((shown.status, &shown.body[..]), (StatusCode::OK, &b"x"[..]));
    let name = shown.header("content-disposition");
    assert!(name.contains("a?b%c d%20.txt") || name.contains("a%3Fb%25c%20d%2520.txt"), "{name}");

    for (rest, refusal) in [
        ("a%2Fb", "404 M_NOT_FOUND"),
        ("a%2fb/c", "404 M_NOT_FOUND"),
        ("%25", "404 M_NOT_FOUND"),
        ("a b", "404 M_NOT_FOUND"),
        ("ä", "404 M_NOT_FOUND"),
        ("..%2F..", "404 M_NOT_FOUND"),
        ("a/b/c", "404 M_UNRECOGNIZED"),
    ] {
        assert_eq!(download.get(&path(rest)).await.refusal(), refusal, "{rest}");
    }
    for nonsense in ["%zz", "{a}", "\"", "a\\b", "%ff"] {
        let answer = download.get(&path(nonsense)).await;
        assert!(answer.status.is_client_error(), "{nonsense}: {answer:?}");
        assert!(answer.refusal().contains(" M_"), "{nonsense}");
    }
    assert!(download.lives());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_somebody_else_ends_in_an_error_and_the_process_lives() {
    let cloud = Cloud::start().await;
    for name in BEHIND_URLS.into_iter().chain(["remote-fetch", "ingest"]) {
        let mut function = Function::start(name, &cloud).await;
        for file in ["garbage-schedule.json", "garbage-list.json", "garbage-string.json"] {
            let outcome = function.invoke(text(file)).await;
            let is_harmless = matches!(&outcome, support::Outcome::Buffered(answer) if name == "ingest" && answer == r#"{"batchItemFailures":[]}"#);
            assert!(
                is_harmless || matches!(outcome, support::Outcome::Failed(_)),
                "{name}: {file}: {outcome:?}"
            );
        }
        assert!(function.lives(), "{name}");
        if BEHIND_URLS.contains(&name) {
            let next: Event = url("url-options.json");
            assert_eq!(function.answer(next).await.status, StatusCode::OK, "{name}");
        }
    }
}
