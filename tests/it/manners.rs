//! What every answer has in common: CORS, JSON, and nothing done for a preflight.

use http::{Method, StatusCode};
use support::{Answer, Server};

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_methods_are_unrecognized_in_json() {
    let server = Server::start().await;
    let client = server.client();
    for path in [
        "/_matrix/media/v3/nonsense",
        "/_matrix/client/v1/media/download/example.org",
        "/_matrix/federation/v1/media/nonsense",
        "/_matrix/nonsense",
        "/",
        "/favicon.ico",
        "/media",
        "/media/originals/abc",
    ] {
        assert_eq!(client.get(path).await.refusal(), "404 M_UNRECOGNIZED", "{path}");
    }
    for (method, path) in [
        (Method::DELETE, "/_matrix/client/v1/media/download/example.org/abc"),
        (Method::GET, "/_matrix/media/v3/upload"),
        (Method::POST, "/_matrix/client/v1/media/config"),
    ] {
        let answer = Answer::of(client.request(method, path)).await;
        assert_eq!(answer.refusal(), "405 M_UNRECOGNIZED", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_is_answered_without_a_token_and_runs_nothing() {
    let server = Server::start().await;
    let calls = server.sdk_calls();
    for path in [
        "/_matrix/media/v3/upload",
        "/_matrix/client/v1/media/config",
        "/_matrix/client/v1/media/download/example.org/abc",
        "/_matrix/client/v1/media/thumbnail/example.org/abc?width=1&height=1",
    ] {
        let answer = Answer::of(server.stranger().request(Method::OPTIONS, path)).await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        assert!(answer.header("access-control-allow-methods").contains("POST"), "{path}");
        let allowed = answer.header("access-control-allow-headers").to_lowercase();
        for header in ["x-requested-with", "content-type", "authorization"] {
            assert!(allowed.contains(header), "{path}: {allowed}");
        }
    }
    assert_eq!(server.sdk_calls(), calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_and_refusals_may_be_read_by_every_web_page() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload("x", "text/plain", "").await;
    let redirect = client.download(&mxc).await;
    assert_eq!(redirect.status, StatusCode::TEMPORARY_REDIRECT);
    for answer in [redirect, server.stranger().download(&mxc).await] {
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}
