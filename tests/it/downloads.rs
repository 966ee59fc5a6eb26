//! Downloads: the redirect, the link behind it, and who gets neither.

use std::time::Duration;

use http::{Method, StatusCode};
use support::{Answer, Server, Setup};

#[tokio::test(flavor = "multi_thread")]
async fn the_link_is_the_same_within_its_window_and_dies_after_its_life() {
    // Short, since a clock that is moved far ahead makes signatures seem to come from the future.
    let server =
        Setup::new().set("MEDIA_URL_WINDOW_S", "100").set("MEDIA_URL_MIN_LIFE_S", "50").start().await;
    let client = server.client();
    let mxc = client.upload("bytes", "text/plain", "").await;
    let clock = &server.surroundings.clock;
    // To the beginning of a window, so that the test does not straddle one.
    let into_window = clock.now().0 % 100_000;
    clock.advance(Duration::from_millis(100_000 - into_window));

    let first = client.download(&mxc).await;
    clock.advance(Duration::from_secs(90));
    let second = client.download(&mxc).await;
    assert_eq!(first.location(), second.location());
    clock.advance(Duration::from_secs(20));
    let third = client.download(&mxc).await;
    assert_ne!(first.location(), third.location());
    assert_eq!(client.follow(first.clone()).await.status, StatusCode::OK, "it lives on after its window");
    clock.advance(Duration::from_secs(41));
    let dead = client.follow(first).await;
    assert_eq!(dead.refusal(), "403 M_FORBIDDEN");
    assert_eq!(client.follow(third).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_cached_by_the_browser_alone_and_for_less_long_than_its_link_lives() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload("bytes", "text/plain", "").await;
    let redirect = client.download(&mxc).await;
    let cache = redirect.header("cache-control");
    let fresh: u64 = cache.strip_prefix("private, max-age=").and_then(|age| age.parse().ok()).expect(cache);
    assert!((240..=840).contains(&fresh), "{cache}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_answers_ranges_heads_and_conditions() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload("0123456789", "text/plain", "").await;
    let link = client.download(&mxc).await.location().unwrap().to_owned();
    let http = support::client::plain_http();

    let part = Answer::of(http.get(&link).header("range", "bytes=2-4")).await;
    assert_eq!((part.status, &part.body[..]), (StatusCode::PARTIAL_CONTENT, &b"234"[..]));
    assert_eq!(part.header("content-range"), "bytes 2-4/10");
    assert_eq!(Answer::of(http.get(&link).header("range", "bytes=10-")).await.status, 416);

    let whole = Answer::of(http.get(&link)).await;
    let etag = whole.header("etag").to_owned();
    let unchanged = Answer::of(http.get(&link).header("if-none-match", &etag)).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (StatusCode::NOT_MODIFIED, 0));

    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "private, max-age=31536000, immutable"),
        ("accept-ranges", "bytes"),
    ] {
        assert_eq!(whole.header(name), value, "{name}");
    }
    assert!(whole.header("content-security-policy").starts_with("sandbox; default-src 'none';"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_refused_when_it_was_changed_or_comes_with_a_token() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload("bytes", "text/html", "").await;
    let link = client.download(&mxc).await.location().unwrap().to_owned();
    let http = support::client::plain_http();

    let forged = link.replace("attachment", "inline");
    assert_ne!(forged, link);
    assert_eq!(Answer::of(http.get(&forged)).await.refusal(), "403 M_FORBIDDEN");
    assert_eq!(Answer::of(http.get(&link).bearer_auth("x")).await.refusal(), "400 M_UNKNOWN");
    assert_eq!(Answer::of(http.delete(&link)).await.status, StatusCode::FORBIDDEN);
    let unsigned = link.split('?').next().unwrap();
    assert_eq!(Answer::of(http.get(unsigned)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(Answer::of(http.get(&link)).await.status, StatusCode::OK, "the link itself is good");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_in_the_path_beats_the_one_of_the_upload() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload("bytes", "image/png", "uploaded.png").await;
    for (segment, disposition) in [
        ("file.png", "inline; filename=file.png"),
        ("%E2%98%95", "inline; filename*=utf-8''%E2%98%95"),
        ("a%2Fb%3Fc%25d", "inline; filename=\"a/b?c%d\""),
    ] {
        let path = format!("/_matrix/client/v1/media/download/{}/{}/{segment}", mxc.origin, mxc.media_id);
        let back = client.follow(client.get(&path).await).await;
        assert_eq!(back.header("content-disposition"), disposition);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_and_impossible_names_are_refused_without_a_call_to_anybody() {
    let server = Server::start().await;
    let client = server.client();
    let missing = client.get("/_matrix/client/v1/media/download/example.org/AAAA").await;
    assert_eq!(missing.refusal(), "404 M_NOT_FOUND");

    let calls = server.sdk_calls();
    for id in ["a.b", "%2e%2e%2f", "a%00b", "%C3%A4", "a%20b", &"a".repeat(256), "%ff"] {
        let answer = client.get(&format!("/_matrix/client/v1/media/download/example.org/{id}")).await;
        assert_eq!(answer.refusal(), "404 M_NOT_FOUND", "{id}");
    }
    for name in ["a%20b", "..", "%2e%2e", "user@host", "%5B::1", "host:99999", "a%2Fb"] {
        let answer = client.get(&format!("/_matrix/client/v1/media/download/{name}/abc")).await;
        assert!(["400 M_INVALID_PARAM", "404 M_UNRECOGNIZED"].contains(&answer.refusal().as_str()), "{name}");
    }
    for wait in ["-1", "abc", ""] {
        let path = format!("/_matrix/client/v1/media/download/example.org/abc?timeout_ms={wait}");
        assert_eq!(client.get(&path).await.refusal(), "400 M_INVALID_PARAM", "{wait}");
    }
    assert_eq!(server.sdk_calls(), calls, "nothing was asked of AWS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_file_is_as_unknown_as_one_that_never_was() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload("bytes", "text/plain", "").await;
    let records = &server.gateway.deps().store.records;
    assert!(records.quarantine(&mxc, "@admin:example.org").await.unwrap().is_won());
    assert_eq!(client.download(&mxc).await.refusal(), "404 M_NOT_FOUND");
    assert!(records.release(&mxc).await.unwrap().is_won());
    assert_eq!(client.download(&mxc).await.status, StatusCode::TEMPORARY_REDIRECT);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_can_be_given_out_for_a_host_of_their_own() {
    let server = Setup::new().set("MEDIA_PUBLIC_URL", "https://media.example.org").start().await;
    let client = server.client();
    let mxc = client.upload("bytes", "text/plain", "").await;
    let link = client.download(&mxc).await.location().unwrap().to_owned();
    let path = link.strip_prefix("https://media.example.org").expect(&link);
    // As a reverse proxy would hand it over.
    let behind = Answer::of(client.request(Method::GET, path).header("host", "media.example.org")).await;
    assert_eq!(behind.status, StatusCode::BAD_REQUEST, "the test's client sends its token");
    let behind =
        Answer::of(server.stranger().request(Method::GET, path).header("host", "media.example.org")).await;
    assert_eq!((behind.status, &behind.body[..]), (StatusCode::OK, &b"bytes"[..]));
}
