//! A copy has the bytes of its source, and what is said of them: the source's words or new ones.

use aws_sdk_s3::types::{MetadataDirective, TaggingDirective};

use crate::place::{Place, check_refused, noise};

async fn with_source(bytes: Vec<u8>) -> Place {
    let place = Place::open().await;
    let put = place.s3.put_object().bucket(&place.bucket).key("from here").body(bytes.into());
    put.content_type("text/plain").metadata("said", "once").tagging("colour=red").send().await.unwrap();
    place
}

fn source(place: &Place) -> String {
    format!("{}/from%20here", place.bucket)
}

#[tokio::test]
async fn a_copy_takes_everything_along() {
    let place = with_source(noise(600_000)).await;
    let copy = place.s3.copy_object().bucket(&place.bucket).key("to").copy_source(source(&place));
    let copied = copy.send().await.unwrap();
    assert!(copied.copy_object_result().unwrap().last_modified().is_some());
    let got = place.s3.get_object().bucket(&place.bucket).key("to").send().await.unwrap();
    assert_eq!(got.e_tag(), copied.copy_object_result().unwrap().e_tag());
    assert_eq!(got.content_type(), Some("text/plain"));
    assert_eq!(got.metadata().unwrap().get("said").map(String::as_str), Some("once"));
    assert_eq!(got.tag_count(), Some(1));
    assert!(got.body.collect().await.unwrap().to_vec() == noise(600_000));
}

#[tokio::test]
async fn a_copy_may_be_described_anew() {
    let place = with_source(b"x".to_vec()).await;
    let copy = place.s3.copy_object().bucket(&place.bucket).key("to").copy_source(source(&place));
    copy.metadata_directive(MetadataDirective::Replace)
        .content_type("image/png")
        .metadata("said", "twice")
        .tagging_directive(TaggingDirective::Replace)
        .tagging("colour=blue&shape=round")
        .send()
        .await
        .unwrap();
    let head = place.s3.get_object().bucket(&place.bucket).key("to").send().await.unwrap();
    assert_eq!(head.content_type(), Some("image/png"));
    assert_eq!(head.metadata().unwrap().get("said").map(String::as_str), Some("twice"));
    assert_eq!(head.tag_count(), Some(2));
}

#[tokio::test]
async fn a_copy_onto_itself_needs_a_reason() {
    let place = with_source(b"x".to_vec()).await;
    let copy = || place.s3.copy_object().bucket(&place.bucket).key("from here").copy_source(source(&place));
    check_refused(copy().send().await, 400, "InvalidRequest");
    let described = copy().metadata_directive(MetadataDirective::Replace).content_type("image/png");
    described.send().await.unwrap();
    let head = place.s3.head_object().bucket(&place.bucket).key("from here").send().await.unwrap();
    assert_eq!(head.content_type(), Some("image/png"));
    assert_eq!(place.read("from here").await, b"x");
}

#[tokio::test]
async fn a_copy_of_nothing_is_no_such_key() {
    let place = Place::open().await;
    let copy = place.s3.copy_object().bucket(&place.bucket).key("to").copy_source(source(&place));
    check_refused(copy.send().await, 404, "NoSuchKey");
}

#[tokio::test]
async fn a_copy_may_demand_a_version_of_its_source() {
    let place = with_source(b"x".to_vec()).await;
    let copy = || place.s3.copy_object().bucket(&place.bucket).key("to").copy_source(source(&place));
    check_refused(copy().copy_source_if_match("\"other\"").send().await, 412, "PreconditionFailed");
    assert!(!place.exists("to").await);
    let etag = "\"9dd4e461268c8034f5c8564e155c67a6\"";
    check_refused(copy().copy_source_if_none_match(etag).send().await, 412, "PreconditionFailed");
    copy().copy_source_if_match(etag).send().await.unwrap();
}

#[tokio::test]
async fn an_empty_object_can_be_copied() {
    let place = with_source(Vec::new()).await;
    let copy = place.s3.copy_object().bucket(&place.bucket).key("to").copy_source(source(&place));
    copy.send().await.unwrap();
    assert_eq!(place.read("to").await, b"");
}

#[tokio::test]
async fn a_copy_outlives_its_source() {
    let place = with_source(noise(400_000)).await;
    let copy = place.s3.copy_object().bucket(&place.bucket).key("to").copy_source(source(&place));
    copy.send().await.unwrap();
    place.s3.delete_object().bucket(&place.bucket).key("from here").send().await.unwrap();
    assert!(place.read("to").await == noise(400_000));
}
