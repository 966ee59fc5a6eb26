//! Bytes that are not what the client said they are never replace anything.

use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::place::{Place, Signing, check_body_says, check_refused, link_config, noise};

/// The MD5 of "hello".
const HELLO_MD5: &str = "XUFAKrxLKna5cZ2REBfFkg==";

/// The CRC-32 of "hello".
const HELLO_CRC32: &str = "NhCmhg==";

async fn check_algorithm(algorithm: ChecksumAlgorithm) {
    let place = Place::open().await;
    let put = place.s3.put_object().bucket(&place.bucket).key("key").checksum_algorithm(algorithm);
    let put = put.body(noise(300_000).into()).send().await.unwrap();
    let head = place.s3.head_object().bucket(&place.bucket).key("key").checksum_mode(ChecksumMode::Enabled);
    let head = head.send().await.unwrap();
    let told = |crc32: Option<&str>,
                crc32c: Option<&str>,
                crc64: Option<&str>,
                sha1: Option<&str>,
                sha256: Option<&str>| {
        [crc32, crc32c, crc64, sha1, sha256].map(|value| value.map(str::to_owned))
    };
    let put = told(
        put.checksum_crc32(),
        put.checksum_crc32_c(),
        put.checksum_crc64_nvme(),
        put.checksum_sha1(),
        put.checksum_sha256(),
    );
    let head = told(
        head.checksum_crc32(),
        head.checksum_crc32_c(),
        head.checksum_crc64_nvme(),
        head.checksum_sha1(),
        head.checksum_sha256(),
    );
    assert_eq!(put, head);
    assert_eq!(put.iter().flatten().count(), 1, "exactly the one that was asked for");
    // The SDK compares what it reads with it.
    assert!(place.read("key").await == noise(300_000));
}

#[tokio::test]
async fn crc32_is_verified_and_told_again() {
    check_algorithm(ChecksumAlgorithm::Crc32).await;
}

#[tokio::test]
async fn crc32c_is_verified_and_told_again() {
    check_algorithm(ChecksumAlgorithm::Crc32C).await;
}

#[tokio::test]
async fn crc64nvme_is_verified_and_told_again() {
    check_algorithm(ChecksumAlgorithm::Crc64Nvme).await;
}

#[tokio::test]
async fn sha1_is_verified_and_told_again() {
    check_algorithm(ChecksumAlgorithm::Sha1).await;
}

#[tokio::test]
async fn sha256_is_verified_and_told_again() {
    check_algorithm(ChecksumAlgorithm::Sha256).await;
}

#[tokio::test]
async fn a_right_md5_is_accepted() {
    let place = Place::open().await;
    let put = place.s3.put_object().bucket(&place.bucket).key("key").content_md5(HELLO_MD5);
    put.body(b"hello".to_vec().into()).send().await.unwrap();
    assert_eq!(place.read("key").await, b"hello");
}

#[tokio::test]
async fn a_wrong_md5_is_refused_and_the_old_object_stays() {
    let place = Place::open().await;
    place.put("key", "old").await;
    let put = place.s3.put_object().bucket(&place.bucket).key("key").content_md5(HELLO_MD5);
    check_refused(put.body(b"not hello".to_vec().into()).send().await, 400, "BadDigest");
    assert_eq!(place.read("key").await, b"old");
}

#[tokio::test]
async fn an_md5_that_is_none_is_refused() {
    let place = Place::open().await;
    let put = place.s3.put_object().bucket(&place.bucket).key("key").content_md5("short");
    check_refused(put.body(b"x".to_vec().into()).send().await, 400, "InvalidDigest");
}

#[tokio::test]
async fn a_wrong_checksum_is_refused_and_the_old_object_stays() {
    let place = Place::open().await;
    place.put("key", "old").await;
    let put = place.s3.put_object().bucket(&place.bucket).key("key").checksum_crc32("AAAAAA==");
    check_refused(put.body(b"new".to_vec().into()).send().await, 400, "BadDigest");
    let wrong = BASE64.encode([7; 32]);
    let put = place.s3.put_object().bucket(&place.bucket).key("key").checksum_sha256(wrong);
    check_refused(put.body(noise(800_000).into()).send().await, 400, "BadDigest");
    assert_eq!(place.read("key").await, b"old");
}

#[tokio::test]
async fn a_body_that_is_not_the_signed_one_is_refused() {
    let place = Place::open().await;
    place.put("key", "old").await;
    let put = Signing::new(&place.endpoint, "PUT", &place.bucket, "key")
        .header("x-amz-content-sha256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    let (status, body) = put.send(&place.http, "not hello").await;
    assert_eq!(status, 400);
    check_body_says(&body, "XAmzContentSHA256Mismatch");
    assert_eq!(place.read("key").await, b"old");
}

/// Sends "hello" in the SDK's way of streaming, with this checksum behind it.
async fn send_with_trailer(place: &Place, crc32: &str) -> (u16, String) {
    let put = Signing::new(&place.endpoint, "PUT", &place.bucket, "key")
        .header("content-encoding", "aws-chunked")
        .header("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        .header("x-amz-decoded-content-length", "5")
        .header("x-amz-trailer", "x-amz-checksum-crc32");
    let body = format!("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{crc32}\r\n\r\n");
    put.send(&place.http, body).await
}

#[tokio::test]
async fn a_right_checksum_behind_the_body_is_accepted() {
    let place = Place::open().await;
    let (status, body) = send_with_trailer(&place, HELLO_CRC32).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(place.read("key").await, b"hello");
}

#[tokio::test]
async fn a_wrong_checksum_behind_the_body_is_refused_and_the_old_object_stays() {
    let place = Place::open().await;
    place.put("key", "old").await;
    let (status, body) = send_with_trailer(&place, "AAAAAA==").await;
    assert_eq!(status, 400);
    check_body_says(&body, "BadDigest");
    assert_eq!(place.read("key").await, b"old");
}

#[tokio::test]
async fn a_chunked_body_that_ends_early_is_refused() {
    let place = Place::open().await;
    let put = Signing::new(&place.endpoint, "PUT", &place.bucket, "key")
        .header("content-encoding", "aws-chunked")
        .header("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        .header("x-amz-decoded-content-length", "50")
        .header("x-amz-trailer", "x-amz-checksum-crc32");
    let (status, body) = put.send(&place.http, "32\r\nhello").await;
    assert_eq!(status, 400, "{body}");
    assert!(!place.exists("key").await);
}

#[tokio::test]
async fn a_link_takes_a_body_without_a_checksum() {
    let place = Place::open().await;
    let put = place.s3.put_object().bucket(&place.bucket).key("key");
    let link = put
        .customize()
        .config_override(
            aws_sdk_s3::Config::builder()
                .request_checksum_calculation(aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired),
        )
        .presigned(link_config())
        .await
        .unwrap();
    let answer = place.http.put(link.uri()).body("by link").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(place.read("key").await, b"by link");
}
