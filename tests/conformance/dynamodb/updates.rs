//! An item is changed in place, attribute by attribute.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{AttributeValue, ReturnValue},
};

use crate::place::{Item, Place, check_invalid, item, number, set, text, values};

/// Sends an update with these values and gives the item it leaves.
async fn left<const N: usize>(
    update: UpdateItemFluentBuilder,
    given: [(&str, AttributeValue); N],
) -> Option<Item> {
    let update = update.set_expression_attribute_values(values(given));
    update.return_values(ReturnValue::AllNew).send().await.expect("an update").attributes
}

#[tokio::test]
async fn an_update_makes_what_is_not_there() {
    let place = Place::open().await;
    let made = left(place.updating("x", "SET a = :a"), [(":a", number(1))]).await;
    assert_eq!(made, Some(item("x", [("a", number(1))])));
    assert_eq!(place.read("x").await, made);
}

#[tokio::test]
async fn an_update_leaves_the_rest_alone() {
    let place = Place::open().await;
    place.put(item("x", [("a", number(1)), ("b", text("kept"))])).await;
    let changed =
        left(place.updating("x", "SET a = :a, c = :c"), [(":a", text("2")), (":c", number(3))]).await;
    assert_eq!(changed, Some(item("x", [("a", text("2")), ("b", text("kept")), ("c", number(3))])));
}

#[tokio::test]
async fn every_clause_at_once() {
    let place = Place::open().await;
    let members = ("members", set(["a", "b"]));
    place
        .put(item("x", [("n", number(1)), ("former", text("gone")), ("older", text("gone")), members]))
        .await;
    let update =
        place.updating("x", "SET a = :a, b = :b ADD n :n REMOVE former, older, nowhere DELETE members :m");
    let given = [(":a", number(1)), (":b", number(2)), (":n", number(5)), (":m", set(["b"]))];
    let expected = item("x", [("a", number(1)), ("b", number(2)), ("n", number(6)), ("members", set(["a"]))]);
    assert_eq!(left(update, given).await, Some(expected));
}

#[tokio::test]
async fn every_clause_reads_the_item_as_it_was() {
    let place = Place::open().await;
    place.put(item("x", [("a", number(1)), ("b", number(2))])).await;
    let swapped = left(place.updating("x", "SET a = b, b = a"), []).await;
    assert_eq!(swapped, Some(item("x", [("a", number(2)), ("b", number(1))])));
}

#[tokio::test]
async fn what_is_there_already_may_be_kept() {
    let place = Place::open().await;
    for (offered, expected) in [(1, 1), (2, 1)] {
        let update = place.updating("x", "SET made_ms = if_not_exists(made_ms, :now)");
        let kept = left(update, [(":now", number(offered))]).await;
        assert_eq!(kept, Some(item("x", [("made_ms", number(expected))])));
    }
}

#[tokio::test]
async fn a_fence_grows_from_nothing() {
    let place = Place::open().await;
    for expected in 1..=3 {
        let update = place.updating("x", "SET fence = if_not_exists(fence, :zero) + :one");
        let grown = left(update, [(":zero", number(0)), (":one", number(1))]).await;
        assert_eq!(grown, Some(item("x", [("fence", number(expected))])));
    }
}

#[tokio::test]
async fn numbers_are_added_from_zero() {
    let place = Place::open().await;
    for (added, expected) in [("5", "5"), ("-7", "-2"), ("0.5", "-1.5")] {
        let sum = left(place.updating("x", "ADD n :n"), [(":n", number(added))]).await;
        assert_eq!(sum, Some(item("x", [("n", number(expected))])));
    }
}

#[tokio::test]
async fn sums_are_exact() {
    let place = Place::open().await;
    place.put(item("x", [("n", number("12345678901234567890123456789012345678"))])).await;
    let sum = left(place.updating("x", "ADD n :one"), [(":one", number(1))]).await.unwrap();
    assert_eq!(sum["n"], number("12345678901234567890123456789012345679"));
    let difference = left(place.updating("x", "SET n = n - :tenth"), [(":tenth", number(5))]).await.unwrap();
    assert_eq!(difference["n"], number("12345678901234567890123456789012345674"));
}

