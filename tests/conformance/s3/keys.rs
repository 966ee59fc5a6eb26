//! Any key is only a name.

use crate::place::{Place, check_refused};

async fn check_key(key: &str) {
    let place = Place::open().await;
    place.put(key, format!("the bytes of {key}")).await;
    assert_eq!(place.read(key).await, format!("the bytes of {key}").into_bytes());
    let listed = place.s3.list_objects_v2().bucket(&place.bucket).send().await.unwrap();
    assert_eq!(listed.contents()[0].key(), Some(key));
    place.s3.delete_object().bucket(&place.bucket).key(key).send().await.unwrap();
    assert!(!place.exists(key).await);
}

#[tokio::test]
async fn a_key_may_have_empty_segments() {
    check_key("a//b").await;
}

#[tokio::test]
async fn a_key_may_have_dots_for_segments() {
    check_key("dot/./x").await;
}

#[tokio::test]
async fn a_key_may_end_in_a_slash() {
    check_key("tr/slash/").await;
}

#[tokio::test]
async fn a_key_may_look_like_a_way_out() {
    check_key("../../etc/x").await;
}

#[tokio::test]
async fn a_key_may_have_spaces_and_signs() {
    check_key("a b+c%20d&e=f;g?h#i(j)*k'l\"m~n").await;
}

#[tokio::test]
async fn a_key_may_be_in_any_script() {
    check_key("Köln/東京/🦀.png").await;
}

#[tokio::test]
async fn a_key_may_be_1024_bytes_long() {
    check_key(&"k".repeat(1024)).await;
}

#[tokio::test]
async fn a_key_may_have_a_long_segment() {
    check_key(&format!("{}/{}", "s".repeat(241), "t".repeat(300))).await;
}

#[tokio::test]
async fn a_key_of_1025_bytes_is_too_long() {
    let place = Place::open().await;
    let key = "k".repeat(1025);
    let put = place.s3.put_object().bucket(&place.bucket).key(key).send().await;
    check_refused(put, 400, "KeyTooLongError");
}

#[tokio::test]
async fn a_key_may_be_the_beginning_of_another() {
    let place = Place::open().await;
    place.put("ab", "short").await;
    place.put("ab/cd", "long").await;
    assert_eq!(place.read("ab").await, b"short");
    assert_eq!(place.read("ab/cd").await, b"long");
    place.s3.delete_object().bucket(&place.bucket).key("ab").send().await.unwrap();
    assert_eq!(place.read("ab/cd").await, b"long");
}

#[tokio::test]
async fn keys_that_differ_in_case_are_two() {
    let place = Place::open().await;
    place.put("Key", "upper").await;
    place.put("key", "lower").await;
    assert_eq!(place.read("Key").await, b"upper");
    assert_eq!(place.read("key").await, b"lower");
}
