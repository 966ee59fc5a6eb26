//! What may be a key, and how keys are told apart.

use crate::place::{MAIN, Place, check_invalid, item, item_at, number, simple, text};

#[tokio::test]
async fn an_empty_key_is_refused() {
    let place = Place::open().await;
    check_invalid(place.putting(item("", [])).send().await, "empty string value");
    check_invalid(place.putting(item_at("x", "", [])).send().await, "empty string value");
    check_invalid(place.updating("", "REMOVE gone").send().await, "empty string value");
    let get = place.dynamo.get_item().table_name(&place.table).key("pk", text("")).key("sk", text(MAIN));
    check_invalid(get.send().await, "empty string value");
}

#[tokio::test]
async fn a_key_of_another_type_is_refused() {
    let place = Place::open().await;
    let mut wrong = item("x", []);
    wrong.insert("pk".to_owned(), number(1));
    check_invalid(place.putting(wrong).send().await, "Type mismatch for key pk");
    let get = place.dynamo.get_item().table_name(&place.table).key("pk", text("x")).key("sk", number(1));
    check_invalid(get.send().await, "key element does not match the schema");
    let query = place.dynamo.query().table_name(&place.table).key_condition_expression("pk = :pk");
    let query = query.expression_attribute_values(":pk", number(1));
    check_invalid(query.send().await, "parameter type does not match schema type");
}

#[tokio::test]
async fn half_a_key_is_refused() {
    let place = Place::open().await;
    let mut half = item("x", []);
    half.remove("sk");
    check_invalid(place.putting(half).send().await, "Missing the key sk");
    let get = place.dynamo.get_item().table_name(&place.table).key("pk", text("x"));
    check_invalid(get.send().await, "key element does not match the schema");
    let delete = place.dynamo.delete_item().table_name(&place.table).key("pk", text("x"));
    check_invalid(delete.send().await, "key element does not match the schema");
}

#[tokio::test]
async fn more_than_the_key_is_refused() {
    let place = Place::shaped(simple).await;
    let get = place.dynamo.get_item().table_name(&place.table).key("pk", text("x")).key("sk", text(MAIN));
    check_invalid(get.send().await, "key element does not match the schema");
}

#[tokio::test]
async fn keys_differ_when_a_byte_does() {
    let place = Place::open().await;
    let names = ["x", "X", "x ", " x", "\u{e9}", "e\u{301}", "x\u{0}", "%78", "x#y", "x/y"];
    for (number_of, name) in names.iter().enumerate() {
        place.put(item(name, [("value", number(number_of))])).await;
    }
    for (number_of, name) in names.iter().enumerate() {
        assert_eq!(place.read(name).await.unwrap()["value"], number(number_of), "{name:?}");
    }
}

#[tokio::test]
async fn a_partition_key_has_up_to_2048_bytes() {
    let place = Place::open().await;
    let longest = "ä".repeat(1024);
    place.put(item(&longest, [])).await;
    assert!(place.read(&longest).await.is_some());
    check_invalid(place.putting(item(&format!("{longest}x"), [])).send().await, "2048 bytes");
}

#[tokio::test]
async fn a_sort_key_has_up_to_1024_bytes() {
    let place = Place::open().await;
    let longest = "ä".repeat(512);
    place.put(item_at("x", &longest, [])).await;
    assert!(place.read_at("x", &longest).await.is_some());
    check_invalid(place.putting(item_at("x", &format!("{longest}x"), [])).send().await, "1024 bytes");
}

#[tokio::test]
async fn a_key_is_never_updated() {
    let place = Place::open().await;
    let update = place.updating("x", "SET pk = :other").expression_attribute_values(":other", text("y"));
    check_invalid(update.send().await, "part of the key");
    check_invalid(place.updating("x", "REMOVE sk").send().await, "part of the key");
}