#[tokio::test]
async fn what_is_absent_cannot_be_reckoned_with() {
    let place = Place::open().await;
    place.put(item("x", [])).await;
    let update = place.updating("x", "SET n = n + :one").expression_attribute_values(":one", number(1));
    check_invalid(update.send().await, "does not exist in the item");
}

#[tokio::test]
async fn text_cannot_be_added() {
    let place = Place::open().await;
    place.put(item("x", [("word", text("one"))])).await;
    let update = place.updating("x", "ADD word :more").expression_attribute_values(":more", text("two"));
    check_invalid(update.send().await, "ADD");
    let update = place.updating("x", "ADD word :more").expression_attribute_values(":more", number(1));
    check_invalid(update.send().await, "incorrect data type");
}

#[tokio::test]
async fn an_attribute_is_changed_once() {
    let place = Place::open().await;
    let update = place.updating("x", "SET a = :a REMOVE a").expression_attribute_values(":a", number(1));
    check_invalid(update.send().await, "overlap");
}

#[tokio::test]
async fn a_value_is_set_inside_another_that_is_there() {
    let place = Place::open().await;
    let outer = |inside: u32| AttributeValue::M(HashMap::from([("inside".to_owned(), number(inside))]));
    place.put(item("x", [("outer_map", outer(1))])).await;
    let changed = left(place.updating("x", "SET outer_map.inside = :two"), [(":two", number(2))]).await;
    assert_eq!(changed, Some(item("x", [("outer_map", outer(2))])));
}

#[tokio::test]
async fn a_value_cannot_be_set_inside_nothing() {
    let place = Place::open().await;
    place.put(item("x", [("word", text("no map"))])).await;
    for path in ["nowhere.inside", "word.inside", "word[0]"] {
        let update =
            place.updating("x", &format!("SET {path} = :one")).expression_attribute_values(":one", number(1));
        check_invalid(update.send().await, "document path");
    }
    assert_eq!(place.read("x").await, Some(item("x", [("word", text("no map"))])));
}

#[tokio::test]
async fn lists_grow_at_either_end() {
    let place = Place::open().await;
    let list = |numbers: &[u32]| AttributeValue::L(numbers.iter().map(number).collect());
    place.put(item("x", [("queue", list(&[2]))])).await;
    left(place.updating("x", "SET queue = list_append(queue, :end)"), [(":end", list(&[3]))]).await;
    let grown =
        left(place.updating("x", "SET queue = list_append(:start, queue)"), [(":start", list(&[1]))]).await;
    assert_eq!(grown.unwrap()["queue"], list(&[1, 2, 3]));
}

#[tokio::test]
async fn an_update_returns_what_it_is_asked_for() {
    let place = Place::open().await;
    let old = item("x", [("a", number(1)), ("b", number(1)), ("c", number(1))]);
    let new = item("x", [("a", number(2)), ("b", number(1)), ("d", number(2))]);
    let some = |attributes: &[(&str, AttributeValue)]| -> Option<Item> {
        Some(attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    };
    for (asked, expected) in [
        (ReturnValue::None, None),
        (ReturnValue::AllOld, Some(old.clone())),
        (ReturnValue::AllNew, Some(new.clone())),
        (ReturnValue::UpdatedOld, some(&[("a", number(1)), ("c", number(1))])),
        (ReturnValue::UpdatedNew, some(&[("a", number(2)), ("d", number(2))])),
    ] {
        place.put(old.clone()).await;
        let update = place
            .updating("x", "SET a = :two, d = :two REMOVE c")
            .expression_attribute_values(":two", number(2));
        let updated = update.return_values(asked.clone()).send().await.unwrap();
        assert_eq!(updated.attributes, expected, "{asked}");
        assert_eq!(place.read("x").await, Some(new.clone()));
    }
}
// Of an item that was not there, AWS returns no old attributes for ALL_OLD; the engine returns its key. Nobody asks.
