//! Items and their attributes, said shortly.

use std::{collections::HashMap, fmt::Display};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The sort key of an item that is alone in its partition.
pub(crate) const MAIN: &str = "A";

/// The main item of a partition.
pub(crate) fn item<'a>(pk: &str, attributes: impl IntoIterator<Item = (&'a str, AttributeValue)>) -> Item {
    item_at(pk, MAIN, attributes)
}

pub(crate) fn item_at<'a>(
    pk: &str,
    sk: &str,
    attributes: impl IntoIterator<Item = (&'a str, AttributeValue)>,
) -> Item {
    let keys = [("pk", text(pk)), ("sk", text(sk))];
    keys.into_iter().chain(attributes).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The values of an expression. DynamoDB refuses to be given none.
pub(crate) fn values<'a>(values: impl IntoIterator<Item = (&'a str, AttributeValue)>) -> Option<Item> {
    let values: Item = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Some(values).filter(|values| !values.is_empty())
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn bytes(value: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

pub(crate) fn flag(value: bool) -> AttributeValue {
    AttributeValue::Bool(value)
}

/// A set of texts.
pub(crate) fn set<'a>(members: impl IntoIterator<Item = &'a str>) -> AttributeValue {
    AttributeValue::Ss(members.into_iter().map(str::to_owned).collect())
}

/// The members of a set of texts in order: DynamoDB gives them in none.
pub(crate) fn set_of(item: &Item, name: &str) -> Vec<String> {
    let mut members = item[name].as_ss().expect("a set").clone();
    members.sort();
    members
}

pub(crate) fn text_of<'a>(item: &'a Item, name: &str) -> &'a str {
    item[name].as_s().expect("a text")
}

/// One attribute of each item, in the order they came.
pub(crate) fn texts_of<'a>(items: &'a [Item], name: &str) -> Vec<&'a str> {
    items.iter().map(|item| text_of(item, name)).collect()
}
