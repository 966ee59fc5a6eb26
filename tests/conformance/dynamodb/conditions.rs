//! Writes that demand something of the item that is there, and what they learn when it is otherwise.

use aws_sdk_dynamodb::{
    operation::{delete_item::DeleteItemError, put_item::PutItemError, update_item::UpdateItemError},
    types::ReturnValuesOnConditionCheckFailure::AllOld,
};

use crate::place::{MAIN, Place, check_refused, item, item_at, number, text, values};

const FAILED: &str = "ConditionalCheckFailedException";

#[tokio::test]
async fn a_put_that_demands_absence_succeeds_when_nothing_is_there() {
    let place = Place::open().await;
    let first = item("x", [("value", number(1))]);
    place.putting(first.clone()).condition_expression("attribute_not_exists(pk)").send().await.unwrap();
    assert_eq!(place.read("x").await, Some(first));
}

#[tokio::test]
async fn a_put_that_demands_absence_is_refused_when_it_is_there() {
    let place = Place::open().await;
    let first = item("x", [("value", number(1))]);
    place.put(first.clone()).await;
    let second = place.putting(item("x", [("value", number(2))]));
    check_refused(second.condition_expression("attribute_not_exists(pk)").send().await, FAILED);
    assert_eq!(place.read("x").await, Some(first));
}

#[tokio::test]
async fn absence_is_that_of_one_item_not_of_its_partition() {
    let place = Place::open().await;
    place.put(item_at("x", "1", [])).await;
    let neighbour = place.putting(item_at("x", "2", [])).condition_expression("attribute_not_exists(pk)");
    neighbour.send().await.unwrap();
}

#[tokio::test]
async fn a_refused_put_tells_what_was_there() {
    let place = Place::open().await;
    let first = item("x", [("value", number(1)), ("name", text(""))]);
    place.put(first.clone()).await;
    let put = place.putting(item("x", [])).condition_expression("attribute_not_exists(pk)");
    let refused = put.return_values_on_condition_check_failure(AllOld).send().await.unwrap_err();
    match refused.into_service_error() {
        PutItemError::ConditionalCheckFailedException(failed) => assert_eq!(failed.item(), Some(&first)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refused_update_tells_what_was_there() {
    let place = Place::open().await;
    let first = item("x", [("value", number(1)), ("fence", number(7))]);
    place.put(first.clone()).await;
    let update = place.updating("x", "SET #value = :two").condition_expression("fence = :fence");
    let update = update.expression_attribute_names("#value", "value");
    let asked = values([(":two", number(2)), (":fence", number(6))]);
    let update = update.set_expression_attribute_values(asked);
    let refused = update.return_values_on_condition_check_failure(AllOld).send().await.unwrap_err();
    match refused.into_service_error() {
        UpdateItemError::ConditionalCheckFailedException(failed) => assert_eq!(failed.item(), Some(&first)),
        other => panic!("{other:?}"),
    }
    assert_eq!(place.read("x").await, Some(first), "nothing of it was done");
}

#[tokio::test]
async fn a_refused_delete_tells_what_was_there() {
    let place = Place::open().await;
    let first = item("x", [("fence", number(7))]);
    place.put(first.clone()).await;
    let delete = place
        .deleting("x", MAIN)
        .condition_expression("fence < :seven")
        .expression_attribute_values(":seven", number(7));
    let refused = delete.return_values_on_condition_check_failure(AllOld).send().await.unwrap_err();
    match refused.into_service_error() {
        DeleteItemError::ConditionalCheckFailedException(failed) => assert_eq!(failed.item(), Some(&first)),
        other => panic!("{other:?}"),
    }
    assert_eq!(place.read("x").await, Some(first));
}

#[tokio::test]
async fn a_refusal_tells_nothing_unasked() {
    let place = Place::open().await;
    place.put(item("x", [])).await;
    let put = place.putting(item("x", [])).condition_expression("attribute_not_exists(pk)");
    match put.send().await.unwrap_err().into_service_error() {
        PutItemError::ConditionalCheckFailedException(failed) => assert_eq!(failed.item(), None),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn where_nothing_was_there_a_refusal_has_nothing_to_tell() {
    let place = Place::open().await;
    let update = place.updating("x", "REMOVE gone").condition_expression("attribute_exists(pk)");
    let refused = update.return_values_on_condition_check_failure(AllOld).send().await.unwrap_err();
    match refused.into_service_error() {
        UpdateItemError::ConditionalCheckFailedException(failed) => assert_eq!(failed.item(), None),
        other => panic!("{other:?}"),
    }
    assert_eq!(place.read("x").await, None, "a refused update makes nothing");
}
