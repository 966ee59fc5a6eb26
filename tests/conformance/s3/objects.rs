//! An object goes in and comes out as it went in.

use aws_sdk_s3::primitives::{ByteStream, DateTime};

use crate::place::{Place, check_refused, noise};

#[tokio::test]
async fn what_was_put_comes_back() {
    let place = Place::open().await;
    let put = place.put("key", "hello").await;
    let got = place.s3.get_object().bucket(&place.bucket).key("key").send().await.unwrap();
    assert_eq!(got.e_tag(), put.e_tag());
    assert_eq!(got.content_length(), Some(5));
    assert_eq!(got.accept_ranges(), Some("bytes"));
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"hello");
}

#[tokio::test]
async fn the_etag_is_the_md5_of_the_bytes() {
    let place = Place::open().await;
    let put = place.put("key", "hello").await;
    assert_eq!(put.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
}

#[tokio::test]
async fn an_empty_object_is_an_object() {
    let place = Place::open().await;
    let put = place.put("empty", "").await;
    assert_eq!(put.e_tag(), Some("\"d41d8cd98f00b204e9800998ecf8427e\""));
    assert_eq!(place.read("empty").await, b"");
    let head = place.s3.head_object().bucket(&place.bucket).key("empty").send().await.unwrap();
    assert_eq!(head.content_length(), Some(0));
}

#[tokio::test]
async fn every_size_around_a_buffer_comes_back_whole() {
    let place = Place::open().await;
    for size in [1, 65_535, 262_143, 262_144, 262_145, 524_288, 524_289, 1_100_000] {
        let bytes = noise(size);
        place.put("sized", bytes.clone()).await;
        assert!(place.read("sized").await == bytes, "{size} bytes");
    }
}

#[tokio::test]
async fn a_large_object_streams_in_and_out() {
    let place = Place::open().await;
    let bytes = noise(24 * 1024 * 1024);
    place.put("large", bytes.clone()).await;
    assert!(place.read("large").await == bytes);
}

#[tokio::test]
async fn what_the_uploader_said_of_it_is_said_again() {
    let place = Place::open().await;
    let put = place.s3.put_object().bucket(&place.bucket).key("key").body(ByteStream::from_static(b"x"));
    put.content_type("text/plain; charset=utf-8")
        .content_disposition("attachment; filename=\"a b.txt\"")
        .content_language("de")
        .content_encoding("gzip")
        .cache_control("public, max-age=31536000, immutable")
        .expires(DateTime::from_secs(1_795_531_302))
        .metadata("origin", "example.org")
        .metadata("Second", "two words")
        .send()
        .await
        .unwrap();
    let got = place.s3.get_object().bucket(&place.bucket).key("key").send().await.unwrap();
    assert_eq!(got.content_type(), Some("text/plain; charset=utf-8"));
    assert_eq!(got.content_disposition(), Some("attachment; filename=\"a b.txt\""));
    assert_eq!(got.content_language(), Some("de"));
    assert_eq!(got.content_encoding(), Some("gzip"));
    assert_eq!(got.cache_control(), Some("public, max-age=31536000, immutable"));
    assert_eq!(got.expires_string(), Some("Tue, 24 Nov 2026 14:41:42 GMT"));
    let metadata = got.metadata().unwrap();
    assert_eq!(metadata.get("origin").map(String::as_str), Some("example.org"));
    assert_eq!(metadata.get("second").map(String::as_str), Some("two words"));
}

#[tokio::test]
async fn an_unnamed_type_is_binary() {
    let place = Place::open().await;
    let answer = place.s3.put_object().bucket(&place.bucket).key("key").body(ByteStream::from_static(b"x"));
    // The SDK names this type itself; it is what S3 says of an object without one, too.
    answer.set_content_type(None).send().await.unwrap();
    let head = place.s3.head_object().bucket(&place.bucket).key("key").send().await.unwrap();
    assert!(matches!(head.content_type(), Some("binary/octet-stream" | "application/octet-stream")));
}

#[tokio::test]
async fn the_coding_of_the_transfer_is_not_kept() {
    let place = Place::open().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "streamed").unwrap();
    // A stream is sent as `aws-chunked` with its checksum behind it.
    let body = ByteStream::from_path(file.path()).await.unwrap();
    place.s3.put_object().bucket(&place.bucket).key("key").body(body).send().await.unwrap();
    let got = place.s3.get_object().bucket(&place.bucket).key("key").send().await.unwrap();
    assert_eq!(got.content_encoding(), None);
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"streamed");
}

