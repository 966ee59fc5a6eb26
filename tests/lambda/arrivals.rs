//! Arrivals in the shapes in which S3 and SQS hand them over.

use media_core::thumbnail::USUAL;
use serde_json::Value;
use support::{
    lambda::{
        cloud::{Cloud, new_name},
        events::text,
    },
    photos,
};

use crate::{
    function::{Function, uploaded},
    main_job::ingested,
};

/// Longer ago than any record could take.
const LONG_AGO: &str = "2026-01-01T00:00:00.000Z";

/// Every letter that may be encoded, encoded: what a form may do, and S3 with it.
fn encoded(key: &str) -> String {
    key.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()
}

/// When the latest arrival was, as S3 writes it.
async fn just_now(cloud: &Cloud) -> String {
    let arrivals = cloud.arrivals().await;
    let body: Value = serde_json::from_str(arrivals["Records"][0]["body"].as_str().unwrap()).unwrap();
    body["Records"][0]["eventTime"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_every_version_are_understood() {
    let cloud = Cloud::start().await;
    let upload = Function::start("upload", &cloud).await;
    let ingest = Function::start("ingest", &cloud).await;
    let photo = photos::fixture("on-its-side.jpg");
    for version in ["2.0", "2.1", "2.2", "2.3", "unknown-fields"] {
        // Never the same bytes again, which would be kept once and looked at once.
        let photo = [&photo[..], version.as_bytes()].concat();
        let mxc = uploaded(&upload, &photo, "image/jpeg").await;
        let key = cloud.record(&mxc).await.content().unwrap().object_key.clone();
        let event = text(&format!("sqs-s3-{version}.json")).replace("EVENT_TIME", LONG_AGO);
        let event = event.replace("OBJECT_KEY", &encoded(&key));
        assert!(ingested(&ingest, event).await.is_empty(), "{version}");
        assert_eq!(cloud.thumbnails(&mxc).await.len(), USUAL.len(), "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_batch_only_what_came_too_early_comes_again() {
    let cloud = Cloud::start().await;
    let upload = Function::start("upload", &cloud).await;
    let ingest = Function::start("ingest", &cloud).await;
    let mxc = uploaded(&upload, &photos::fixture("on-its-side.jpg"), "image/jpeg").await;
    let key = cloud.record(&mxc).await.content().unwrap().object_key.clone();
    let unrecorded = new_name();
    let (early, _) = cloud.has_object(&unrecorded, "bytes").await;

    // The test event of S3, a picture, the object without a record, and nonsense.
    let batch = text("sqs-s3-batch.json").replace("OBJECT_KEY", &key).replace("KEY_WITHOUT_RECORD", &early);
    assert_eq!(ingested(&ingest, batch.replace("EVENT_TIME", &just_now(&cloud).await)).await, ["message-3"]);
    assert_eq!(cloud.thumbnails(&mxc).await.len(), USUAL.len(), "its neighbour was handled");
    // Some day it is nobody's.
    assert!(ingested(&ingest, batch.replace("EVENT_TIME", LONG_AGO)).await.is_empty());
}
