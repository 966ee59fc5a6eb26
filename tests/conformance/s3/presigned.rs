//! A link is enough by itself, for exactly what it was made for.

use std::time::Duration;

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use reqwest::Response;
use reqwest::header::HeaderMap;

use crate::place::{Embedded, Place, ago, check_body_says, link_config};

/// A link to put an object of five bytes, typed `text/plain`, where none is.
async fn link_to_put(place: &Place) -> PresignedRequest {
    let put = place.s3.put_object().bucket(&place.bucket).key("key");
    let put = put.content_type("text/plain").content_length(5).if_none_match("*");
    put.customize()
        .config_override(
            aws_sdk_s3::Config::builder()
                .request_checksum_calculation(aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired),
        )
        .presigned(link_config())
        .await
        .unwrap()
}

/// Puts a body by link, with the link's own headers changed as the test wishes.
async fn put_by(
    place: &Place,
    link: &PresignedRequest,
    body: &'static str,
    change: impl Fn(&mut HeaderMap),
) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in link.headers().filter(|(name, _)| *name != "content-length") {
        headers.insert(
            reqwest::header::HeaderName::from_bytes(name.as_bytes()).unwrap(),
            value.parse().unwrap(),
        );
    }
    change(&mut headers);
    place.http.put(link.uri()).headers(headers).body(body).send().await.unwrap()
}

#[tokio::test]
async fn a_link_reads_the_object() {
    let place = Place::open().await;
    place.put("a b/c+d", "bytes").await;
    let answer = place.http.get(place.link("a b/c+d").await).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-length"], "5");
    assert!(answer.headers().contains_key("etag") && answer.headers().contains_key("last-modified"));
    assert_eq!(answer.text().await.unwrap(), "bytes");
}

