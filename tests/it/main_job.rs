//! The main job: a client uploads a real photograph, gets it back by a signed redirect, and finds its thumbnails.

use http::StatusCode;
use media_core::thumbnail::{Body, Method, USUAL};
use support::{Server, photos};

/// A landscape of several megabytes; `tests/fixtures/README.md` says whose.
const PHOTO: &str = "photo.jpg";

#[tokio::test(flavor = "multi_thread")]
async fn a_photograph_comes_back_by_signed_redirect_and_its_thumbnails_are_there() {
    let server = Server::start().await;
    let client = server.client();
    let photo = photos::fixture(PHOTO);
    assert!(photo.len() > 3_000_000, "a real photograph of several megabytes");

    let mxc = client.upload(photo.clone(), "image/jpeg", "Urlaub am Meer ☀.jpg").await;
    assert_eq!(mxc.origin, "example.org");

    // The arrival is told to `ingest` by S3, not by the upload.
    let made = server.thumbnails_of(&mxc).await;
    for usual in USUAL {
        assert!(made.iter().any(|thumbnail| thumbnail.shape == usual), "{usual} was not made");
    }
    for thumbnail in &made {
        let inline = matches!(thumbnail.body, Body::Inline(_));
        assert_eq!(inline, thumbnail.size_bytes <= 4096, "{thumbnail:?}");
    }

    let redirect = client.download(&mxc).await;
    assert_eq!(redirect.status, StatusCode::TEMPORARY_REDIRECT);
    let bytes = client.follow(redirect).await;
    assert_eq!(bytes.status, StatusCode::OK);
    assert_eq!(bytes.body, photo);
    assert_eq!(bytes.header("content-type"), "image/jpeg");
    assert_eq!(
        bytes.header("content-disposition"),
        "inline; filename*=utf-8''Urlaub%20am%20Meer%20%E2%98%80.jpg"
    );

    let whole = photos::size_of(&photo);
    for usual in USUAL {
        let query = format!("width={}&height={}&method={}", usual.width, usual.height, usual.method.as_str());
        let small = client.follow(client.thumbnail(&mxc, &query).await).await;
        assert_eq!(small.status, StatusCode::OK, "{query}");
        assert_eq!(small.header("content-type"), "image/jpeg", "{query}");
        assert_eq!(small.header("content-disposition"), "inline; filename=thumbnail.jpeg", "{query}");
        let (width, height) = photos::size_of(&small.body);
        match usual.method {
            Method::Crop => assert_eq!((width, height), (usual.width, usual.height)),
            Method::Scale => {
                assert!(width == usual.width || height == usual.height, "{query}: {width}x{height}");
                assert!(width <= usual.width && height <= usual.height, "{query}: {width}x{height}");
                let aspect = |(w, h): (u32, u32)| f64::from(w) / f64::from(h);
                assert!((aspect((width, height)) / aspect(whole) - 1.0).abs() < 0.01, "{query}");
                let difference = photos::difference(&small.body, &photo);
                assert!(difference < 6.0, "{query} does not look like the photograph: {difference}");
            }
        }
    }
    server.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_still_there_after_a_restart() {
    let server = Server::start().await;
    let photo = photos::fixture(PHOTO);
    let mxc = server.client().upload(photo.clone(), "image/jpeg", "p.jpg").await;

    let server = server.restart().await;
    let client = server.client();
    assert_eq!(client.follow(client.download(&mxc).await).await.body, photo);
    // Whether or not it had been handled before the stop, the arrival is handled by now.
    assert_eq!(server.thumbnails_of(&mxc).await.len(), USUAL.len());
    server.gateway.stop().await;
}
