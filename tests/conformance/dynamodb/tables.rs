//! Tables come, are described, and go.

use aws_sdk_dynamodb::types::{
    IndexStatus, KeyType, ProjectionType, ScalarAttributeType, TableStatus, WriteRequest,
};

use crate::place::{
    BY_OWNER, Place, check_invalid, check_refused, definition, eventually, indexed, item, key, simple, text,
};

/// The names of all tables there are, from pages of two.
async fn listed(place: &Place) -> Vec<String> {
    let mut all = Vec::new();
    let mut last = None;
    loop {
        let page =
            place.dynamo.list_tables().limit(2).set_exclusive_start_table_name(last).send().await.unwrap();
        assert!(page.table_names().len() <= 2);
        all.extend_from_slice(page.table_names());
        last = page.last_evaluated_table_name;
        if last.is_none() {
            return all;
        }
    }
}

#[tokio::test]
async fn a_new_table_is_active_with_its_index() {
    let place = Place::open().await;
    let described =
        place.dynamo.describe_table().table_name(&place.table).send().await.unwrap().table.unwrap();
    assert_eq!(described.table_name(), Some(place.table.as_str()));
    assert_eq!(described.table_status(), Some(&TableStatus::Active));
    assert_eq!(described.key_schema(), [key("pk", KeyType::Hash), key("sk", KeyType::Range)]);
    assert_eq!(described.attribute_definitions().len(), 4);
    let [index] = described.global_secondary_indexes() else { panic!("one index: {described:?}") };
    assert_eq!(index.index_name(), Some(BY_OWNER));
    assert_eq!(index.index_status(), Some(&IndexStatus::Active));
    assert_eq!(index.key_schema(), [key("owner_id", KeyType::Hash), key("made_ms", KeyType::Range)]);
    assert_eq!(index.projection().unwrap().projection_type(), Some(&ProjectionType::KeysOnly));
}

#[tokio::test]
async fn a_table_that_is_there_is_not_made_again() {
    let place = Place::open().await;
    place.put(item("kept", [])).await;
    let create = || place.dynamo.create_table().table_name(&place.table);
    check_refused(indexed(create()).send().await, "ResourceInUseException");
    check_refused(simple(create()).send().await, "ResourceInUseException");
    assert!(place.read("kept").await.is_some());
}

#[tokio::test]
async fn every_table_is_listed_once() {
    let place = Place::bare();
    let mine: Vec<String> = ["a", "b", "c", "d", "e"].map(|end| format!("{}.{end}", place.table)).into();
    for name in &mine {
        place.create(simple(place.dynamo.create_table().table_name(name))).await;
    }
    let all = listed(&place).await;
    for name in &mine {
        assert_eq!(all.iter().filter(|listed| *listed == name).count(), 1, "{name} in {all:?}");
    }
}

#[tokio::test]
async fn a_deleted_table_is_gone_with_its_items() {
    let place = Place::open().await;
    place.put(item("lost", [])).await;
    place.dynamo.delete_table().table_name(&place.table).send().await.unwrap();
    let describe = || place.dynamo.describe_table().table_name(&place.table).send();
    eventually(async || describe().await.is_err().then_some(())).await;
    check_refused(describe().await, "ResourceNotFoundException");
    assert!(!listed(&place).await.contains(&place.table));
    place.create(indexed(place.dynamo.create_table().table_name(&place.table))).await;
    assert_eq!(place.read("lost").await, None);
}

#[tokio::test]
async fn a_table_that_is_not_there_is_not_found() {
    let place = Place::bare();
    let (dynamo, name) = (&place.dynamo, &place.table);
    let missing = "ResourceNotFoundException";
    check_refused(dynamo.describe_table().table_name(name).send().await, missing);
    check_refused(dynamo.delete_table().table_name(name).send().await, missing);
    check_refused(dynamo.describe_time_to_live().table_name(name).send().await, missing);
    check_refused(place.putting(item("x", [])).send().await, missing);
    check_refused(place.updating("x", "REMOVE gone").send().await, missing);
    check_refused(place.querying("x").send().await, missing);
    check_refused(dynamo.scan().table_name(name).send().await, missing);
    check_refused(dynamo.get_item().table_name(name).key("pk", text("x")).send().await, missing);
    check_refused(dynamo.delete_item().table_name(name).key("pk", text("x")).send().await, missing);
    let put = aws_sdk_dynamodb::types::PutRequest::builder().set_item(Some(item("x", []))).build().unwrap();
    let write = WriteRequest::builder().put_request(put).build();
    check_refused(dynamo.batch_write_item().request_items(name, vec![write]).send().await, missing);
}

#[tokio::test]
async fn a_name_has_three_to_255_characters() {
    let place = Place::bare();
    for name in ["ab".to_owned(), "a".repeat(256), "with space".to_owned(), "with/slash".to_owned()] {
        let create = simple(place.dynamo.create_table().table_name(&name)).send().await;
        check_refused(create, "ValidationException");
    }
}

#[tokio::test]
async fn every_key_is_defined_and_every_definition_is_a_key() {
    let place = Place::bare();
    let create = || place.dynamo.create_table().table_name(&place.table);
    let superfluous =
        simple(create()).attribute_definitions(definition("more", ScalarAttributeType::S)).send().await;
    check_invalid(superfluous, "AttributeDefinitions");
    let undefined = simple(create()).key_schema(key("sk", KeyType::Range)).send().await;
    check_invalid(undefined, "Some index key attribute");
}