#[tokio::test]
async fn a_link_may_say_how_the_object_is_to_be_called() {
    let place = Place::open().await;
    place.put("key", "x").await;
    let get = place.s3.get_object().bucket(&place.bucket).key("key");
    let get = get
        .response_content_type("image/png")
        .response_content_disposition("inline; filename*=utf-8''%E2%82%AC.png")
        .response_cache_control("private, max-age=60");
    let link = get.presigned(link_config()).await.unwrap();
    let answer = place.http.get(link.uri()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    for (name, value) in [
        ("content-type", "image/png"),
        ("content-disposition", "inline; filename*=utf-8''%E2%82%AC.png"),
        ("cache-control", "private, max-age=60"),
    ] {
        assert_eq!(answer.headers().get_all(name).iter().collect::<Vec<_>>(), [value], "once and so");
    }
}

#[tokio::test]
async fn a_link_whose_words_were_changed_is_refused() {
    let place = Place::open().await;
    place.put("key", "x").await;
    let get = place.s3.get_object().bucket(&place.bucket).key("key").response_content_type("image/png");
    let link = get.presigned(link_config()).await.unwrap().uri().replace("image%2Fpng", "text%2Fhtml");
    let answer = place.http.get(link).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    check_body_says(&answer.text().await.unwrap(), "SignatureDoesNotMatch");
}

#[tokio::test]
async fn a_link_to_one_key_does_not_read_another() {
    let place = Place::open().await;
    place.put("key", "x").await;
    place.put("kez", "y").await;
    let link = place.link("key").await.replace("/key?", "/kez?");
    assert_eq!(place.http.get(link).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_link_that_has_expired_says_so() {
    let place = Place::open().await;
    place.put("key", "x").await;
    let expired = PresigningConfig::builder()
        .start_time(ago(Duration::from_mins(2)))
        .expires_in(Duration::from_mins(1))
        .build()
        .unwrap();
    let link = place.s3.get_object().bucket(&place.bucket).key("key").presigned(expired).await.unwrap();
    let answer = place.http.get(link.uri()).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    let body = answer.text().await.unwrap();
    check_body_says(&body, "AccessDenied");
    assert!(body.contains("Request has expired"), "{body}");
}

#[tokio::test]
async fn a_link_together_with_an_authorization_is_one_too_many() {
    let place = Place::open().await;
    place.put("key", "x").await;
    let answer = place.http.get(place.link("key").await).bearer_auth("token").send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let body = answer.text().await.unwrap();
    check_body_says(&body, "InvalidArgument");
    assert!(body.contains("Only one auth mechanism allowed"), "{body}");
    assert!(!body.contains("token"), "what was sent is not sent back");
}

#[tokio::test]
async fn a_link_to_read_does_not_write() {
    let place = Place::open().await;
    place.put("key", "x").await;
    let answer = place.http.put(place.link("key").await).body("y").send().await.unwrap();
    assert_eq!(answer.status(), 403);
    let answer = place.http.delete(place.link("key").await).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert_eq!(place.read("key").await, b"x");
}

#[tokio::test]
async fn a_link_to_get_is_not_one_to_head() {
    let place = Place::open().await;
    place.put("key", "x").await;
    let answer = place.http.head(place.link("key").await).send().await.unwrap();
    assert_eq!(answer.status(), 403);
}

#[tokio::test]
async fn a_link_to_head_heads() {
    let place = Place::open().await;
    place.put("key", "12345").await;
    let link =
        place.s3.head_object().bucket(&place.bucket).key("key").presigned(link_config()).await.unwrap();
    let answer = place.http.head(link.uri()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-length"], "5");
}

#[tokio::test]
async fn a_link_to_a_missing_object_is_no_such_key() {
    let place = Place::open().await;
    let answer = place.http.get(place.link("missing").await).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    check_body_says(&answer.text().await.unwrap(), "NoSuchKey");
}

#[tokio::test]
async fn a_link_writes_what_it_was_made_for() {
    let place = Place::open().await;
    let link = link_to_put(&place).await;
    assert_eq!(put_by(&place, &link, "hello", |_| {}).await.status(), 200);
    let head = place.s3.head_object().bucket(&place.bucket).key("key").send().await.unwrap();
    assert_eq!(head.content_type(), Some("text/plain"));
    assert_eq!(place.read("key").await, b"hello");
    let again = put_by(&place, &link, "world", |_| {}).await;
    assert_eq!(again.status(), 412, "only one object is made by it");
    assert_eq!(place.read("key").await, b"hello");
}

#[tokio::test]
async fn a_link_holds_its_writer_to_the_type() {
    let place = Place::open().await;
    let link = link_to_put(&place).await;
    let html = |headers: &mut HeaderMap| drop(headers.insert("content-type", "text/html".parse().unwrap()));
    let answer = put_by(&place, &link, "hello", html).await;
    assert_eq!(answer.status(), 403);
    check_body_says(&answer.text().await.unwrap(), "SignatureDoesNotMatch");
    assert!(!place.exists("key").await);
}

#[tokio::test]
async fn a_link_holds_its_writer_to_the_length() {
    let place = Place::open().await;
    let link = link_to_put(&place).await;
    let answer = put_by(&place, &link, "hello, world", |_| {}).await;
    assert_eq!(answer.status(), 403);
    assert!(!place.exists("key").await);
}

#[tokio::test]
async fn a_link_holds_its_writer_to_every_signed_header() {
    let place = Place::open().await;
    let link = link_to_put(&place).await;
    let without = |headers: &mut HeaderMap| drop(headers.remove("if-none-match"));
    assert_eq!(put_by(&place, &link, "hello", without).await.status(), 403);
    assert!(!place.exists("key").await);
}

#[tokio::test]
async fn a_link_takes_no_further_instructions() {
    let place = Place::open().await;
    let link = link_to_put(&place).await;
    for (name, value) in [("x-amz-meta-extra", "1"), ("x-amz-acl", "public-read"), ("x-amz-tagging", "a=b")] {
        let more = |headers: &mut HeaderMap| drop(headers.insert(name, value.parse().unwrap()));
        let answer = put_by(&place, &link, "hello", more).await;
        assert_eq!(answer.status(), 403, "{name}");
        check_body_says(&answer.text().await.unwrap(), "AccessDenied");
    }
    assert!(!place.exists("key").await);
}

#[tokio::test]
async fn a_part_can_be_sent_by_link() {
    let place = Place::open().await;
    let created = place.s3.create_multipart_upload().bucket(&place.bucket).key("key").send().await.unwrap();
    let part = place.s3.upload_part().bucket(&place.bucket).key("key").part_number(1);
    let part = part.upload_id(created.upload_id().unwrap());
    let link = part
        .customize()
        .config_override(
            aws_sdk_s3::Config::builder()
                .request_checksum_calculation(aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired),
        )
        .presigned(link_config())
        .await
        .unwrap();
    let answer = place.http.put(link.uri()).body("part").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("etag"));
}

#[tokio::test]
async fn the_host_adds_headers_to_what_a_link_reads() {
    let embedded = Embedded::start(|options| {
        options.response_headers.insert("content-security-policy", "sandbox".parse().unwrap());
        options.response_headers.insert("x-content-type-options", "nosniff".parse().unwrap());
    });
    let place = Place::embedded(embedded).await;
    place.put("key", "12345").await;
    let link = place.link("key").await;
    for range in ["bytes=0-", "bytes=1-2"] {
        let answer = place.http.get(&link).header("range", range).send().await.unwrap();
        assert_eq!(answer.headers()["content-security-policy"], "sandbox");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers()["accept-ranges"], "bytes");
    }
    let etag = place.http.get(&link).send().await.unwrap().headers()["etag"].clone();
    let known = place.http.get(&link).header("if-none-match", etag).send().await.unwrap();
    assert_eq!(known.status(), 304);
    assert_eq!(known.headers()["content-security-policy"], "sandbox");
    let signed = place.s3.get_object().bucket(&place.bucket).key("key").customize();
    assert!(signed.send().await.is_ok());
}
