//! Every change of an object leaves a message, with it or not at all, and the message is delivered at least once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use s3_engine::{Message, Notifications, Options};

use crate::place::{Embedded, Place, check_refused};

const VISIBILITY: Duration = Duration::from_secs(30);
const NO_WAIT: Duration = Duration::ZERO;

/// A clock that a test moves.
#[derive(Clone, Default)]
struct Hands(Arc<AtomicU64>);

impl Hands {
    fn forward(&self, duration: Duration) {
        self.0.fetch_add(u64::try_from(duration.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

fn everything(options: &mut Options) {
    options.notify_prefixes = vec![String::new()];
}

async fn place() -> (Place, Notifications) {
    place_with(everything).await
}

async fn place_with(choose: impl FnOnce(&mut Options)) -> (Place, Notifications) {
    let embedded = Embedded::start(choose);
    let notifications = embedded.engine.notifications();
    (Place::embedded(embedded).await, notifications)
}

async fn with_clock() -> (Place, Notifications, Hands) {
    let hands = Hands::default();
    hands.forward(Duration::from_hours(500_000));
    let clock = hands.clone();
    let (place, notifications) = place_with(|options| {
        everything(options);
        options.now_ms = Arc::new(move || clock.0.load(Ordering::SeqCst));
    })
    .await;
    (place, notifications, hands)
}

async fn receive(notifications: &Notifications) -> Vec<Message> {
    notifications.receive(10, VISIBILITY, NO_WAIT).await.unwrap()
}

/// What matters of an event: its name, its key, and its size.
fn told(message: &Message) -> String {
    let field = |name: &str| {
        let (_, rest) = message.body.split_once(&format!("\"{name}\":")).unwrap_or(("", "-,"));
        rest.split([',', '}']).next().unwrap().trim_matches('"').to_owned()
    };
    format!("{} {} {}", field("eventName"), field("key"), field("size"))
}

#[tokio::test]
async fn every_way_to_make_an_object_is_told() {
    let (place, notifications) = place().await;
    place.put("put", "12345").await;
    let copy = place.s3.copy_object().bucket(&place.bucket).key("copy");
    copy.copy_source(format!("{}/put", place.bucket)).send().await.unwrap();
    let created = place.s3.create_multipart_upload().bucket(&place.bucket).key("parts").send().await.unwrap();
    let part = place.s3.upload_part().bucket(&place.bucket).key("parts").part_number(1);
    let part =
        part.set_upload_id(created.upload_id.clone()).body(b"123".to_vec().into()).send().await.unwrap();
    let named = CompletedPart::builder().part_number(1).set_e_tag(part.e_tag).build();
    let complete = place.s3.complete_multipart_upload().bucket(&place.bucket).key("parts");
    let complete = complete.multipart_upload(CompletedMultipartUpload::builder().parts(named).build());
    complete.set_upload_id(created.upload_id).send().await.unwrap();
    place.s3.delete_object().bucket(&place.bucket).key("put").send().await.unwrap();

    let told: Vec<String> = receive(&notifications).await.iter().map(told).collect();
    assert_eq!(
        told,
        [
            "ObjectCreated:Put put 5",
            "ObjectCreated:Copy copy 5",
            "ObjectCreated:CompleteMultipartUpload parts 3",
            "ObjectRemoved:Delete put -",
        ]
    );
}

#[tokio::test]
async fn an_event_looks_as_s3_sends_it() {
    let (place, notifications) = place().await;
    place.put("originals/a b+c", "hello").await;
    let message = receive(&notifications).await.remove(0);
    let bucket = &place.bucket;
    for expected in [
        "{\"Records\":[{".to_owned(),
        "\"eventVersion\":\"2.1\"".to_owned(),
        "\"eventSource\":\"aws:s3\"".to_owned(),
        "\"awsRegion\":\"us-east-1\"".to_owned(),
        "\"eventName\":\"ObjectCreated:Put\"".to_owned(),
        "\"s3SchemaVersion\":\"1.0\"".to_owned(),
        format!("\"name\":\"{bucket}\""),
        format!("\"arn\":\"arn:aws:s3:::{bucket}\""),
        "\"key\":\"originals/a+b%2Bc\"".to_owned(),
        "\"size\":5".to_owned(),
        "\"eTag\":\"5d41402abc4b2a76b9719d911017c592\"".to_owned(),
        "\"x-amz-request-id\":\"".to_owned(),
        "\"sequencer\":\"".to_owned(),
        "\"sourceIPAddress\":\"".to_owned(),
        "\"principalId\":\"".to_owned(),
    ] {
        assert!(message.body.contains(&expected), "{expected} is not in {}", message.body);
    }
    assert!(!message.body.contains("versionId"));
}

#[tokio::test]
async fn later_events_have_greater_sequencers() {
    let (place, notifications) = place().await;
    for _ in 0..5 {
        place.put("key", "x").await;
    }
    let messages = receive(&notifications).await;
    let sequencers: Vec<&str> =
        messages.iter().map(|message| message.body.split("\"sequencer\":\"").nth(1).unwrap()).collect();
    assert!(sequencers.is_sorted_by(|earlier, later| earlier < later), "{sequencers:?}");
}

#[tokio::test]
async fn only_the_asked_for_prefixes_are_told() {
    let (place, notifications) = place_with(|options| {
        options.notify_prefixes = vec!["originals/".to_owned(), "staging/".to_owned()];
        options.notify_removed = false;
    })
    .await;
    for key in ["originals/a", "thumbnails/a", "staging/b", "original"] {
        place.put(key, "").await;
    }
    place.s3.delete_object().bucket(&place.bucket).key("originals/a").send().await.unwrap();
    let told: Vec<String> = receive(&notifications).await.iter().map(told).collect();
    assert_eq!(told, ["ObjectCreated:Put originals/a 0", "ObjectCreated:Put staging/b 0"]);
}

#[tokio::test]
async fn a_refused_write_tells_nothing() {
    let (place, notifications) = place().await;
    let put = || place.s3.put_object().bucket(&place.bucket).key("key").if_none_match("*").send();
    put().await.unwrap();
    check_refused(put().await, 412, "PreconditionFailed");
    place.s3.delete_object().bucket(&place.bucket).key("never").send().await.unwrap();
    assert_eq!(receive(&notifications).await.len(), 1);
}

#[tokio::test]
async fn a_deleted_message_does_not_come_again() {
    let (place, notifications, hands) = with_clock().await;
    place.put("key", "x").await;
    let message = receive(&notifications).await.remove(0);
    assert!(notifications.delete(&message.receipt).await.unwrap());
    hands.forward(VISIBILITY * 2);
    assert!(receive(&notifications).await.is_empty());
    assert!(!notifications.delete(&message.receipt).await.unwrap());
}

#[tokio::test]
async fn a_message_comes_again_when_nobody_deletes_it() {
    let (place, notifications, hands) = with_clock().await;
    place.put("key", "x").await;
    let first = receive(&notifications).await.remove(0);
    assert_eq!(first.receive_count, 1);
    assert!(receive(&notifications).await.is_empty(), "it is hidden for now");
    hands.forward(VISIBILITY + Duration::from_millis(1));
    let second = receive(&notifications).await.remove(0);
    assert_eq!(second.receive_count, 2);
    assert_eq!(second.body, first.body);
    assert_eq!(second.first_sent_ms, first.first_sent_ms);
    assert!(!notifications.delete(&first.receipt).await.unwrap(), "the first receipt is void");
    assert!(notifications.delete(&second.receipt).await.unwrap());
}

#[tokio::test]
async fn a_message_may_be_hidden_longer_or_shown_at_once() {
    let (place, notifications, hands) = with_clock().await;
    place.put("key", "x").await;
    let message = receive(&notifications).await.remove(0);
    assert!(notifications.change_visibility(&message.receipt, VISIBILITY * 3).await.unwrap());
    hands.forward(VISIBILITY * 2);
    assert!(receive(&notifications).await.is_empty());
    assert!(notifications.change_visibility(&message.receipt, Duration::ZERO).await.unwrap());
    assert_eq!(receive(&notifications).await.len(), 1);
}

#[tokio::test]
async fn a_message_that_nobody_can_deal_with_is_given_up() {
    let (place, notifications, hands) = with_clock().await;
    place.put("poison", "x").await;
    for count in 1..=5 {
        assert_eq!(receive(&notifications).await[0].receive_count, count);
        hands.forward(VISIBILITY * 2);
    }
    place.put("healthy", "x").await;
    let received = receive(&notifications).await;
    assert_eq!(received.iter().map(told).collect::<Vec<_>>(), ["ObjectCreated:Put healthy 1"]);
    let backlog = notifications.backlog().await.unwrap();
    assert_eq!((backlog.visible, backlog.in_flight, backlog.dead), (0, 1, 1));
    let dead = notifications.dead_letters(0, 10).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].receive_count, 5);
    assert!(dead[0].body.contains("poison"));

    assert_eq!(notifications.revive_dead_letters().await.unwrap(), 1);
    assert_eq!(receive(&notifications).await[0].receive_count, 1);
    assert!(notifications.dead_letters(0, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn messages_survive_a_kill() {
    let embedded = Embedded::start(everything);
    let s3 = embedded.endpoint.client();
    s3.create_bucket().bucket("kept").send().await.unwrap();
    for key in ["a", "b", "c"] {
        s3.put_object().bucket("kept").key(key).send().await.unwrap();
    }
    let notifications = embedded.engine.notifications();
    let first = notifications.receive(1, Duration::ZERO, NO_WAIT).await.unwrap().remove(0);
    assert!(notifications.delete(&first.receipt).await.unwrap());
    // One is taken by somebody who will never deal with it: whoever had it is as dead as the engine.
    assert_eq!(notifications.receive(1, VISIBILITY, NO_WAIT).await.unwrap().len(), 1);
    let embedded = embedded.killed_and_restarted(everything);
    let told: Vec<String> = receive(&embedded.engine.notifications()).await.iter().map(told).collect();
    assert_eq!(told, ["ObjectCreated:Put b 0", "ObjectCreated:Put c 0"]);
}

#[tokio::test]
async fn a_receiver_waits_for_a_message() {
    let (place, notifications) = place().await;
    let waiting =
        tokio::spawn(
            async move { notifications.receive(10, VISIBILITY, Duration::from_mins(1)).await.unwrap() },
        );
    place.put("key", "x").await;
    assert_eq!(waiting.await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_receiver_waits_no_longer_than_it_says() {
    let (_place, notifications) = place().await;
    let received = notifications.receive(10, VISIBILITY, Duration::from_millis(20)).await.unwrap();
    assert!(received.is_empty());
}

#[tokio::test]
async fn of_many_receivers_each_message_goes_to_one() {
    let (place, notifications) = place().await;
    for number in 0..40 {
        place.put(&format!("k{number}"), "").await;
    }
    let receivers = (0..8).map(|_| async {
        let mut bodies = Vec::new();
        loop {
            let received = notifications.receive(3, VISIBILITY, NO_WAIT).await.unwrap();
            if received.is_empty() {
                return bodies;
            }
            bodies.extend(received.into_iter().map(|message| message.body));
        }
    });
    let mut bodies: Vec<String> =
        futures_util::future::join_all(receivers).await.into_iter().flatten().collect();
    assert_eq!(bodies.len(), 40);
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 40);
}
