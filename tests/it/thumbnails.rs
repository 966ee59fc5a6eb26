//! Thumbnails on demand, and of what none can be made.

use aws_lambda_events::sqs::SqsEvent;
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;
use support::{Authority, Neighbour, Server, Setup, photos};

#[tokio::test(flavor = "multi_thread")]
async fn a_size_that_is_not_there_is_made_once_and_kept() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload(photos::fixture("photo.jpg"), "image/jpeg", "").await;
    server.thumbnails_of(&mxc).await;

    let before = server.sdk_calls();
    let made = client.follow(client.thumbnail(&mxc, "width=200&height=100&method=crop").await).await;
    assert_eq!((made.status, photos::size_of(&made.body)), (StatusCode::OK, (320, 160)));
    let after = server.sdk_calls();
    assert_eq!(after["GetObject"], before["GetObject"] + 1);

    let kept = client.follow(client.thumbnail(&mxc, "width=200&height=100&method=crop").await).await;
    assert_eq!(kept.body, made.body);
    assert_eq!(server.sdk_calls()["GetObject"], after["GetObject"], "it was not made again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_whose_bytes_are_gone_is_not_found() {
    let authority = Authority::new();
    let server = crate::federation::server_behind_tls(&authority, Setup::new()).await;
    let neighbour = Neighbour::start(&authority, &server.surroundings.clock).await;
    let client = server.client();
    let mxc = client.upload(photos::fixture("photo.jpg"), "image/jpeg", "").await;
    server.thumbnails_of(&mxc).await;
    let store = &server.gateway.deps().store;
    let record = store.records.get(&mxc).await.unwrap().unwrap();
    store.blobs.delete(&record.content().unwrap().object_key).await.unwrap();

    let query = "width=200&height=100&method=crop";
    assert_eq!(client.thumbnail(&mxc, query).await.refusal(), "404 M_NOT_FOUND");
    let target = format!("/_matrix/federation/v1/media/thumbnail/{}?{query}", mxc.media_id);
    assert_eq!(neighbour.asks(&server, &target).await.refusal(), "404 M_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_never_enlarged() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload(photos::fixture("transparent.png"), "image/png", "").await;
    let whole = photos::size_of(&photos::fixture("transparent.png"));
    let answer = client.follow(client.thumbnail(&mxc, "width=4000&height=4000").await).await;
    let (width, height) = photos::size_of(&answer.body);
    assert!(width <= whole.0 && height <= whole.1);
    assert_eq!(answer.header("content-type"), "image/png");
}

#[tokio::test(flavor = "multi_thread")]
async fn senseless_sizes_are_refused() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload(photos::fixture("transparent.png"), "image/png", "").await;
    for (query, refusal) in [
        ("", "400 M_MISSING_PARAM"),
        ("width=32", "400 M_MISSING_PARAM"),
        ("width=32&height=abc", "400 M_INVALID_PARAM"),
        ("width=-32&height=32", "400 M_INVALID_PARAM"),
        ("width=0&height=32", "400 M_INVALID_PARAM"),
        ("width=32&height=32&method=stretch", "400 M_INVALID_PARAM"),
        ("width=32&height=32&animated=maybe", "400 M_INVALID_PARAM"),
    ] {
        assert_eq!(client.thumbnail(&mxc, query).await.refusal(), refusal, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_picture_has_no_thumbnail() {
    let server = Server::start().await;
    let client = server.client();
    let mut broken = photos::fixture("transparent.png").to_vec();
    broken.truncate(60);
    for (bytes, content_type) in [
        (Bytes::from_static(b"plain text"), "text/plain"),
        (Bytes::from_static(b"not a picture at all"), "image/jpeg"),
        (Bytes::from(broken), "image/png"),
        (Bytes::new(), "image/png"),
    ] {
        let mxc = client.upload(bytes, content_type, "").await;
        // The answer is the same before and after `ingest` has looked.
        assert_eq!(client.thumbnail(&mxc, "width=32&height=32").await.refusal(), "400 M_UNKNOWN");
        server.thumbnails_of(&mxc).await;
        assert_eq!(client.thumbnail(&mxc, "width=32&height=32").await.refusal(), "400 M_UNKNOWN");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_to_be_no_picture_is_not_read_again() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload(Bytes::from_static(b"encrypted, say"), "image/jpeg", "").await;
    assert_eq!(client.thumbnail(&mxc, "width=32&height=32").await.refusal(), "400 M_UNKNOWN");
    server.thumbnails_of(&mxc).await;
    let before = server.sdk_calls();
    for query in ["width=32&height=32", "width=640&height=480", "width=96&height=96&animated=true"] {
        assert_eq!(client.thumbnail(&mxc, query).await.refusal(), "400 M_UNKNOWN", "{query}");
    }
    assert_eq!(server.sdk_calls()["GetObject"], before["GetObject"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_picture_has_one_thumbnail_for_all_sizes() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload(photos::drawn(30, 20), "image/png", "").await;
    assert_eq!(server.thumbnails_of(&mxc).await.len(), 1);
    let before = server.sdk_calls();
    let mut answers = Vec::new();
    for query in
        ["width=32&height=32&method=crop", "width=800&height=600", "width=9000&height=9&animated=true"]
    {
        answers.push(client.follow(client.thumbnail(&mxc, query).await).await.body);
    }
    assert_eq!(photos::size_of(&answers[0]), (30, 20));
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(server.sdk_calls()["GetObject"], before["GetObject"], "none was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moving_thumbnail_is_made_once_and_another_than_the_still_one() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload(photos::fixture("animated.gif"), "image/gif", "").await;
    server.thumbnails_of(&mxc).await;
    let get = async |query: &str| client.follow(client.thumbnail(&mxc, query).await).await.body;
    let still = get("width=96&height=96&method=crop").await;
    let moving = get("width=96&height=96&method=crop&animated=true").await;
    assert_eq!((photos::frames_of(&still), photos::frames_of(&moving)), (1, 10));
    let before = server.sdk_calls();
    assert_eq!(get("width=90&height=90&method=crop&animated=true").await, moving);
    assert_eq!(server.sdk_calls()["GetObject"], before["GetObject"], "it was not made again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_too_many_pixels_is_kept_and_not_decoded() {
    let server = Setup::new().set("MEDIA_MAX_IMAGE_PIXELS", "10000").start().await;
    let client = server.client();
    let mxc = client.upload(photos::fixture("photo.jpg"), "image/jpeg", "").await;
    assert_eq!(client.thumbnail(&mxc, "width=32&height=32").await.refusal(), "413 M_TOO_LARGE");
    assert_eq!(client.download(&mxc).await.status, StatusCode::TEMPORARY_REDIRECT);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arrival_that_is_told_twice_changes_nothing() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload(photos::fixture("photo.jpg"), "image/jpeg", "").await;
    let first = server.thumbnails_of(&mxc).await;
    let puts = server.sdk_calls()["PutObject"];

    let record = server.gateway.deps().store.records.get(&mxc).await.unwrap().unwrap();
    let key = &record.content().unwrap().object_key;
    let event = arrival(key);
    let answer = ingest::Ingest::new(&server.gateway.functions().ingest)
        .objects_landed(event, runtime::Deadline::NONE)
        .await
        .unwrap();
    assert!(answer.batch_item_failures.is_empty());
    assert_eq!(server.thumbnails_of(&mxc).await, first);
    assert_eq!(server.sdk_calls()["PutObject"], puts);
}

/// The arrival of an object as S3 tells it, twice, through SQS to Lambda; and what else may come that way.
pub(crate) fn arrival(key: &str) -> SqsEvent {
    let body = json!({ "Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2026-01-01T00:00:00.000Z", "eventName": "ObjectCreated:Put",
        "userIdentity": { "principalId": "x" }, "requestParameters": { "sourceIPAddress": "127.0.0.1" },
        "responseElements": {}, "s3": { "s3SchemaVersion": "1.0", "configurationId": "x",
            "bucket": { "name": "media", "ownerIdentity": { "principalId": "x" }, "arn": "arn:aws:s3:::media" },
            "object": { "key": key, "size": 1, "eTag": "x", "sequencer": "01" } } }] })
    .to_string();
    let event = json!({ "Records": [
        { "messageId": "1", "receiptHandle": "1", "body": body },
        { "messageId": "2", "receiptHandle": "2", "body": body },
        { "messageId": "3", "receiptHandle": "3", "body": "{\"Event\":\"s3:TestEvent\"}" },
        { "messageId": "4", "receiptHandle": "4", "body": "nonsense" },
    ] });
    serde_json::from_value(event).unwrap()
}
