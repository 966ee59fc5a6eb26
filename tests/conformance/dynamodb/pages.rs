//! A long answer comes in pages that follow each other without a gap.

use crate::place::{Item, Place, bytes, check_invalid, item_at, texts_of};

const ALL: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

async fn with(sort_keys: &[&str]) -> Place {
    let place = Place::open().await;
    for sk in sort_keys {
        place.put(item_at("x", sk, [])).await;
    }
    place
}

/// Walks all pages of this size and gives the sort keys in the order they came.
async fn walk(place: &Place, page_size: i32, forwards: bool) -> Vec<String> {
    let mut all = Vec::new();
    let mut last: Option<Item> = None;
    loop {
        let query = place.querying("x").limit(page_size).scan_index_forward(forwards);
        let page = query.set_exclusive_start_key(last).send().await.unwrap();
        assert!(page.count() <= page_size);
        all.extend(texts_of(page.items(), "sk").into_iter().map(str::to_owned));
        last = page.last_evaluated_key;
        if last.is_none() {
            return all;
        }
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap() {
    let place = with(&ALL).await;
    for page_size in [1, 2, 3, 7, 8] {
        assert_eq!(walk(&place, page_size, true).await, ALL, "{page_size} a page");
    }
}

#[tokio::test]
async fn pages_go_backwards_too() {
    let place = with(&ALL).await;
    let backwards: Vec<&str> = ALL.into_iter().rev().collect();
    for page_size in [1, 2, 3, 7, 8] {
        assert_eq!(walk(&place, page_size, false).await, backwards, "{page_size} a page");
    }
}

#[tokio::test]
async fn a_page_that_is_not_the_last_ends_with_its_last_key() {
    let place = with(&ALL).await;
    let page = place.querying("x").limit(3).send().await.unwrap();
    assert_eq!(texts_of(page.items(), "sk"), ["a", "b", "c"]);
    assert_eq!(page.last_evaluated_key(), Some(&item_at("x", "c", [])));
    // Whether a page that ends with the very last item says so is not promised.
}

#[tokio::test]
async fn a_page_may_begin_after_what_is_gone() {
    let place = with(&ALL).await;
    let page = place.querying("x").limit(3).send().await.unwrap();
    place.deleting("x", "c").send().await.unwrap();
    place.put(item_at("x", "cc", [])).await;
    let rest = place.querying("x").set_exclusive_start_key(page.last_evaluated_key).send().await.unwrap();
    assert_eq!(texts_of(rest.items(), "sk"), ["cc", "d", "e", "f", "g"]);
}

#[tokio::test]
async fn a_page_has_at_most_a_megabyte() {
    let place = Place::open().await;
    for sk in ALL {
        place.put(item_at("x", sk, [("body", bytes(vec![0; 300_000]))])).await;
    }
    let page = place.querying("x").send().await.unwrap();
    // Whether the item that passes the megabyte still belongs to the page, AWS does not say.
    assert!(matches!(page.count(), 3 | 4), "{} items of 300 kB", page.count());
    assert!(page.last_evaluated_key().is_some());
    assert_eq!(walk(&place, 100, true).await, ALL);
    assert_eq!(walk(&place, 100, false).await, ALL.into_iter().rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_filter_makes_no_room_in_the_megabyte() {
    let place = Place::open().await;
    for sk in ALL {
        place.put(item_at("x", sk, [("body", bytes(vec![0; 300_000]))])).await;
    }
    let page = place.querying("x").filter_expression("attribute_exists(nowhere)").send().await.unwrap();
    assert_eq!(page.count(), 0);
    assert!(matches!(page.scanned_count(), 3 | 4), "{} items of 300 kB", page.scanned_count());
    assert!(page.last_evaluated_key().is_some());
}

#[tokio::test]
async fn a_page_of_nothing_is_refused() {
    let place = with(&ALL).await;
    check_invalid(place.querying("x").limit(0).send().await, "imit");
}

#[tokio::test]
async fn a_page_begins_inside_its_partition() {
    let place = with(&ALL).await;
    let elsewhere = place.querying("x").set_exclusive_start_key(Some(item_at("y", "c", [])));
    check_invalid(elsewhere.send().await, "starting key");
}
