//! What the embedded engine leaves in its folder, and what it makes of what it finds there.

use std::{fs, path::Path};

use aws_sdk_dynamodb::types::{TimeToLiveSpecification, TimeToLiveStatus};
use dynamodb_engine::{DynamoDbEngine, OpenError};
use futures_util::future::join_all;

use crate::place::{
    BY_OWNER, Item, Place, bytes, check_refused, flag, indexed, item, item_at, number, set, text, texts_of,
};

fn open(folder: &Path) -> DynamoDbEngine {
    DynamoDbEngine::open(Some(folder)).unwrap()
}

fn written() -> Item {
    item(
        "everything",
        [
            ("text", text("Grüße")),
            ("empty", text("")),
            ("number", number("12345678901234567890123456789012345678")),
            ("bytes", bytes((0..=255).collect::<Vec<u8>>())),
            ("flag", flag(true)),
            ("members", set(["only one, so that there is one order"])),
        ],
    )
}

/// A table with an item of every kind, forty in the index, and a time to live.
async fn filled(engine: DynamoDbEngine) -> Place {
    let place = Place::embedded(engine);
    place.create(indexed(place.dynamo.create_table().table_name(&place.table))).await;
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("ttl_s").build().unwrap();
    let update = place.dynamo.update_time_to_live().table_name(&place.table);
    update.time_to_live_specification(ttl).send().await.unwrap();
    place.put(written()).await;
    join_all((10..50).map(|made| {
        let owned = [("owner_id", text("me")), ("made_ms", number(made))];
        place.put(item_at("x", &made.to_string(), owned))
    }))
    .await;
    place
}

/// Asserts that all that [`filled`] wrote is there.
async fn check_filled(place: &Place) {
    assert_eq!(place.read("everything").await, Some(written()));
    let all: Vec<String> = (10..50).map(|made| made.to_string()).collect();
    assert_eq!(texts_of(place.querying("x").send().await.unwrap().items(), "sk"), all);
    let query = place.dynamo.query().table_name(&place.table).index_name(BY_OWNER);
    let query =
        query.key_condition_expression("owner_id = :me").expression_attribute_values(":me", text("me"));
    assert_eq!(texts_of(query.send().await.unwrap().items(), "sk"), all);
    let ttl = place.dynamo.describe_time_to_live().table_name(&place.table).send().await.unwrap();
    let ttl = ttl.time_to_live_description.unwrap();
    assert_eq!(
        (ttl.attribute_name(), ttl.time_to_live_status()),
        (Some("ttl_s"), Some(&TimeToLiveStatus::Enabled))
    );
    check_refused(
        indexed(place.dynamo.create_table().table_name(&place.table)).send().await,
        "ResourceInUseException",
    );
}

#[tokio::test]
async fn a_folder_opened_again_has_everything() {
    let folder = tempfile::tempdir().unwrap();
    let place = filled(open(folder.path())).await;
    let place = place.reopened(async |engine| {
        engine.stop().await;
        open(folder.path())
    });
    check_filled(&place.await).await;
}

#[tokio::test]
async fn a_quick_folder_opened_again_has_everything() {
    let folder = tempfile::tempdir().unwrap();
    let place = filled(DynamoDbEngine::open_fast(folder.path()).unwrap()).await;
    let place = place.reopened(async |engine| {
        engine.stop().await;
        open(folder.path())
    });
    check_filled(&place.await).await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let place = filled(open(folder.path())).await;
    let copy = tempfile::tempdir().unwrap();
    let place = place.reopened(async |engine| {
        // What a kill leaves behind is what is in the files at that moment, the log not yet folded in.
        for file in fs::read_dir(folder.path()).unwrap().flatten() {
            fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
        engine.stop().await;
        open(copy.path())
    });
    check_filled(&place.await).await;
}

#[tokio::test]
async fn a_folder_opened_again_is_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = filled(open(folder.path())).await;
    for round in 0..3 {
        place = place
            .reopened(async |engine| {
                engine.stop().await;
                open(folder.path())
            })
            .await;
        let update = place.updating("counter", "ADD rounds :one");
        update.expression_attribute_values(":one", number(1)).send().await.unwrap();
        assert_eq!(place.read("counter").await, Some(item("counter", [("rounds", number(round + 1))])));
    }
    check_filled(&place).await;
}

#[tokio::test]
async fn two_engines_in_memory_share_nothing() {
    let place = filled(DynamoDbEngine::open(None).unwrap()).await;
    let other = Place::embedded(DynamoDbEngine::open(None).unwrap());
    assert!(other.dynamo.list_tables().send().await.unwrap().table_names().is_empty());
    check_filled(&place).await;
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = DynamoDbEngine::open(Some(&folder.path().join("missing"))).err();
    assert!(matches!(error, Some(OpenError::File(_))), "{error:?}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("dynamodb.sqlite"),
        "no database at all, but longer than its header is\n".repeat(99),
    )
    .unwrap();
    let error = DynamoDbEngine::open(Some(folder.path())).err();
    assert!(matches!(error, Some(OpenError::File(_))), "{error:?}");
}
