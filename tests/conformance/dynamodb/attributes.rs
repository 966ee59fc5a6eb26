//! What was written into an attribute comes back out of it.

use std::collections::HashMap;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};

use crate::place::{Place, bytes, check_invalid, flag, item, number, set, set_of, text};

/// Puts a value and reads it again.
async fn kept(place: &Place, value: AttributeValue) -> AttributeValue {
    place.put(item("x", [("value", value)])).await;
    place.read("x").await.unwrap().remove("value").expect("the attribute")
}

#[tokio::test]
async fn text_comes_back_as_it_was() {
    let place = Place::open().await;
    for written in ["x", "", "Grüße, 世界 😀", " \t\r\n\"\\/", "\u{0}\u{1f}\u{7f}", "e\u{301} is not \u{e9}"]
    {
        assert_eq!(kept(&place, text(written)).await, text(written));
    }
}

#[tokio::test]
async fn bytes_come_back_as_they_were() {
    let place = Place::open().await;
    let every: Vec<u8> = (0..=255).collect();
    for written in [vec![], vec![0], vec![0xff; 4096], every] {
        assert_eq!(kept(&place, bytes(written.clone())).await, bytes(written));
    }
}

#[tokio::test]
async fn numbers_keep_all_of_38_digits() {
    let place = Place::open().await;
    for written in [
        "0",
        "-1",
        "1700000000123",
        "12345678901234567890123456789012345678",
        "-99999999999999999999999999999999999999",
        "1234567890123456789.0123456789012345678",
        "0.12345678901234567890123456789012345678",
    ] {
        assert_eq!(kept(&place, number(written)).await, number(written));
    }
}

#[tokio::test]
async fn numbers_are_written_in_one_way() {
    let place = Place::open().await;
    for (written, kept_as) in [("007", "7"), ("1.500", "1.5"), ("-0", "0"), ("1e2", "100")] {
        assert_eq!(kept(&place, number(written)).await, number(kept_as), "{written}");
    }
}

#[tokio::test]
async fn a_number_of_more_digits_is_refused() {
    let place = Place::open().await;
    let put = place.putting(item("x", [("value", number("123456789012345678901234567890123456789"))]));
    check_invalid(put.send().await, "38 significant digits");
}

#[tokio::test]
async fn what_is_no_number_is_refused() {
    let place = Place::open().await;
    for word in ["one", "", "0x10", "1 000"] {
        let put = place.putting(item("x", [("value", number(word))]));
        check_invalid(put.send().await, "numeric value");
    }
}

#[tokio::test]
async fn yes_and_no_come_back() {
    let place = Place::open().await;
    assert_eq!(kept(&place, flag(true)).await, flag(true));
    assert_eq!(kept(&place, flag(false)).await, flag(false));
}

#[tokio::test]
async fn a_set_comes_back_whole() {
    let place = Place::open().await;
    place.put(item("x", [("members", set(["b", "a", "ä", "1700000000123:c"]))])).await;
    assert_eq!(set_of(&place.read("x").await.unwrap(), "members"), ["1700000000123:c", "a", "b", "ä"]);
}

#[tokio::test]
async fn an_empty_set_is_refused() {
    let place = Place::open().await;
    check_invalid(place.putting(item("x", [("members", set([]))])).send().await, "may not be empty");
}

#[tokio::test]
async fn a_set_has_each_member_once() {
    let place = Place::open().await;
    check_invalid(place.putting(item("x", [("members", set(["a", "b", "a"]))])).send().await, "duplicates");
}

#[tokio::test]
async fn values_within_values_come_back() {
    let place = Place::open().await;
    let inner = HashMap::from([
        ("nothing".to_owned(), AttributeValue::Null(true)),
        ("empty".to_owned(), text("")),
        ("one number".to_owned(), AttributeValue::Ns(vec!["1.5".to_owned()])),
        ("one blob".to_owned(), AttributeValue::Bs(vec![Blob::new([0, 255])])),
    ]);
    let list = AttributeValue::L(vec![AttributeValue::M(inner), AttributeValue::L(vec![]), number(1)]);
    let outer = AttributeValue::M(HashMap::from([("list".to_owned(), list)]));
    assert_eq!(kept(&place, outer.clone()).await, outer);
}
