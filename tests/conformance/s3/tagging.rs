//! The tags of an object.

use aws_sdk_s3::types::{Tag, Tagging};

use crate::place::{Place, check_refused};

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().unwrap()
}

fn tags(tags: impl IntoIterator<Item = Tag>) -> Tagging {
    Tagging::builder().set_tag_set(Some(tags.into_iter().collect())).build().unwrap()
}

#[tokio::test]
async fn tags_come_with_the_object() {
    let place = Place::open().await;
    let put = place.s3.put_object().bucket(&place.bucket).key("key").tagging("colour=light%20red&empty=");
    put.send().await.unwrap();
    let got = place.s3.get_object_tagging().bucket(&place.bucket).key("key").send().await.unwrap();
    assert_eq!(got.tag_set(), [tag("colour", "light red"), tag("empty", "")]);
    let object = place.s3.get_object().bucket(&place.bucket).key("key").send().await.unwrap();
    assert_eq!(object.tag_count(), Some(2));
}

#[tokio::test]
async fn tags_are_replaced_and_removed() {
    let place = Place::open().await;
    place.put("key", "x").await;
    let put = place.s3.put_object_tagging().bucket(&place.bucket).key("key").tagging(tags([tag("a", "1")]));
    put.send().await.unwrap();
    let get = || place.s3.get_object_tagging().bucket(&place.bucket).key("key").send();
    assert_eq!(get().await.unwrap().tag_set(), [tag("a", "1")]);
    place.s3.delete_object_tagging().bucket(&place.bucket).key("key").send().await.unwrap();
    assert!(get().await.unwrap().tag_set().is_empty());
    assert_eq!(place.read("key").await, b"x");
}

#[tokio::test]
async fn a_missing_object_has_no_tags() {
    let place = Place::open().await;
    let get = place.s3.get_object_tagging().bucket(&place.bucket).key("missing").send().await;
    check_refused(get, 404, "NoSuchKey");
    let put =
        place.s3.put_object_tagging().bucket(&place.bucket).key("missing").tagging(tags([tag("a", "1")]));
    check_refused(put.send().await, 404, "NoSuchKey");
}

#[tokio::test]
async fn more_than_ten_tags_are_refused() {
    let place = Place::open().await;
    place.put("key", "x").await;
    let many = tags((0..11).map(|number| tag(&format!("t{number}"), "")));
    let put = place.s3.put_object_tagging().bucket(&place.bucket).key("key").tagging(many);
    check_refused(put.send().await, 400, "InvalidTag");
}

#[tokio::test]
async fn a_tag_is_given_once() {
    let place = Place::open().await;
    let put = place.s3.put_object().bucket(&place.bucket).key("key").tagging("a=1&a=2");
    check_refused(put.send().await, 400, "InvalidTag");
}
