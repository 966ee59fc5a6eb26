//! Checks 50 to 56: thumbnails.

use bytes::Bytes;
use http::StatusCode;
use support::{Authority, Client, Server, Setup, photos};

use crate::federation::server_behind_tls;

/// A picture of these pixels.
fn picture(width: u32, height: u32) -> Bytes {
    photos::drawn(width, height)
}

async fn small(client: &Client, bytes: Bytes, content_type: &str, query: &str) -> support::Answer {
    let mxc = client.upload(bytes, content_type, "").await;
    let answer = client.follow(client.thumbnail(&mxc, query).await).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {answer:?}");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn check_50_a_senseless_width_is_refused_in_json() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload(picture(100, 100), "image/png", "").await;
    for (query, refusal) in [
        ("height=32", "400 M_MISSING_PARAM"),
        ("width=abc&height=32", "400 M_INVALID_PARAM"),
        ("width=-32&height=32", "400 M_INVALID_PARAM"),
    ] {
        assert_eq!(client.thumbnail(&mxc, query).await.refusal(), refusal, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_51_a_crop_has_the_aspect_of_the_request_and_is_large_enough() {
    let server = Server::start().await;
    let query = "width=96&height=96&method=crop";
    let answer = small(&server.client(), picture(1000, 500), "image/png", query).await;
    let (width, height) = photos::size_of(&answer.body);
    assert!(width == height && width >= 96, "{width}x{height}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_52_a_scaled_picture_keeps_its_own_aspect() {
    let server = Server::start().await;
    for query in ["width=320&height=240&method=scale", "width=320&height=240"] {
        let answer = small(&server.client(), picture(1000, 500), "image/png", query).await;
        let (width, height) = photos::size_of(&answer.body);
        assert!(width.abs_diff(2 * height) <= 1, "{width}x{height}");
        assert!(width <= 1000 && height <= 500 && (width >= 320 || height >= 240), "{width}x{height}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_53_nothing_is_ever_larger_than_the_original() {
    let server = Server::start().await;
    for method in ["crop", "scale"] {
        let query = format!("width=800&height=600&method={method}");
        let answer = small(&server.client(), picture(120, 60), "image/png", &query).await;
        let (width, height) = photos::size_of(&answer.body);
        assert!(width <= 120 && height <= 60, "{method}: {width}x{height}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_54_the_type_is_one_of_the_five_matches_the_bytes_and_is_shown_inline() {
    let server = Server::start().await;
    for (name, content_type) in [
        ("photo.jpg", "image/jpeg"),
        ("transparent.png", "image/png"),
        ("animated.gif", "image/gif"),
        ("animated.webp", "image/webp"),
    ] {
        let bytes = photos::fixture(name);
        let answer = small(&server.client(), bytes, content_type, "width=96&height=96&method=crop").await;
        assert_eq!(answer.header("content-type"), photos::type_of(&answer.body), "{name}");
        assert!(
            ["image/jpeg", "image/png", "image/apng", "image/gif", "image/webp"]
                .contains(&answer.header("content-type")),
            "{name}"
        );
        assert!(answer.header("content-disposition").starts_with("inline; filename=thumbnail."), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_55_nothing_moves_unless_asked_to_and_a_photograph_never_does() {
    let server = Server::start().await;
    let client = server.client();
    for name in ["animated.gif", "animated.webp"] {
        let content_type = name.replace("animated.", "image/");
        for query in [
            "width=96&height=96&method=crop&animated=false",
            "width=2000&height=2000&animated=false",
            "width=2000&height=2000",
        ] {
            let answer = small(&client, photos::fixture(name), &content_type, query).await;
            assert_eq!(photos::frames_of(&answer.body), 1, "{name} {query}");
        }
        let query = "width=96&height=96&animated=true";
        let answer = small(&client, photos::fixture(name), &content_type, query).await;
        assert_eq!(answer.header("content-type"), "image/webp", "{name}");
        assert!(photos::frames_of(&answer.body) > 1, "{name}");
    }
    let query = "width=96&height=96&animated=true";
    let answer = small(&client, photos::fixture("mountains.jpg"), "image/jpeg", query).await;
    assert_eq!(photos::frames_of(&answer.body), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_56_what_is_no_picture_is_400_and_what_is_too_large_413_or_502() {
    let server = Server::start().await;
    let client = server.client();
    let noise: Vec<u8> = (0..20_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
    let broken = photos::fixture("transparent.png").slice(..60);
    for (bytes, content_type) in [
        (Bytes::from_static(b"some text"), "text/plain"),
        (Bytes::from(noise), "image/png"),
        (broken, "image/png"),
    ] {
        let mxc = client.upload(bytes, content_type, "").await;
        let answer = client.thumbnail(&mxc, "width=32&height=32").await;
        assert_eq!(answer.refusal(), "400 M_UNKNOWN", "{content_type}");
    }

    let authority = Authority::new();
    let origin = server_behind_tls(&authority, Setup::new()).await;
    let home = server_behind_tls(&authority, Setup::new().set("MEDIA_MAX_IMAGE_PIXELS", "10000")).await;
    let ours = home.client().upload(picture(200, 200), "image/png", "").await;
    let theirs = origin.client().upload(picture(200, 200), "image/png", "").await;
    for (mxc, refusal) in [(ours, "413 M_TOO_LARGE"), (theirs, "502 M_TOO_LARGE")] {
        let answer = home.client().thumbnail(&mxc, "width=32&height=32").await;
        assert_eq!(answer.refusal(), refusal);
    }
}
