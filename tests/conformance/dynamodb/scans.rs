//! A whole table, from one end to the other or in parts at once.

use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use futures_util::future::join_all;

use crate::place::{Place, bytes, check_invalid, check_refused, item, item_at, number, text_of};

async fn with(count: usize) -> Place {
    let place = Place::open().await;
    join_all((0..count).map(|pk| place.put(item(&pk.to_string(), [("amount", number(pk))])))).await;
    place
}

/// Walks all pages of a scan and gives the partition keys, sorted: a scan promises no order.
async fn walk(scan: ScanFluentBuilder) -> Vec<String> {
    let mut all = Vec::new();
    let mut last = None;
    loop {
        let page = scan.clone().set_exclusive_start_key(last).send().await.unwrap();
        all.extend(page.items().iter().map(|item| text_of(item, "pk").to_owned()));
        last = page.last_evaluated_key;
        if last.is_none() {
            all.sort();
            return all;
        }
    }
}

fn scanning(place: &Place) -> ScanFluentBuilder {
    place.dynamo.scan().table_name(&place.table).consistent_read(true)
}

fn names(count: usize) -> Vec<String> {
    let mut names: Vec<String> = (0..count).map(|pk| pk.to_string()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_scan_sees_everything_once() {
    let place = with(60).await;
    assert_eq!(walk(scanning(&place)).await, names(60));
    for page_size in [1, 7, 60, 100] {
        assert_eq!(walk(scanning(&place).limit(page_size)).await, names(60), "{page_size} a page");
    }
}

#[tokio::test]
async fn segments_cover_everything_once() {
    let place = with(60).await;
    for total in [1, 2, 5, 16] {
        let segments =
            (0..total).map(|segment| walk(scanning(&place).segment(segment).total_segments(total).limit(3)));
        let mut all = join_all(segments).await.concat();
        all.sort();
        assert_eq!(all, names(60), "{total} segments");
    }
}

#[tokio::test]
async fn a_segment_is_one_of_so_many() {
    let place = with(0).await;
    check_refused(scanning(&place).segment(2).total_segments(2).send().await, "ValidationException");
    check_invalid(scanning(&place).segment(1).send().await, "TotalSegments");
    check_invalid(scanning(&place).total_segments(2).send().await, "Segment");
}

#[tokio::test]
async fn a_scan_may_be_filtered() {
    let place = with(20).await;
    let scan = scanning(&place).filter_expression("amount < :limit");
    let page = scan.expression_attribute_values(":limit", number(5)).send().await.unwrap();
    assert_eq!((page.count(), page.scanned_count()), (5, 20));
}

#[tokio::test]
async fn a_scan_of_much_comes_in_pages() {
    let place = Place::open().await;
    for sk in ["a", "b", "c", "d", "e"] {
        place.put(item_at("x", sk, [("body", bytes(vec![0; 300_000]))])).await;
    }
    let page = scanning(&place).send().await.unwrap();
    assert!(matches!(page.count(), 3 | 4), "{} items of 300 kB", page.count());
    assert!(page.last_evaluated_key().is_some());
    assert_eq!(walk(scanning(&place)).await, ["x"; 5]);
}
