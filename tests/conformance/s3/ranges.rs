//! A part of an object.

use aws_sdk_s3::operation::get_object::GetObjectOutput;

use crate::place::{Place, check_refused, noise};

async fn ranged(place: &Place, range: &str) -> GetObjectOutput {
    place
        .s3
        .get_object()
        .bucket(&place.bucket)
        .key("ten")
        .range(range)
        .send()
        .await
        .expect("a range is given")
}

/// Asks for a range of the ten bytes `0123456789`.
async fn check_range(range: &str, bytes: &str, content_range: Option<&str>) {
    let place = Place::open().await;
    place.put("ten", "0123456789").await;
    let got = ranged(&place, range).await;
    assert_eq!(got.content_range(), content_range);
    assert_eq!(got.content_length(), Some(i64::try_from(bytes.len()).unwrap()));
    assert_eq!(got.body.collect().await.unwrap().to_vec(), bytes.as_bytes());
}

#[tokio::test]
async fn a_range_has_a_first_and_a_last_byte() {
    check_range("bytes=2-4", "234", Some("bytes 2-4/10")).await;
}

#[tokio::test]
async fn a_range_may_be_one_byte() {
    check_range("bytes=0-0", "0", Some("bytes 0-0/10")).await;
}

#[tokio::test]
async fn a_range_may_be_open() {
    check_range("bytes=7-", "789", Some("bytes 7-9/10")).await;
}

#[tokio::test]
async fn a_range_may_count_from_the_end() {
    check_range("bytes=-3", "789", Some("bytes 7-9/10")).await;
}

#[tokio::test]
async fn a_range_from_the_end_may_be_longer_than_the_object() {
    check_range("bytes=-30", "0123456789", Some("bytes 0-9/10")).await;
}

#[tokio::test]
async fn a_range_past_the_end_is_cut() {
    check_range("bytes=8-100", "89", Some("bytes 8-9/10")).await;
}

#[tokio::test]
async fn several_ranges_give_the_whole() {
    check_range("bytes=0-1,4-5", "0123456789", None).await;
}

#[tokio::test]
async fn a_range_that_means_nothing_gives_the_whole() {
    check_range("bytes=5-2", "0123456789", None).await;
}

#[tokio::test]
async fn a_range_beyond_the_end_cannot_be_satisfied() {
    let place = Place::open().await;
    place.put("ten", "0123456789").await;
    let get = place.s3.get_object().bucket(&place.bucket).key("ten").range("bytes=10-").send().await;
    check_refused(get, 416, "InvalidRange");
}

#[tokio::test]
async fn no_range_of_an_empty_object_can_be_satisfied() {
    let place = Place::open().await;
    place.put("empty", "").await;
    let get = place.s3.get_object().bucket(&place.bucket).key("empty").range("bytes=0-").send().await;
    check_refused(get, 416, "InvalidRange");
}

#[tokio::test]
async fn a_range_is_answered_with_206_and_a_whole_with_200() {
    let place = Place::open().await;
    place.put("ten", "0123456789").await;
    let link = place.link("ten").await;
    let part = place.http.get(&link).header("range", "bytes=0-1").send().await.unwrap();
    assert_eq!(part.status(), 206);
    let whole = place.http.get(&link).send().await.unwrap();
    assert_eq!(whole.status(), 200);
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
}

#[tokio::test]
async fn head_tells_of_a_range_too() {
    let place = Place::open().await;
    place.put("ten", "0123456789").await;
    let head =
        place.s3.head_object().bucket(&place.bucket).key("ten").range("bytes=2-4").send().await.unwrap();
    assert_eq!(head.content_length(), Some(3));
    assert_eq!(head.content_range(), Some("bytes 2-4/10"));
}

#[tokio::test]
async fn a_range_in_the_middle_of_a_large_object_is_right() {
    let place = Place::open().await;
    let bytes = noise(3_000_000);
    place.put("ten", bytes.clone()).await;
    let got = ranged(&place, "bytes=700001-2100000").await.body.collect().await.unwrap().to_vec();
    assert!(got == bytes[700_001..=2_100_000]);
}

#[tokio::test]
async fn a_download_goes_on_only_with_the_object_it_was_begun_with() {
    let place = Place::open().await;
    let etag = place.put("ten", "0123456789").await.e_tag.unwrap();
    let link = place.link("ten").await;
    let ask = |tag: &str| place.http.get(&link).header("range", "bytes=5-").header("if-range", tag).send();
    assert_eq!(ask(&etag).await.unwrap().text().await.unwrap(), "56789");
    let changed = ask("\"another\"").await.unwrap();
    assert_eq!(changed.status(), 200);
    assert_eq!(changed.text().await.unwrap(), "0123456789");
}
