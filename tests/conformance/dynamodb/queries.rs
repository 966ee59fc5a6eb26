//! A partition, or a stretch of it, in the order of its sort keys.

use aws_sdk_dynamodb::types::{AttributeValue, Select};

use crate::place::{Place, check_invalid, eventually, item_at, number, text, texts_of, values};

async fn with(sort_keys: &[&str]) -> Place {
    let place = Place::open().await;
    for sk in sort_keys {
        place.put(item_at("x", sk, [])).await;
    }
    place
}

/// The sort keys that a condition on them finds.
async fn found<const N: usize>(
    place: &Place,
    condition: &str,
    given: [(&str, AttributeValue); N],
) -> Vec<String> {
    let query = place.querying("x").key_condition_expression(format!("pk = :pk AND {condition}"));
    let asked = values(given.into_iter().chain([(":pk", text("x"))]));
    let page = query.set_expression_attribute_values(asked).send().await.unwrap();
    texts_of(page.items(), "sk").into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn items_come_in_the_order_of_their_bytes() {
    let place = with(&["b", "T#10", "a", "A", "ä", "T#2", "T#1", "😀", "\u{ffee}", "T"]).await;
    let page = place.querying("x").send().await.unwrap();
    let in_order = ["A", "T", "T#1", "T#10", "T#2", "a", "b", "ä", "\u{ffee}", "😀"];
    assert_eq!(texts_of(page.items(), "sk"), in_order);
    assert_eq!((page.count(), page.scanned_count()), (10, 10));
    assert_eq!(page.last_evaluated_key(), None);
}

#[tokio::test]
async fn items_come_backwards_when_asked() {
    let place = with(&["a", "c", "b"]).await;
    let page = place.querying("x").scan_index_forward(false).send().await.unwrap();
    assert_eq!(texts_of(page.items(), "sk"), ["c", "b", "a"]);
}

#[tokio::test]
async fn other_partitions_stay_out() {
    let place = with(&["a"]).await;
    for pk in ["X", "x ", "xx", "w", "y"] {
        place.put(item_at(pk, "b", [])).await;
    }
    assert_eq!(texts_of(place.querying("x").send().await.unwrap().items(), "sk"), ["a"]);
}

#[tokio::test]
async fn a_partition_of_nothing_is_empty() {
    let place = with(&[]).await;
    let page = place.querying("x").send().await.unwrap();
    assert!(page.items().is_empty());
    assert_eq!((page.count(), page.last_evaluated_key()), (0, None));
}

#[tokio::test]
async fn a_beginning_is_found() {
    let place = with(&["S", "T", "T#", "T#1", "T#2", "T$", "U"]).await;
    let beginning = [(":beginning", text("T#"))];
    assert_eq!(found(&place, "begins_with(sk, :beginning)", beginning).await, ["T#", "T#1", "T#2"]);
}

#[tokio::test]
async fn a_beginning_means_itself() {
    let place = with(&["%", "%a", "_", "_a", "a", "ab", "*", "\u{10ffff}", "\u{10ffff}a"]).await;
    for beginning in ["%", "_", "\u{10ffff}"] {
        let found = found(&place, "begins_with(sk, :beginning)", [(":beginning", text(beginning))]).await;
        assert_eq!(found, [beginning.to_owned(), format!("{beginning}a")]);
    }
}

#[tokio::test]
async fn a_stretch_is_found() {
    let place = with(&["a", "b", "c", "d"]).await;
    for (condition, expected) in [
        ("sk = :it", &["b"][..]),
        ("sk < :it", &["a"]),
        ("sk <= :it", &["a", "b"]),
        ("sk > :it", &["c", "d"]),
        ("sk >= :it", &["b", "c", "d"]),
    ] {
        assert_eq!(found(&place, condition, [(":it", text("b"))]).await, expected, "{condition}");
    }
    let bounds = [(":low", text("b")), (":high", text("c"))];
    assert_eq!(found(&place, "sk BETWEEN :low AND :high", bounds).await, ["b", "c"]);
}

#[tokio::test]
async fn a_filter_tells_how_much_it_looked_at() {
    let place = Place::open().await;
    for value in 0..10 {
        place.put(item_at("x", &value.to_string(), [("amount", number(value))])).await;
    }
    let query = || {
        let query = place.querying("x").filter_expression("amount >= :least");
        query.expression_attribute_values(":least", number(7))
    };
    let page = query().send().await.unwrap();
    assert_eq!((page.count(), page.scanned_count()), (3, 10));
    assert_eq!(texts_of(page.items(), "sk"), ["7", "8", "9"]);
    // The limit is on what is looked at, so a page may be empty and not be the last.
    let page = query().limit(4).send().await.unwrap();
    assert_eq!((page.count(), page.scanned_count()), (0, 4));
    assert!(page.last_evaluated_key().is_some());
}

#[tokio::test]
async fn items_may_be_counted_only() {
    let place = with(&["a", "b", "c"]).await;
    let page = place.querying("x").select(Select::Count).send().await.unwrap();
    assert_eq!(page.count(), 3);
    assert!(page.items().is_empty());
}

#[tokio::test]
async fn a_cheap_query_sees_it_all_at_last() {
    let place = with(&["a", "b"]).await;
    eventually(async || {
        let page = place.querying("x").consistent_read(false).send().await.unwrap();
        (texts_of(page.items(), "sk") == ["a", "b"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_query_names_one_partition() {
    let place = with(&["a"]).await;
    let query = place.dynamo.query().table_name(&place.table).key_condition_expression("sk = :it");
    let query = query.expression_attribute_values(":it", text("a")).send().await;
    check_invalid(query, "missed key schema element");
    let query = place.dynamo.query().table_name(&place.table).key_condition_expression("pk > :it");
    let query = query.expression_attribute_values(":it", text("a")).send().await;
    check_invalid(query, "key condition");
}

#[tokio::test]
async fn a_key_is_no_matter_for_a_filter() {
    let place = with(&["a"]).await;
    let query =
        place.querying("x").filter_expression("sk = :it").expression_attribute_values(":it", text("a"));
    check_invalid(query.send().await, "Filter Expression");
}
