//! An index lists some items in another order, a moment later.

use aws_sdk_dynamodb::{
    operation::query::builders::QueryFluentBuilder,
    types::{AttributeValue, Select},
};

use crate::place::{
    BY_OWNER, Item, MAIN, Place, check_invalid, eventually, item, item_at, number, text, texts_of,
};

fn owned(pk: &str, owner: &str, made_ms: i64) -> Item {
    item(pk, [("owner_id", text(owner)), ("made_ms", number(made_ms)), ("body", text("not in the index"))])
}

fn asking(place: &Place, owner: &str) -> QueryFluentBuilder {
    let query = place.dynamo.query().table_name(&place.table).index_name(BY_OWNER);
    query.key_condition_expression("owner_id = :owner").expression_attribute_values(":owner", text(owner))
}

/// What an owner has once it is this much.
async fn settled(place: &Place, owner: &str, count: i32) -> Vec<Item> {
    eventually(async || {
        let page = asking(place, owner).send().await.unwrap();
        (page.count() == count).then(|| page.items.unwrap_or_default())
    })
    .await
}

/// Items of one owner, `p1` made at 1 and so on, once they are all in the index.
async fn with(count: i32) -> Place {
    let place = Place::open().await;
    for made in 1..=count {
        place.put(owned(&format!("p{made}"), "me", made.into())).await;
    }
    settled(&place, "me", count).await;
    place
}

#[tokio::test]
async fn the_index_has_what_has_its_keys() {
    let place = Place::open().await;
    place.put(item("nobody's", [("made_ms", number(1))])).await;
    place.put(item("ageless", [("owner_id", text("me"))])).await;
    place.put(owned("mine", "me", 2)).await;
    place.put(owned("another's", "another", 3)).await;
    assert_eq!(texts_of(&settled(&place, "me", 1).await, "pk"), ["mine"]);
    let all = eventually(async || {
        let scan = place.dynamo.scan().table_name(&place.table).index_name(BY_OWNER).send().await.unwrap();
        (scan.count() == 2).then(|| scan.items.unwrap_or_default())
    });
    let all = all.await;
    let mut names = texts_of(&all, "pk");
    names.sort_unstable();
    assert_eq!(names, ["another's", "mine"]);
}

#[tokio::test]
async fn an_index_of_keys_has_the_keys_only() {
    let place = Place::open().await;
    place.put(owned("mine", "me", 2)).await;
    let expected = item("mine", [("owner_id", text("me")), ("made_ms", number(2))]);
    assert_eq!(settled(&place, "me", 1).await, [expected]);
    check_invalid(asking(&place, "me").select(Select::AllAttributes).send().await, "ALL_ATTRIBUTES");
}

#[tokio::test]
async fn the_index_orders_numbers_as_numbers() {
    let place = Place::open().await;
    for (pk, made_ms) in [("c", 9), ("e", 100), ("a", -10), ("b", -9), ("d", 10), ("f", 1_700_000_000_123)] {
        place.put(owned(pk, "me", made_ms)).await;
    }
    assert_eq!(texts_of(&settled(&place, "me", 6).await, "pk"), ["a", "b", "c", "d", "e", "f"]);
}

#[tokio::test]
async fn the_youngest_come_first_page_by_page() {
    let place = with(5).await;
    let mut pages = Vec::new();
    let mut last = None;
    loop {
        let page = asking(&place, "me").scan_index_forward(false).limit(2).set_exclusive_start_key(last);
        let page = page.send().await.unwrap();
        pages.extend(texts_of(page.items(), "pk").into_iter().map(str::to_owned));
        last = page.last_evaluated_key;
        match (&last, page.items.unwrap_or_default().last()) {
            // The keys of the index and those of the table.
            (Some(key), Some(item)) => assert_eq!((key.len(), key), (4, item)),
            (Some(key), None) => panic!("a page of nothing ends with {key:?}"),
            (None, _) => break,
        }
    }
    assert_eq!(pages, ["p5", "p4", "p3", "p2", "p1"]);
}

#[tokio::test]
async fn items_of_one_age_are_all_listed() {
    let place = Place::open().await;
    for sk in ["1", "2", "3", "4", "5"] {
        place.put(item_at("x", sk, [("owner_id", text("me")), ("made_ms", number(7))])).await;
    }
    settled(&place, "me", 5).await;
    let mut seen = Vec::new();
    let mut last = None;
    loop {
        let page = asking(&place, "me").limit(2).set_exclusive_start_key(last).send().await.unwrap();
        seen.extend(texts_of(page.items(), "sk").into_iter().map(str::to_owned));
        last = page.last_evaluated_key;
        if last.is_none() {
            break;
        }
    }
    // Among equals there is no order.
    seen.sort();
    assert_eq!(seen, ["1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn a_span_of_ages_is_found() {
    let place = with(5).await;
    let query = asking(&place, "me").key_condition_expression("owner_id = :owner AND made_ms < :before");
    let page = query.expression_attribute_values(":before", number(3)).send().await.unwrap();
    assert_eq!(texts_of(page.items(), "pk"), ["p1", "p2"]);
    let query =
        asking(&place, "me").key_condition_expression("owner_id = :owner AND made_ms BETWEEN :a AND :b");
    let query =
        query.expression_attribute_values(":a", number(2)).expression_attribute_values(":b", number(4));
    assert_eq!(texts_of(query.send().await.unwrap().items(), "pk"), ["p2", "p3", "p4"]);
}

#[tokio::test]
async fn the_index_follows_its_items() {
    let place = with(3).await;
    let give = |pk: &str, to: &str| {
        let update = place.updating(pk, "SET owner_id = :to");
        update.expression_attribute_values(":to", text(to)).send()
    };
    give("p1", "another").await.unwrap();
    place.updating("p2", "REMOVE owner_id").send().await.unwrap();
    assert_eq!(texts_of(&settled(&place, "me", 1).await, "pk"), ["p3"]);
    assert_eq!(texts_of(&settled(&place, "another", 1).await, "pk"), ["p1"]);
    place.put(item("p3", [("made_ms", number(3))])).await;
    settled(&place, "me", 0).await;
    place.deleting("p1", MAIN).send().await.unwrap();
    settled(&place, "another", 0).await;
    give("p2", "me").await.unwrap();
    assert_eq!(texts_of(&settled(&place, "me", 1).await, "pk"), ["p2"]);
}

#[tokio::test]
async fn a_consistent_look_into_the_index_is_refused() {
    let place = Place::open().await;
    check_invalid(asking(&place, "me").consistent_read(true).send().await, "Consistent reads");
}

#[tokio::test]
async fn an_index_key_has_its_type_and_is_not_empty() {
    let place = Place::open().await;
    let aged = |made_ms: AttributeValue| item("x", [("owner_id", text("me")), ("made_ms", made_ms)]);
    check_invalid(place.putting(aged(text("2"))).send().await, "Type mismatch for Index Key made_ms");
    check_invalid(place.putting(owned("x", "", 1)).send().await, "empty string value");
    let update = place.updating("x", "SET owner_id = :empty");
    let update = update.expression_attribute_values(":empty", text("")).send().await;
    check_invalid(update, "empty string value");
    assert_eq!(place.read("x").await, None);
}

#[tokio::test]
async fn an_index_that_is_not_there_is_refused() {
    let place = Place::open().await;
    check_invalid(asking(&place, "me").index_name("by_nobody").send().await, "specified index");
}
