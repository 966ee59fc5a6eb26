//! Nobody gets in without the secret.

use crate::place::{Embedded, Endpoint, Place, Signing, check_body_says, check_refused};

#[tokio::test]
async fn nobody_is_refused() {
    let place = Place::open().await;
    place.put("key", "x").await;
    let answer = place.http.get(place.url("key")).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert!(answer.headers().contains_key("x-amz-request-id"));
    check_body_says(&answer.text().await.unwrap(), "AccessDenied");
    let answer = place.http.put(place.url("key")).body("y").send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert_eq!(place.read("key").await, b"x");
}

#[tokio::test]
async fn a_wrong_secret_is_refused() {
    let place = Place::open().await;
    let impostor = Endpoint { secret_key: "guessed".to_owned(), ..place.endpoint.clone() }.client();
    let put = impostor.put_object().bucket(&place.bucket).key("key").send().await;
    check_refused(put, 403, "SignatureDoesNotMatch");
}

#[tokio::test]
async fn an_unknown_key_is_refused() {
    let place = Place::open().await;
    let stranger = Endpoint { access_key: "AKIDUNKNOWN".to_owned(), ..place.endpoint.clone() }.client();
    let put = stranger.put_object().bucket(&place.bucket).key("key").send().await;
    check_refused(put, 403, "InvalidAccessKeyId");
}

#[tokio::test]
async fn a_bearer_token_is_no_signature() {
    let place = Place::open().await;
    let answer =
        place.http.get(place.url("key")).header("authorization", "Bearer token").send().await.unwrap();
    assert_eq!(answer.status(), 400);
}

#[tokio::test]
async fn a_signature_of_long_ago_is_refused() {
    let place = Place::open().await;
    let get = Signing::new(&place.endpoint, "GET", &place.bucket, "key")
        .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
        .aged(3600);
    let (status, body) = get.send(&place.http, "").await;
    assert_eq!(status, 403);
    check_body_says(&body, "RequestTimeTooSkewed");
}

#[tokio::test]
async fn a_signature_of_version_2_is_refused() {
    let place = Place::open().await;
    let answer =
        place.http.get(place.url("key")).header("authorization", "AWS key:signature").send().await.unwrap();
    assert_eq!(answer.status(), 400);
    check_body_says(&answer.text().await.unwrap(), "InvalidRequest");
}

#[tokio::test]
async fn a_body_cut_short_leaves_nothing() {
    let place = Place::open().await;
    place.put("key", "old").await;
    let endpoint = place.endpoint.clone();
    let bucket = place.bucket.clone();
    let cut = tokio::task::spawn_blocking(move || {
        Signing::new(&endpoint, "PUT", &bucket, "key")
            .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
            .send_cut_short(1_000_000, &vec![7; 600_000]);
    });
    cut.await.unwrap();
    assert_eq!(place.read("key").await, b"old");
}

#[tokio::test]
async fn a_bucket_may_be_named_by_the_host() {
    let embedded = Embedded::start(|options| options.domain = Some("s3.localhost".to_owned()));
    let place = Place::embedded(embedded).await;
    place.put("by/path", "x").await;
    let virtual_host = format!("{}.s3.localhost", place.bucket);
    let get = Signing::new(&place.endpoint, "GET", "by", "path")
        .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
        .host(virtual_host);
    assert_eq!(get.send(&place.http, "").await, (200, "x".to_owned()));
}
