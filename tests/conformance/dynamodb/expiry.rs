//! What has a time to live is swept out some time after it.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::{
    operation::update_time_to_live::builders::UpdateTimeToLiveFluentBuilder,
    types::{AttributeValue, TimeToLiveSpecification, TimeToLiveStatus},
};
use dynamodb_engine::DynamoDbEngine;

use crate::place::{BY_OWNER, Place, indexed, item, number, text, texts_of};

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

fn switch(place: &Place, on: bool) -> UpdateTimeToLiveFluentBuilder {
    let specification = TimeToLiveSpecification::builder().enabled(on).attribute_name("ttl_s").build();
    let update = place.dynamo.update_time_to_live().table_name(&place.table);
    update.time_to_live_specification(specification.unwrap())
}

/// A table in an embedded engine, where the test says when it is swept.
async fn swept_by_hand() -> Place {
    let place = Place::embedded(DynamoDbEngine::open(None).unwrap());
    place.create(indexed(place.dynamo.create_table().table_name(&place.table))).await;
    place
}

#[expect(clippy::disallowed_methods, reason = "the engine's sweep goes by the clock of the machine")]
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

async fn put(place: &Place, pk: &str, ttl_s: AttributeValue) {
    place.put(item(pk, [("ttl_s", ttl_s)])).await;
}

#[tokio::test]
async fn a_time_to_live_is_switched_on_for_an_attribute() {
    let place = Place::open().await;
    let describe = async || {
        let described = place.dynamo.describe_time_to_live().table_name(&place.table).send().await.unwrap();
        described.time_to_live_description.unwrap()
    };
    assert_eq!(describe().await.time_to_live_status, Some(TimeToLiveStatus::Disabled));
    let updated = switch(&place, true).send().await.unwrap().time_to_live_specification.unwrap();
    assert_eq!((updated.enabled(), updated.attribute_name()), (true, "ttl_s"));
    let described = describe().await;
    assert_eq!(described.attribute_name(), Some("ttl_s"));
    // On AWS it takes up to an hour.
    let status = described.time_to_live_status.unwrap();
    assert!(matches!(status, TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling), "{status}");
    // Switching it on once more is a ValidationException on AWS; the engine lets it pass.
}

#[tokio::test]
async fn what_has_expired_is_read_until_it_is_swept() {
    let place = Place::open().await;
    switch(&place, true).send().await.unwrap();
    put(&place, "x", number(now_s() - 60)).await;
    assert!(place.read("x").await.is_some());
    assert_eq!(place.querying("x").send().await.unwrap().count(), 1);
}

#[tokio::test]
async fn the_broom_takes_the_old_and_leaves_the_new() {
    let place = swept_by_hand().await;
    switch(&place, true).send().await.unwrap();
    put(&place, "old", number(now_s() - 60)).await;
    put(&place, "older", number(now_s() - 30 * DAY)).await;
    put(&place, "new", number(now_s() + DAY)).await;
    place.put(item("ageless", [])).await;
    assert_eq!(place.engine().sweeper().sweep_ttl().unwrap(), 2);
    for (pk, is_there) in [("old", false), ("older", false), ("new", true), ("ageless", true)] {
        assert_eq!(place.read(pk).await.is_some(), is_there, "{pk}");
    }
    assert_eq!(place.engine().sweeper().sweep_ttl().unwrap(), 0);
}

#[tokio::test]
async fn the_broom_sweeps_the_index_too() {
    let place = swept_by_hand().await;
    switch(&place, true).send().await.unwrap();
    for (pk, ttl_s) in [("old", now_s() - 60), ("new", now_s() + DAY)] {
        let owned = [("owner_id", text("me")), ("made_ms", number(1)), ("ttl_s", number(ttl_s))];
        place.put(item(pk, owned)).await;
    }
    place.engine().sweeper().sweep_ttl().unwrap();
    let query = place.dynamo.query().table_name(&place.table).index_name(BY_OWNER);
    let query =
        query.key_condition_expression("owner_id = :me").expression_attribute_values(":me", text("me"));
    assert_eq!(texts_of(query.send().await.unwrap().items(), "pk"), ["new"]);
}

#[tokio::test]
async fn what_is_no_number_of_seconds_never_expires() {
    let place = swept_by_hand().await;
    switch(&place, true).send().await.unwrap();
    put(&place, "text", text((now_s() - 60).to_string())).await;
    // Milliseconds, taken for seconds, are a day in the far future.
    put(&place, "milliseconds", number((now_s() - 60) * 1000)).await;
    assert_eq!(place.engine().sweeper().sweep_ttl().unwrap(), 0);
    assert!(place.read("text").await.is_some());
    assert!(place.read("milliseconds").await.is_some());
    // AWS also spares what expired more than five years ago, a slip of whoever wrote it; the engine sweeps that.
}

#[tokio::test]
async fn nothing_is_swept_unless_it_is_switched_on() {
    let place = swept_by_hand().await;
    put(&place, "x", number(now_s() - 60)).await;
    assert_eq!(place.engine().sweeper().sweep_ttl().unwrap(), 0);
    switch(&place, true).send().await.unwrap();
    switch(&place, false).send().await.unwrap();
    assert_eq!(place.engine().sweeper().sweep_ttl().unwrap(), 0);
    assert!(place.read("x").await.is_some());
}

#[tokio::test]
async fn what_is_prolonged_is_spared() {
    let place = swept_by_hand().await;
    switch(&place, true).send().await.unwrap();
    put(&place, "x", number(now_s() - 60)).await;
    let prolong = place.updating("x", "SET ttl_s = :later");
    prolong.expression_attribute_values(":later", number(now_s() + DAY)).send().await.unwrap();
    assert_eq!(place.engine().sweeper().sweep_ttl().unwrap(), 0);
    assert!(place.read("x").await.is_some());
}
