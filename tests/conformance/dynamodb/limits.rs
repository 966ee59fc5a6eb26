//! An item has at most 400 KB, names and all.

use crate::place::{Place, bytes, check_invalid, item, number, text, values};

/// The most bytes of an item.
const LIMIT: usize = 400 * 1024;

/// What an item of a one-letter partition weighs before its attributes: `pk`, `x`, `sk`, `A`.
const KEYS: usize = 2 + 1 + 2 + 1;

#[tokio::test]
async fn an_item_of_400_kb_is_kept_and_a_byte_more_refused() {
    let place = Place::open().await;
    let body = LIMIT - KEYS - "body".len();
    place.put(item("x", [("body", text("y".repeat(body)))])).await;
    assert_eq!(place.read("x").await.unwrap()["body"].as_s().unwrap().len(), body);
    let larger = place.putting(item("x", [("body", text("y".repeat(body + 1)))])).send().await;
    check_invalid(larger, "Item size has exceeded");
    assert_eq!(place.read("x").await.unwrap()["body"].as_s().unwrap().len(), body, "the old one stays");
}

#[tokio::test]
async fn text_weighs_its_bytes() {
    let place = Place::open().await;
    let letters = (LIMIT - KEYS - "body".len()) / "ä".len();
    place.put(item("x", [("body", text("ä".repeat(letters)))])).await;
    let larger = place.putting(item("x", [("body", text("ä".repeat(letters + 1)))])).send().await;
    check_invalid(larger, "Item size has exceeded");
}

#[tokio::test]
async fn names_weigh_as_well() {
    let place = Place::open().await;
    let body = LIMIT - KEYS - "body".len();
    let larger = place.putting(item("x", [("longer_name", bytes(vec![0; body]))])).send().await;
    check_invalid(larger, "Item size has exceeded");
}

#[tokio::test]
async fn an_item_is_not_updated_beyond_400_kb() {
    let place = Place::open().await;
    // AWS weighs an update a little otherwise than a put, so the limit is not approached to the byte here.
    place.put(item("x", [("body", bytes(vec![0; 300 * 1024])), ("count", number(1))])).await;
    let update = place.updating("x", "SET more = :more, #count = :two");
    let update = update.expression_attribute_names("#count", "count");
    let asked = values([(":more", bytes(vec![0; 150 * 1024])), (":two", number(2))]);
    let update = update.set_expression_attribute_values(asked).send().await;
    check_invalid(update, "Item size to update has exceeded");
    let there = place.read("x").await.unwrap();
    assert_eq!((there.len(), &there["count"]), (4, &number(1)));
}
