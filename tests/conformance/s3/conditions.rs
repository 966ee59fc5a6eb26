//! Reads and writes that demand something of the object that is there.

use aws_sdk_s3::primitives::DateTime;
use reqwest::StatusCode;

use crate::place::{Place, check_refused, noise};

/// Tue, 24 Nov 2020 14:41:42 GMT: before any of these tests.
const LONG_AGO: i64 = 1_606_228_902;

#[tokio::test]
async fn what_the_reader_has_already_is_not_sent_again() {
    let place = Place::open().await;
    let etag = place.put("key", "x").await.e_tag.unwrap();
    let get = place.s3.get_object().bucket(&place.bucket).key("key").if_none_match(&etag).send().await;
    assert_eq!(get.unwrap_err().raw_response().unwrap().status().as_u16(), 304);
    let head = place.s3.head_object().bucket(&place.bucket).key("key").if_none_match(&etag).send().await;
    assert_eq!(head.unwrap_err().raw_response().unwrap().status().as_u16(), 304);
    let get = place.s3.get_object().bucket(&place.bucket).key("key").if_none_match("\"other\"").send().await;
    assert!(get.is_ok());
}

#[tokio::test]
async fn a_304_has_no_body_and_names_the_etag() {
    let place = Place::open().await;
    let etag = place.put("key", "x").await.e_tag.unwrap();
    let link = place.link("key").await;
    let answer = place.http.get(&link).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(answer.headers()["etag"], etag.as_str());
    assert!(answer.headers().contains_key("last-modified"));
    assert_eq!(answer.bytes().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_reader_may_have_several_versions_already() {
    let place = Place::open().await;
    let etag = place.put("key", "x").await.e_tag.unwrap();
    let link = place.link("key").await;
    let ask = |tags: String| place.http.get(&link).header("if-none-match", tags).send();
    assert_eq!(ask(format!("\"other\", {etag}")).await.unwrap().status(), 304);
    assert_eq!(ask(format!("W/{etag}")).await.unwrap().status(), 304);
    assert_eq!(ask("\"other\", \"another\"".to_owned()).await.unwrap().status(), 200);
    assert_eq!(ask("*".to_owned()).await.unwrap().status(), 304);
}

#[tokio::test]
async fn a_signed_list_of_etags_is_understood_too() {
    let place = Place::open().await;
    let etag = place.put("key", "x").await.e_tag.unwrap();
    let tags = format!("\"other\", {etag}");
    let get = place.s3.get_object().bucket(&place.bucket).key("key").if_none_match(tags).send().await;
    assert_eq!(get.unwrap_err().raw_response().unwrap().status().as_u16(), 304);
}

#[tokio::test]
async fn a_read_of_one_version_fails_for_another() {
    let place = Place::open().await;
    let etag = place.put("key", "x").await.e_tag.unwrap();
    let get = place.s3.get_object().bucket(&place.bucket).key("key").if_match(&etag).send().await;
    assert!(get.is_ok());
    let get = place.s3.get_object().bucket(&place.bucket).key("key").if_match("\"other\"").send().await;
    check_refused(get, 412, "PreconditionFailed");
}

#[tokio::test]
async fn a_read_may_demand_a_change_since() {
    let place = Place::open().await;
    place.put("key", "x").await;
    let head = place.s3.head_object().bucket(&place.bucket).key("key").send().await.unwrap();
    let modified = *head.last_modified().unwrap();
    let get = |since| place.s3.get_object().bucket(&place.bucket).key("key").if_modified_since(since).send();
    assert_eq!(get(modified).await.unwrap_err().raw_response().unwrap().status().as_u16(), 304);
    assert!(get(DateTime::from_secs(LONG_AGO)).await.is_ok());
}

#[tokio::test]
async fn a_read_may_demand_no_change_since() {
    let place = Place::open().await;
    place.put("key", "x").await;
    let head = place.s3.head_object().bucket(&place.bucket).key("key").send().await.unwrap();
    let modified = *head.last_modified().unwrap();
    let get =
        |since| place.s3.get_object().bucket(&place.bucket).key("key").if_unmodified_since(since).send();
    assert!(get(modified).await.is_ok());
    check_refused(get(DateTime::from_secs(LONG_AGO)).await, 412, "PreconditionFailed");
}

#[tokio::test]
async fn a_date_that_cannot_be_read_is_ignored() {
    let place = Place::open().await;
    place.put("key", "x").await;
    let link = place.link("key").await;
    let answer = place.http.get(&link).header("if-modified-since", "yesterday").send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_new_object_only_is_put_once() {
    let place = Place::open().await;
    let put = || place.s3.put_object().bucket(&place.bucket).key("key").if_none_match("*");
    put().body(b"first".to_vec().into()).send().await.unwrap();
    let second = put().body(b"second".to_vec().into()).send().await;
    check_refused(second, 412, "PreconditionFailed");
    let second = put().body(noise(900_000).into()).send().await;
    check_refused(second, 412, "PreconditionFailed");
    assert_eq!(place.read("key").await, b"first");
}

#[tokio::test]
async fn a_new_object_only_may_follow_a_deleted_one() {
    let place = Place::open().await;
    place.put("key", "first").await;
    place.s3.delete_object().bucket(&place.bucket).key("key").send().await.unwrap();
    let put = place.s3.put_object().bucket(&place.bucket).key("key").if_none_match("*");
    put.body(b"second".to_vec().into()).send().await.unwrap();
    assert_eq!(place.read("key").await, b"second");
}

#[tokio::test]
async fn a_put_over_one_version_fails_over_another() {
    let place = Place::open().await;
    let etag = place.put("key", "first").await.e_tag.unwrap();
    let put = |tag: &str| place.s3.put_object().bucket(&place.bucket).key("key").if_match(tag);
    put(&etag).body(b"second".to_vec().into()).send().await.unwrap();
    let stale = put(&etag).body(b"third".to_vec().into()).send().await;
    check_refused(stale, 412, "PreconditionFailed");
    assert_eq!(place.read("key").await, b"second");
}

#[tokio::test]
async fn a_put_over_one_version_fails_over_nothing() {
    let place = Place::open().await;
    let put = place.s3.put_object().bucket(&place.bucket).key("key").if_match("\"any\"");
    check_refused(put.send().await, 404, "NoSuchKey");
}

#[tokio::test]
async fn a_put_over_any_version_but_one_is_not_offered() {
    let place = Place::open().await;
    let put = place.s3.put_object().bucket(&place.bucket).key("key").if_none_match("\"tag\"");
    check_refused(put.send().await, 501, "NotImplemented");
}

#[tokio::test]
async fn a_delete_of_one_version_fails_for_another() {
    let place = Place::open().await;
    let etag = place.put("key", "x").await.e_tag.unwrap();
    let delete = |tag: &str| place.s3.delete_object().bucket(&place.bucket).key("key").if_match(tag).send();
    check_refused(delete("\"other\"").await, 412, "PreconditionFailed");
    assert!(place.exists("key").await);
    delete(&etag).await.unwrap();
    assert!(!place.exists("key").await);
}
