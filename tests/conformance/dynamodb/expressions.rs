//! What is wrong with an expression is said before anything is done.

use std::collections::HashMap;

use crate::place::{Place, check_invalid, item, number, text};

#[tokio::test]
async fn a_reserved_word_is_refused_as_a_name() {
    let place = Place::open().await;
    for word in ["state", "Size", "TTL", "user", "name"] {
        let update = place.updating("x", &format!("SET {word} = :one"));
        let update = update.expression_attribute_values(":one", number(1)).send().await;
        check_invalid(update, "reserved keyword");
        let condition =
            place.putting(item("x", [])).condition_expression(format!("attribute_exists({word})"));
        check_invalid(condition.send().await, "reserved keyword");
    }
}

#[tokio::test]
async fn a_reserved_word_may_be_paraphrased() {
    let place = Place::open().await;
    let update = place.updating("x", "SET #state = :one").expression_attribute_names("#state", "state");
    update.expression_attribute_values(":one", number(1)).send().await.unwrap();
    assert_eq!(place.read("x").await, Some(item("x", [("state", number(1))])));
}

#[tokio::test]
async fn a_value_that_nothing_uses_is_refused() {
    let place = Place::open().await;
    let update = place.updating("x", "SET a = :one").expression_attribute_values(":one", number(1));
    let update = update.expression_attribute_values(":more", number(2)).send().await;
    check_invalid(update, "unused in expressions");
    assert_eq!(place.read("x").await, None);
}

#[tokio::test]
async fn a_name_that_nothing_uses_is_refused() {
    let place = Place::open().await;
    let put = place.putting(item("x", [])).condition_expression("attribute_not_exists(pk)");
    check_invalid(put.expression_attribute_names("#more", "more").send().await, "unused in expressions");
}

#[tokio::test]
async fn a_value_that_is_not_given_is_refused() {
    let place = Place::open().await;
    let update = place.updating("x", "SET a = :one, b = :two").expression_attribute_values(":one", number(1));
    check_invalid(update.send().await, ":two");
}

#[tokio::test]
async fn values_are_given_or_not_but_never_none() {
    let place = Place::open().await;
    let update = place.updating("x", "REMOVE a").set_expression_attribute_values(Some(HashMap::new()));
    check_invalid(update.send().await, "must not be empty");
    let put = place.putting(item("x", [])).expression_attribute_values(":one", number(1));
    check_invalid(put.send().await, "when using expressions");
}

#[tokio::test]
async fn nonsense_is_refused() {
    let place = Place::open().await;
    for nonsense in ["SET", "SET a", "a = :one", "SET a = :one SET b = :one", "FROB a :one"] {
        let update = place.updating("x", nonsense).expression_attribute_values(":one", number(1));
        check_invalid(update.send().await, "Invalid UpdateExpression");
    }
    for nonsense in ["a =", "a == :one", "frob(a, :one)", "(a = :one"] {
        let put = place.putting(item("x", [])).condition_expression(nonsense);
        check_invalid(put.expression_attribute_values(":one", text("1")).send().await, "ConditionExpression");
    }
}
