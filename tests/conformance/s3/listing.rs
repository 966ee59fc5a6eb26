//! Keys in order, page by page.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::EncodingType;

use crate::place::{Place, check_refused};

async fn with(keys: &[&str]) -> Place {
    let place = Place::open().await;
    for key in keys {
        place.put(key, *key).await;
    }
    place
}

fn keys(listed: &ListObjectsV2Output) -> Vec<&str> {
    listed.contents().iter().filter_map(|object| object.key()).collect()
}

fn prefixes(listed: &ListObjectsV2Output) -> Vec<&str> {
    listed.common_prefixes().iter().filter_map(|prefix| prefix.prefix()).collect()
}

#[tokio::test]
async fn keys_are_listed_by_their_bytes() {
    let place = with(&["b", "a", "B", "ä", "a/b", "a-b", "😀", "\u{ffee}"]).await;
    let listed = place.s3.list_objects_v2().bucket(&place.bucket).send().await.unwrap();
    assert_eq!(keys(&listed), ["B", "a", "a-b", "a/b", "b", "ä", "\u{ffee}", "😀"]);
    assert_eq!(listed.key_count(), Some(8));
    assert_eq!(listed.is_truncated(), Some(false));
}

#[tokio::test]
async fn an_entry_tells_etag_size_and_age() {
    let place = with(&["hello"]).await;
    let listed = place.s3.list_objects_v2().bucket(&place.bucket).send().await.unwrap();
    let entry = &listed.contents()[0];
    assert_eq!(entry.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    assert_eq!(entry.size(), Some(5));
    assert!(entry.last_modified().is_some());
}

#[tokio::test]
async fn an_empty_bucket_lists_nothing() {
    let place = with(&[]).await;
    let listed = place.s3.list_objects_v2().bucket(&place.bucket).send().await.unwrap();
    assert!(keys(&listed).is_empty());
    assert_eq!(listed.key_count(), Some(0));
}

#[tokio::test]
async fn a_prefix_keeps_the_rest_out() {
    let place = with(&["a", "ab", "abc", "b", "aa"]).await;
    let listed = place.s3.list_objects_v2().bucket(&place.bucket).prefix("ab").send().await.unwrap();
    assert_eq!(keys(&listed), ["ab", "abc"]);
}

#[tokio::test]
async fn a_delimiter_folds_what_lies_below() {
    let place = with(&["a/1", "a/2", "b", "c/d/1", "c/e"]).await;
    let listed = place.s3.list_objects_v2().bucket(&place.bucket).delimiter("/").send().await.unwrap();
    assert_eq!(keys(&listed), ["b"]);
    assert_eq!(prefixes(&listed), ["a/", "c/"]);
    assert_eq!(listed.key_count(), Some(3));
}

#[tokio::test]
async fn a_delimiter_counts_behind_the_prefix() {
    let place = with(&["c/d/1", "c/d/2", "c/e", "c/f/3", "d/x"]).await;
    let list = place.s3.list_objects_v2().bucket(&place.bucket).prefix("c/").delimiter("/");
    let listed = list.send().await.unwrap();
    assert_eq!(keys(&listed), ["c/e"]);
    assert_eq!(prefixes(&listed), ["c/d/", "c/f/"]);
}

#[tokio::test]
async fn a_listing_may_begin_after_a_key() {
    let place = with(&["a", "b", "c", "d"]).await;
    let listed = place.s3.list_objects_v2().bucket(&place.bucket).start_after("b").send().await.unwrap();
    assert_eq!(keys(&listed), ["c", "d"]);
    let listed = place.s3.list_objects_v2().bucket(&place.bucket).start_after("bb").send().await.unwrap();
    assert_eq!(keys(&listed), ["c", "d"]);
}

/// Walks all pages of this size and gives every key and prefix in the order they came.
async fn walk(place: &Place, page_size: i32, delimiter: Option<&str>) -> Vec<String> {
    let mut all = Vec::new();
    let mut token = None;
    loop {
        let list = place.s3.list_objects_v2().bucket(&place.bucket).max_keys(page_size);
        let list = list.set_delimiter(delimiter.map(str::to_owned)).set_continuation_token(token);
        let page = list.send().await.unwrap();
        let mut entries: Vec<String> =
            keys(&page).into_iter().chain(prefixes(&page)).map(str::to_owned).collect();
        assert!(entries.len() <= usize::try_from(page_size).unwrap());
        entries.sort();
        all.extend(entries);
        token = page.next_continuation_token().map(str::to_owned);
        assert_eq!(page.is_truncated(), Some(token.is_some()));
        if token.is_none() {
            return all;
        }
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap() {
    let all = ["a", "b", "c", "d", "e", "f", "g"];
    let place = with(&all).await;
    for page_size in [1, 2, 3, 7, 8] {
        assert_eq!(walk(&place, page_size, None).await, all, "{page_size} a page");
    }
}

#[tokio::test]
async fn folded_pages_follow_each_other_without_a_gap() {
    let place = with(&["a/1", "a/2", "a/3", "b", "c/1", "c/2", "d", "e/1"]).await;
    for page_size in [1, 2, 3, 4, 5, 6] {
        assert_eq!(
            walk(&place, page_size, Some("/")).await,
            ["a/", "b", "c/", "d", "e/"],
            "{page_size} a page"
        );
    }
}

#[tokio::test]
async fn a_page_that_ends_with_the_last_key_is_the_last() {
    let place = with(&["a", "b"]).await;
    let listed = place.s3.list_objects_v2().bucket(&place.bucket).max_keys(2).send().await.unwrap();
    assert_eq!(listed.is_truncated(), Some(false));
    assert_eq!(listed.next_continuation_token(), None);
}

#[tokio::test]
async fn nothing_may_be_asked_for() {
    let place = with(&["a"]).await;
    let listed = place.s3.list_objects_v2().bucket(&place.bucket).max_keys(0).send().await.unwrap();
    assert!(keys(&listed).is_empty());
    assert_eq!(listed.is_truncated(), Some(false));
}

#[tokio::test]
async fn a_token_that_is_none_is_refused() {
    let place = with(&["a"]).await;
    let list = place.s3.list_objects_v2().bucket(&place.bucket).continuation_token("not a token!");
    check_refused(list.send().await, 400, "InvalidArgument");
}

#[tokio::test]
async fn keys_may_be_asked_for_encoded() {
    let place = with(&["a b/ä+"]).await;
    let list = place.s3.list_objects_v2().bucket(&place.bucket).encoding_type(EncodingType::Url);
    let listed = list.send().await.unwrap();
    assert_eq!(listed.encoding_type(), Some(&EncodingType::Url));
    let key = keys(&listed)[0].replace('+', "%20");
    assert_eq!(key, "a%20b/%C3%A4%2B");
}

#[tokio::test]
async fn a_missing_bucket_cannot_be_listed() {
    let place = with(&[]).await;
    let list = place.s3.list_objects_v2().bucket(format!("{}-not", place.bucket)).send().await;
    check_refused(list, 404, "NoSuchBucket");
}

#[tokio::test]
async fn the_older_listing_works_too() {
    let place = with(&["a/1", "a/2", "b", "c"]).await;
    let list = || place.s3.list_objects().bucket(&place.bucket).delimiter("/").max_keys(2);
    let first = list().send().await.unwrap();
    assert_eq!(first.common_prefixes()[0].prefix(), Some("a/"));
    assert_eq!(first.contents()[0].key(), Some("b"));
    assert_eq!(first.is_truncated(), Some(true));
    let second = list().marker(first.next_marker().unwrap()).send().await.unwrap();
    assert_eq!(second.contents()[0].key(), Some("c"));
    assert_eq!(second.is_truncated(), Some(false));
}
