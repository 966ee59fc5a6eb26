//! The main job, each step by the process of the function whose it is.

use http::StatusCode;
use media_core::thumbnail::USUAL;
use serde_json::Value;
use support::{
    Client, Outcome,
    lambda::{
        cloud::{Cloud, SERVER_NAME},
        events::request,
    },
    photos,
};

use crate::function::{Function, uploaded};

/// What the template lets a client bring.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Hands an event to `ingest`, and returns the messages that have to come again.
pub(crate) async fn ingested(ingest: &Function, event: String) -> Vec<String> {
    let Outcome::Buffered(answer) = ingest.invoke(event).await else { panic!("no answer") };
    again(&answer)
}

pub(crate) fn again(answer: &[u8]) -> Vec<String> {
    let answer: Value = serde_json::from_slice(answer).unwrap();
    let failures = answer["batchItemFailures"].as_array().unwrap().iter();
    failures.map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photograph_is_uploaded_looked_at_and_given_back() {
    let cloud = Cloud::start().await;
    let upload = Function::start("upload", &cloud).await;
    let photo = photos::fixture("mountains.jpg");
    let mxc = uploaded(&upload, &photo, "image/jpeg").await;
    assert_eq!(mxc.origin, SERVER_NAME);

    let ingest = Function::start("ingest", &cloud).await;
    let arrival = cloud.arrivals().await;
    assert!(ingested(&ingest, arrival.to_string()).await.is_empty());
    let made = cloud.thumbnails(&mxc).await;
    for usual in USUAL {
        assert!(made.iter().any(|thumbnail| thumbnail.shape == usual), "{usual} was not made");
    }
    // Told again, nothing changes.
    assert!(ingested(&ingest, arrival.to_string()).await.is_empty());
    assert_eq!(cloud.thumbnails(&mxc).await, made);

    let download = Function::start("download-redirect", &cloud).await;
    let redirect =
        download.get(&format!("/_matrix/client/v1/media/download/{}/{}", mxc.origin, mxc.media_id)).await;
    assert_eq!(redirect.status, StatusCode::TEMPORARY_REDIRECT);
    let bytes = Client::new("", None).follow(redirect).await;
    assert_eq!((bytes.status, bytes.body == photo), (StatusCode::OK, true));
    assert_eq!(bytes.header("content-type"), "image/jpeg");

    let thumbnail = Function::start("thumbnail", &cloud).await;
    let path = format!("/_matrix/client/v1/media/thumbnail/{}/{}", mxc.origin, mxc.media_id);
    // Kept as an object, kept in the record, and made now.
    for query in
        ["width=640&height=480", "width=32&height=32&method=crop", "width=500&height=200&method=crop"]
    {
        let small = Client::new("", None).follow(thumbnail.get(&format!("{path}?{query}")).await).await;
        assert_eq!(small.status, StatusCode::OK, "{query}: {small:?}");
        assert_eq!(small.header("content-type"), "image/jpeg", "{query}");
        assert!(photos::size_of(&small.body).0 <= 640, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn four_mebibytes_fit_into_an_event_and_a_byte_more_is_refused_in_json() {
    let cloud = Cloud::start().await;
    let upload = Function::start("upload", &cloud).await;
    let most = vec![0xa5; MOST_BYTES];
    let mxc = uploaded(&upload, &most, "application/octet-stream").await;
    let record = cloud.record(&mxc).await;
    assert_eq!(record.content().unwrap().size_bytes, MOST_BYTES as u64);

    let more = request("POST", "/_matrix/media/v3/upload").bytes(&[&most[..], b"!"].concat());
    assert_eq!(upload.answer(more).await.refusal(), "413 M_TOO_LARGE");
}
