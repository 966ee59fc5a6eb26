//! What is deleted is gone, and deleting it again is no error.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use crate::place::{Place, check_refused};

fn these(keys: &[&str], quiet: bool) -> Delete {
    let objects = keys.iter().map(|key| ObjectIdentifier::builder().key(*key).build().unwrap());
    Delete::builder().set_objects(Some(objects.collect())).quiet(quiet).build().unwrap()
}

#[tokio::test]
async fn a_deleted_object_is_gone() {
    let place = Place::open().await;
    place.put("key", "x").await;
    place.s3.delete_object().bucket(&place.bucket).key("key").send().await.unwrap();
    let get = place.s3.get_object().bucket(&place.bucket).key("key").send().await;
    check_refused(get, 404, "NoSuchKey");
    let listed = place.s3.list_objects_v2().bucket(&place.bucket).send().await.unwrap();
    assert_eq!(listed.key_count(), Some(0));
}

#[tokio::test]
async fn deleting_nothing_is_no_error() {
    let place = Place::open().await;
    assert!(place.s3.delete_object().bucket(&place.bucket).key("never").send().await.is_ok());
}

#[tokio::test]
async fn deleting_in_a_missing_bucket_is_an_error() {
    let place = Place::open().await;
    let nowhere = format!("{}-not", place.bucket);
    check_refused(place.s3.delete_object().bucket(nowhere).key("key").send().await, 404, "NoSuchBucket");
}

#[tokio::test]
async fn many_are_deleted_at_once_and_the_missing_count() {
    let place = Place::open().await;
    for key in ["a", "b", "c"] {
        place.put(key, "x").await;
    }
    let delete = place.s3.delete_objects().bucket(&place.bucket).delete(these(&["a", "b", "never"], false));
    let deleted = delete.send().await.unwrap();
    let mut keys: Vec<_> = deleted.deleted().iter().filter_map(|object| object.key()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["a", "b", "never"]);
    assert!(!place.exists("a").await && place.exists("c").await);
}

#[tokio::test]
async fn many_are_deleted_quietly() {
    let place = Place::open().await;
    place.put("a", "x").await;
    let delete = place.s3.delete_objects().bucket(&place.bucket).delete(these(&["a", "never"], true));
    let deleted = delete.send().await.unwrap();
    assert!(deleted.deleted().is_empty() && deleted.errors().is_empty());
    assert!(!place.exists("a").await);
}

#[tokio::test]
async fn more_than_a_thousand_at_once_are_refused() {
    let place = Place::open().await;
    let keys: Vec<String> = (0..1001).map(|number| format!("k{number}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let delete = place.s3.delete_objects().bucket(&place.bucket).delete(these(&keys, false)).send().await;
    check_refused(delete, 400, "MalformedXML");
}
