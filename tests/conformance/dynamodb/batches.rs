//! Several items in one request.

use aws_sdk_dynamodb::types::{DeleteRequest, KeysAndAttributes, PutRequest, WriteRequest};

use crate::place::{Item, MAIN, Place, bytes, check_invalid, check_refused, item, number, text, texts_of};

fn put(item: Item) -> WriteRequest {
    let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
    WriteRequest::builder().put_request(put).build()
}

fn delete(pk: &str) -> WriteRequest {
    let delete = DeleteRequest::builder().set_key(Some(item(pk, []))).build().unwrap();
    WriteRequest::builder().delete_request(delete).build()
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("name {number}")).collect()
}

fn keys<'a>(names: impl IntoIterator<Item = &'a String>) -> KeysAndAttributes {
    let keys = names.into_iter().map(|name| item(name, [])).collect();
    KeysAndAttributes::builder().consistent_read(true).set_keys(Some(keys)).build().unwrap()
}

#[tokio::test]
async fn twenty_five_items_are_written_at_once() {
    let place = Place::open().await;
    let writes = names(25).iter().map(|name| put(item(name, []))).collect();
    let written = place.dynamo.batch_write_item().request_items(&place.table, writes).send().await.unwrap();
    assert!(written.unprocessed_items().is_none_or(std::collections::HashMap::is_empty));
    for name in names(25) {
        assert!(place.read(&name).await.is_some(), "{name}");
    }
}

#[tokio::test]
async fn twenty_six_are_refused_and_none_is_written() {
    let place = Place::open().await;
    let writes = names(26).iter().map(|name| put(item(name, []))).collect();
    let written = place.dynamo.batch_write_item().request_items(&place.table, writes).send().await;
    check_refused(written, "ValidationException");
    assert_eq!(place.dynamo.scan().table_name(&place.table).send().await.unwrap().count(), 0);
}

#[tokio::test]
async fn puts_and_deletes_go_together() {
    let place = Place::open().await;
    place.put(item("old", [])).await;
    place.put(item("replaced", [("value", number(1))])).await;
    let writes = vec![put(item("new", [])), delete("old"), put(item("replaced", [])), delete("never there")];
    place.dynamo.batch_write_item().request_items(&place.table, writes).send().await.unwrap();
    assert_eq!(place.read("old").await, None);
    assert_eq!(place.read("new").await, Some(item("new", [])));
    assert_eq!(place.read("replaced").await, Some(item("replaced", [])));
}

#[tokio::test]
async fn an_item_is_written_once_in_a_batch() {
    let place = Place::open().await;
    let writes = vec![put(item("x", [])), delete("x")];
    let written = place.dynamo.batch_write_item().request_items(&place.table, writes).send().await;
    check_invalid(written, "duplicates");
}

#[tokio::test]
async fn one_bad_item_spoils_the_batch() {
    let place = Place::open().await;
    for bad in [item("", []), item("large", [("body", bytes(vec![0; 410_000]))])] {
        let writes = vec![put(item("good", [])), put(bad)];
        let written = place.dynamo.batch_write_item().request_items(&place.table, writes).send().await;
        check_refused(written, "ValidationException");
        assert_eq!(place.read("good").await, None);
    }
}

#[tokio::test]
async fn a_batch_reads_what_is_there() {
    let place = Place::open().await;
    let names = names(100);
    for name in names.iter().take(10) {
        place.put(item(name, [("value", text(name))])).await;
    }
    let get = place.dynamo.batch_get_item().request_items(&place.table, keys(&names));
    let got = get.send().await.unwrap();
    assert!(got.unprocessed_keys().is_none_or(std::collections::HashMap::is_empty));
    // They come in no order that means anything.
    let mut values = texts_of(&got.responses().unwrap()[&place.table], "value");
    values.sort_unstable();
    assert_eq!(values, names.iter().take(10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_batch_reads_up_to_a_hundred_and_none_twice() {
    let place = Place::open().await;
    let get = |keys| place.dynamo.batch_get_item().request_items(&place.table, keys).send();
    check_refused(get(keys(&names(101))).await, "ValidationException");
    check_invalid(get(keys(&[MAIN.to_owned(), MAIN.to_owned()])).await, "duplicates");
}
