//! An invocation that is about to be ended says so before: to the client, to the queue, in the record.

use std::time::Duration;

use engine_host::{Effect, Fault, Faults, When};
use media_core::{Clock, State};
use runtime::deadline::ANSWER_MARGIN;
use support::{
    Authority, Neighbour, Outcome,
    lambda::{
        cloud::Cloud,
        events::{request, url},
    },
    photos,
};
use tokio::{net::TcpListener, sync::watch};

use crate::{
    fetching,
    function::{Function, uploaded},
    main_job::again,
};

/// How long these invocations may take: enough to begin, not for anything that stalls.
const SHORT: Duration = ANSWER_MARGIN.saturating_add(Duration::from_secs(2));

/// From now on these calls wait, until what is returned says otherwise.
fn stall(faults: &Faults, operation: &str) -> watch::Sender<bool> {
    let (release, released) = watch::channel(false);
    let operation = Some(operation.to_owned());
    faults.inject(Fault { operation, when: When::Always, effect: Effect::Wait(released) });
    release
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_s3_does_not_take_is_answered_in_time() {
    let cloud = Cloud::start().await;
    let mut upload = Function::start("upload", &cloud).await;
    let release = stall(&cloud.s3_faults, "PutObject");
    let event = || request("POST", "/_matrix/media/v3/upload").bytes(b"x");
    let answer = upload.invoke_within(SHORT, event()).await.over_url();
    assert_eq!(answer.refusal(), "504 M_UNKNOWN");
    assert!(upload.lives());
    release.send(true).unwrap();
    assert_eq!(upload.answer(event()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_whom_dynamodb_keeps_waiting_is_answered_in_time() {
    let cloud = Cloud::start().await;
    let mut download = Function::start("download-redirect", &cloud).await;
    let mxc = cloud.has("bytes", None).await;
    let release = stall(&cloud.dynamodb_faults, "GetItem");
    let path = format!("/_matrix/media/v3/download/{}/{}", mxc.origin, mxc.media_id);
    let event = || url("url-get.json").to("GET", &path);
    let answer = download.invoke_within(SHORT, event()).await.over_url();
    assert_eq!(answer.refusal(), "504 M_UNKNOWN");
    assert!(download.lives());
    release.send(true).unwrap();
    assert_eq!(download.answer(event()).await.body, "bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_homeserver_that_does_not_answer_keeps_nobody_beyond_the_time() {
    let cloud = Cloud::start().await;
    // It takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let homeserver = format!("http://{}", silent.local_addr().unwrap());
    let more = [("MEDIA_HOMESERVER_URL", homeserver.as_str())];
    let mut upload = Function::start_with("upload", &cloud, &more).await;
    let event = request("GET", "/_matrix/client/v1/media/config");
    let answer = upload.invoke_within(SHORT, event).await.over_url();
    assert_eq!(answer.refusal(), "504 M_UNKNOWN");
    assert!(upload.lives());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arrival_that_was_not_handled_in_time_comes_again() {
    let cloud = Cloud::start().await;
    let upload = Function::start("upload", &cloud).await;
    let ingest = Function::start("ingest", &cloud).await;
    let photo = photos::fixture("on-its-side.jpg");
    let mxc = uploaded(&upload, &photo, "image/jpeg").await;
    uploaded(&upload, &photo, "image/jpeg").await;
    let mut arrivals = cloud.arrivals().await;
    while arrivals["Records"].as_array().unwrap().len() < 2 {
        arrivals = cloud.arrivals().await;
    }
    let release = stall(&cloud.s3_faults, "GetObject");
    let Outcome::Buffered(answer) = ingest.invoke_within(SHORT, arrivals.to_string()).await else {
        panic!("no answer")
    };
    assert_eq!(again(&answer).len(), 2, "the one that was begun and the one that was not");
    release.send(true).unwrap();
    let Outcome::Buffered(answer) = ingest.invoke(arrivals.to_string()).await else { panic!("no answer") };
    assert!(again(&answer).is_empty());
    assert!(!cloud.thumbnails(&mxc).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_takes_too_long_gives_its_lease_up() {
    let (cloud, authority) = (Cloud::start().await, Authority::new());
    let mut remote_fetch = fetching::remote_fetch(&cloud, &authority).await;
    let neighbour = Neighbour::start(&authority, &Clock::system()).await;
    let mxc = neighbour.has("theirs", "some bytes");
    neighbour.holds_back_after(4);
    let order = fetching::order(&cloud, &mxc).await;
    // Three seconds more, in which the record is told.
    let time = SHORT + Duration::from_secs(3);
    let outcome = remote_fetch.invoke_within(time, order).await;
    assert!(matches!(&outcome, Outcome::Buffered(said) if said == "\"failed\""), "{outcome:?}");
    assert_eq!(neighbour.asked_for_media(), 1);
    assert!(matches!(cloud.record(&mxc).await.state, State::Failed(_)));
    assert!(remote_fetch.lives());
}