#[tokio::test]
async fn head_says_what_get_says() {
    let place = Place::open().await;
    place.put("key", "hello").await;
    let get = place.s3.get_object().bucket(&place.bucket).key("key").send().await.unwrap();
    let head = place.s3.head_object().bucket(&place.bucket).key("key").send().await.unwrap();
    assert_eq!(head.content_length(), get.content_length());
    assert_eq!(head.e_tag(), get.e_tag());
    assert_eq!(head.last_modified(), get.last_modified());
    assert_eq!(head.content_type(), get.content_type());
    assert_eq!(head.accept_ranges(), get.accept_ranges());
}

#[tokio::test]
async fn a_second_put_replaces_the_first() {
    let place = Place::open().await;
    place.put("key", noise(700_000)).await;
    place.put("key", "second").await;
    assert_eq!(place.read("key").await, b"second");
}

#[tokio::test]
async fn the_time_of_the_last_change_is_told() {
    let place = Place::open().await;
    place.put("key", "x").await;
    let head = place.s3.head_object().bucket(&place.bucket).key("key").send().await.unwrap();
    let now = DateTime::from(crate::place::ago(std::time::Duration::ZERO)).secs();
    assert!((now - head.last_modified().unwrap().secs()).abs() < 600);
}

#[tokio::test]
async fn a_missing_object_is_no_such_key() {
    let place = Place::open().await;
    let get = place.s3.get_object().bucket(&place.bucket).key("missing").send().await;
    check_refused(get, 404, "NoSuchKey");
    let head = place.s3.head_object().bucket(&place.bucket).key("missing").send().await;
    check_refused(head, 404, "NotFound");
}

#[tokio::test]
async fn an_object_in_a_missing_bucket_is_no_such_bucket() {
    let place = Place::open().await;
    let nowhere = format!("{}-not", place.bucket);
    let get = place.s3.get_object().bucket(&nowhere).key("key").send().await;
    check_refused(get, 404, "NoSuchBucket");
    for size in [1, 600_000] {
        let put = place.s3.put_object().bucket(&nowhere).key("key").body(noise(size).into()).send().await;
        check_refused(put, 404, "NoSuchBucket");
    }
}

#[tokio::test]
async fn more_than_two_kilobytes_of_metadata_are_refused() {
    let place = Place::open().await;
    let put = place.s3.put_object().bucket(&place.bucket).key("key").metadata("long", "x".repeat(2100));
    check_refused(put.send().await, 400, "MetadataTooLarge");
}

#[tokio::test]
async fn the_reader_may_choose_the_headers_of_the_answer() {
    let place = Place::open().await;
    place.put("key", "x").await;
    let get = place.s3.get_object().bucket(&place.bucket).key("key");
    let got = get
        .response_content_type("image/png")
        .response_content_disposition("inline")
        .response_cache_control("no-store")
        .response_content_language("fr")
        .response_content_encoding("identity")
        .send()
        .await
        .unwrap();
    assert_eq!(got.content_type(), Some("image/png"));
    assert_eq!(got.content_disposition(), Some("inline"));
    assert_eq!(got.cache_control(), Some("no-store"));
    assert_eq!(got.content_language(), Some("fr"));
    assert_eq!(got.content_encoding(), Some("identity"));
}

#[tokio::test]
async fn the_attributes_of_an_object_can_be_asked_for() {
    use aws_sdk_s3::types::ObjectAttributes;
    let place = Place::open().await;
    place.put("key", "hello").await;
    let attributes = place.s3.get_object_attributes().bucket(&place.bucket).key("key");
    let attributes = attributes
        .object_attributes(ObjectAttributes::Etag)
        .object_attributes(ObjectAttributes::ObjectSize)
        .send()
        .await
        .unwrap();
    assert_eq!(attributes.object_size(), Some(5));
    assert_eq!(attributes.e_tag().map(|tag| tag.trim_matches('"')), Some("5d41402abc4b2a76b9719d911017c592"));
    assert!(attributes.storage_class().is_none(), "only what was asked for is told");
}

#[tokio::test]
async fn every_answer_can_be_asked_after() {
    use aws_sdk_s3::operation::{RequestId as _, RequestIdExt as _};
    let place = Place::open().await;
    let put = place.put("key", "x").await;
    assert!(put.request_id().is_some_and(|id| !id.is_empty()));
    assert!(put.extended_request_id().is_some_and(|id| !id.is_empty()));
    let get = place.s3.get_object().bucket(&place.bucket).key("missing").send().await.unwrap_err();
    assert!(get.request_id().is_some_and(|id| !id.is_empty()));
}
