//! Members come and go, and a set never holds one twice.

use crate::place::{MAIN, Place, check_invalid, item, number, set, set_of, text};

async fn add(place: &Place, members: &[&str]) {
    let update = place.updating("x", "ADD members :members");
    update.expression_attribute_values(":members", set(members.iter().copied())).send().await.unwrap();
}

async fn take(place: &Place, members: &[&str]) {
    let update = place.updating("x", "DELETE members :members");
    update.expression_attribute_values(":members", set(members.iter().copied())).send().await.unwrap();
}

async fn members(place: &Place) -> Vec<String> {
    set_of(&place.read("x").await.unwrap(), "members")
}

#[tokio::test]
async fn the_first_member_makes_the_set() {
    let place = Place::open().await;
    add(&place, &["a"]).await;
    assert_eq!(members(&place).await, ["a"]);
}

#[tokio::test]
async fn a_member_added_again_changes_nothing() {
    let place = Place::open().await;
    add(&place, &["a", "b"]).await;
    add(&place, &["b"]).await;
    add(&place, &["b", "c"]).await;
    assert_eq!(members(&place).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_member_taken_again_changes_nothing() {
    let place = Place::open().await;
    add(&place, &["a", "b", "c"]).await;
    take(&place, &["b"]).await;
    take(&place, &["b", "never there"]).await;
    assert_eq!(members(&place).await, ["a", "c"]);
}

#[tokio::test]
async fn the_last_member_takes_the_set_along() {
    let place = Place::open().await;
    add(&place, &["a", "b"]).await;
    take(&place, &["a", "b"]).await;
    assert_eq!(place.read("x").await, Some(item("x", [])));
}

#[tokio::test]
async fn nothing_is_taken_from_no_set() {
    let place = Place::open().await;
    place.put(item("x", [("other", number(1))])).await;
    take(&place, &["a"]).await;
    assert_eq!(place.read("x").await, Some(item("x", [("other", number(1))])));
    // Where there is not even an item, AWS does not say whether an empty one is left behind; nobody may mind.
    place.deleting("x", MAIN).send().await.unwrap();
    take(&place, &["a"]).await;
    assert!(place.read("x").await.is_none_or(|left| left == item("x", [])));
}

#[tokio::test]
async fn a_set_holds_members_of_one_type() {
    let place = Place::open().await;
    add(&place, &["a"]).await;
    let numbers = aws_sdk_dynamodb::types::AttributeValue::Ns(vec!["1".to_owned()]);
    let update = place.updating("x", "ADD members :members").expression_attribute_values(":members", numbers);
    check_invalid(update.send().await, "incorrect data type");
    let update = place.updating("x", "DELETE members :one").expression_attribute_values(":one", text("a"));
    check_invalid(update.send().await, "DELETE");
}
