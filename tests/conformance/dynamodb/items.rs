//! An item is put, read, replaced and deleted as a whole.

use aws_sdk_dynamodb::types::ReturnValue;

use crate::place::{MAIN, Place, check_invalid, eventually, item, item_at, number, text};

#[tokio::test]
async fn what_is_not_there_is_no_error() {
    let place = Place::open().await;
    assert_eq!(place.read("x").await, None);
}

#[tokio::test]
async fn a_put_replaces_the_whole_item() {
    let place = Place::open().await;
    place.put(item("x", [("old", text("gone")), ("both", number(1))])).await;
    let new = item("x", [("both", number(2))]);
    let put = place.putting(new.clone()).return_values(ReturnValue::AllOld).send().await.unwrap();
    assert_eq!(put.attributes, Some(item("x", [("old", text("gone")), ("both", number(1))])));
    assert_eq!(place.read("x").await, Some(new));
}

#[tokio::test]
async fn a_put_over_nothing_returns_nothing() {
    let place = Place::open().await;
    let put = place.putting(item("x", [])).return_values(ReturnValue::AllOld).send().await.unwrap();
    assert_eq!(put.attributes, None);
    // New values are known to whoever puts them.
    let put = place.putting(item("x", [])).return_values(ReturnValue::AllNew).send().await;
    check_invalid(put, "ReturnValues");
}

#[tokio::test]
async fn a_consistent_read_sees_the_last_write() {
    let place = Place::open().await;
    for round in 0..20 {
        let written = item("x", [("round", number(round))]);
        place.put(written.clone()).await;
        assert_eq!(place.read("x").await, Some(written));
    }
}

#[tokio::test]
async fn a_cheap_read_sees_the_last_write_at_last() {
    let place = Place::open().await;
    let written = item("x", [("round", number(1))]);
    place.put(written.clone()).await;
    let read = eventually(async || {
        let get = place.dynamo.get_item().table_name(&place.table).key("pk", text("x"));
        get.key("sk", text(MAIN)).send().await.unwrap().item
    });
    assert_eq!(read.await, written);
}

#[tokio::test]
async fn a_read_may_ask_for_some_attributes() {
    let place = Place::open().await;
    place
        .put(item("x", [("size", number(1)), ("owner_id", text("me")), ("more", text("not asked for"))]))
        .await;
    let get = place.dynamo.get_item().table_name(&place.table).consistent_read(true);
    let get = get.key("pk", text("x")).key("sk", text(MAIN));
    let get =
        get.projection_expression("#size, owner_id, nowhere").expression_attribute_names("#size", "size");
    let read = get.send().await.unwrap().item.unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!((&read["size"], &read["owner_id"]), (&number(1), &text("me")));
}

#[tokio::test]
async fn a_deleted_item_is_gone_alone() {
    let place = Place::open().await;
    let gone = item_at("x", "1", [("value", number(1))]);
    place.put(gone.clone()).await;
    place.put(item_at("x", "2", [])).await;
    let deleted = place.deleting("x", "1").return_values(ReturnValue::AllOld).send().await.unwrap();
    assert_eq!(deleted.attributes, Some(gone));
    assert_eq!(place.read_at("x", "1").await, None);
    assert!(place.read_at("x", "2").await.is_some());
    let again = place.deleting("x", "1").return_values(ReturnValue::AllOld).send().await.unwrap();
    assert_eq!(again.attributes, None, "what is gone may be deleted again");
}
