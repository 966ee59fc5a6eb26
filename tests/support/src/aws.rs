//! Plain clients of S3 and DynamoDB, for looking at what the product left there.

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::config::{BehaviorVersion, Region};

use media_core::{Mxc, Sha256};
use storage::Settings;

/// A client of the S3 that a gateway stands on.
pub(crate) fn s3(store: &Settings) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region(store))
        .endpoint_url(store.s3_endpoint.clone().expect("embedded engines"))
        .credentials_provider(credentials(store))
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    aws_sdk_s3::Client::from_conf(config.build())
}

fn dynamodb(store: &Settings) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region(store))
        .endpoint_url(store.dynamodb_endpoint.clone().expect("embedded engines"))
        .credentials_provider(credentials(store))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// The media noted under a digest.
pub(crate) async fn references(store: &Settings, digest: &Sha256) -> Vec<Mxc> {
    let key = AttributeValue::S(format!("H#{digest}"));
    let query = dynamodb(store).query().table_name(&store.table).key_condition_expression("pk = :pk");
    let found = query.expression_attribute_values(":pk", key).send().await.expect("a query");
    let names = found.items().iter().filter_map(|item| {
        let mut names = item.get("sk")?.as_s().ok()?.strip_prefix("R#")?.split('#');
        Some(Mxc::parse(names.next()?, names.next()?).expect("a name"))
    });
    names.collect()
}

/// The key of every item of the durable table.
pub(crate) async fn all_items(store: &Settings) -> Vec<(String, String)> {
    let scan = dynamodb(store).scan().table_name(&store.table).projection_expression("pk, sk");
    let items: Result<Vec<_>, _> = scan.into_paginator().items().send().collect().await;
    let text = |item: &std::collections::HashMap<String, AttributeValue>, name: &str| {
        item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
    };
    items.expect("a scan").iter().map(|item| (text(item, "pk"), text(item, "sk"))).collect()
}

/// What the engines still have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The partition and the sort key of every item of the durable table.
    pub items: Vec<(String, String)>,
    /// The key of every object.
    pub objects: Vec<String>,
}

/// Looks at what the engines still have.
pub async fn left_behind(store: &Settings) -> Left {
    let pages = s3(store).list_objects_v2().bucket(&store.bucket).into_paginator().send();
    let pages: Result<Vec<_>, _> = pages.collect().await;
    let mut objects = Vec::new();
    for page in pages.expect("a listing") {
        objects.extend(page.contents().iter().filter_map(|object| object.key.clone()));
    }
    Left { items: all_items(store).await, objects }
}

/// The names of all media in the durable table.
pub(crate) async fn all_media(store: &Settings) -> Vec<Mxc> {
    let scan = dynamodb(store).scan().table_name(&store.table).send().await.expect("a scan");
    assert!(scan.last_evaluated_key().is_none(), "more than a test should leave");
    let media = scan.items().iter().filter_map(|item| {
        let is_main = item.get("sk")?.as_s().ok()? == "A";
        let (origin, media_id) = item.get("pk")?.as_s().ok()?.strip_prefix("M#")?.split_once('#')?;
        is_main.then(|| Mxc::parse(origin, media_id).expect("a name"))
    });
    media.collect()
}

fn region(store: &Settings) -> Region {
    Region::new(store.region.clone().expect("embedded engines"))
}

fn credentials(store: &Settings) -> Credentials {
    let (key, secret) = store.credentials.clone().expect("embedded engines");
    Credentials::new(key, secret, None, None, "tests")
}
