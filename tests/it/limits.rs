//! What one user may upload: in all, lately and at a time, for whom, and that the count is right whatever happens.

use std::time::Duration;

use engine_host::{Effect, Fault, When};
use futures_util::{StreamExt as _, future::join_all, stream};
use http::{Method, StatusCode};
use media_core::{
    Allowance, OwnedUserId, Usage,
    usage::{Count, Over},
};
use serde_json::{Value, json};
use storage::{Outcome, Totals};
use support::{Answer, Client, Server, Setup, client::plain_http, server::OTHER_TOKEN};

const LIMITS: &str = "MEDIA_USER_LIMITS";
const USAGE: &str = "/_matrix/media/unstable/org.matrix.msc4034/usage";

async fn limited(rules: &str) -> Server {
    Setup::new().set(LIMITS, rules).start().await
}

fn alice() -> OwnedUserId {
    "@alice:example.org".try_into().unwrap()
}

async fn usage_of(server: &Server) -> Usage {
    server.gateway.deps().store.records.usage(&alice()).await.unwrap().unwrap_or_default()
}

async fn told(client: &Client, path: &str) -> Value {
    Answer::of(client.request(Method::GET, path)).await.json()
}

async fn try_upload(client: &Client, bytes: usize) -> Answer {
    client.try_upload(vec![0; bytes], "a/b", "").await
}

/// Announces no length.
fn unannounced(bytes: usize) -> reqwest::Body {
    let pieces = [Ok::<_, std::io::Error>(vec![0; bytes / 2]), Ok(vec![0; bytes - bytes / 2])];
    reqwest::Body::wrap_stream(stream::iter(pieces))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_rule_that_names_a_user_is_theirs() {
    let server = limited("@b*:example.org total:off; * total:100 upload:50 files:3").await;
    let alice = server.client();
    assert_eq!(try_upload(&alice, 51).await.refusal(), "413 M_TOO_LARGE");
    assert_eq!(alice.try_upload(unannounced(51), "a/b", "").await.refusal(), "413 M_TOO_LARGE");
    for _ in 0..2 {
        alice.upload(vec![0; 50], "a/b", "").await;
    }
    assert_eq!(try_upload(&alice, 1).await.refusal(), "403 M_FORBIDDEN");
    alice.upload("", "a/b", "").await;
    let refused = try_upload(&alice, 0).await;
    assert_eq!(refused.refusal(), "403 M_FORBIDDEN");
    assert!(refused.json()["error"].as_str().unwrap().contains("files"), "{refused:?}");
    let bob = alice.with_token(OTHER_TOKEN);
    for _ in 0..5 {
        bob.upload(vec![0; 101], "a/b", "").await;
    }
    assert_eq!((usage_of(&server).await.bytes, usage_of(&server).await.files), (100, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_as_much_as_they_may_is_told_where_to_read_about_it_before_bytes_are_stored() {
    let server = Setup::new()
        .set("MEDIA_USER_QUOTA_BYTES", "10")
        .set("MEDIA_USER_LIMIT_INFO_URI", "https://example.org/plans")
        .set("MEDIA_USER_LIMIT_CAN_UPGRADE", "true")
        .start()
        .await;
    let client = server.client();
    let before = server.sdk_calls_of("PutObject");
    let refused = try_upload(&client, 11).await;
    assert_eq!(refused.refusal(), "403 M_USER_LIMIT_EXCEEDED");
    assert_eq!(refused.json()["info_uri"], "https://example.org/plans");
    assert_eq!(refused.json()["can_upgrade"], true);
    assert_eq!(server.sdk_calls_of("PutObject"), before, "nothing was stored");
    assert_eq!((server.left_in_s3().await, usage_of(&server).await.files), ((0, 0), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_uploaded_lately_bounds_what_may_be_uploaded_and_the_answer_says_until_when() {
    let server = limited("* 24h:100 7d:150").await;
    let (client, clock) = (server.client(), &server.surroundings.clock);
    client.upload(vec![0; 60], "a/b", "").await;
    clock.advance(Duration::from_hours(6));
    client.upload(vec![0; 40], "a/b", "").await;
    let refused = try_upload(&client, 50).await;
    assert_eq!(refused.refusal(), "429 M_LIMIT_EXCEEDED");
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    // The first upload leaves 24 hours after it, and at most a step later.
    let hours = |count: u64| count * 60 * 60;
    assert!((hours(18)..=hours(19)).contains(&seconds), "{seconds}");
    assert!(refused.json()["retry_after_ms"].as_u64().unwrap() <= seconds * 1000);
    let never = try_upload(&client, 101).await;
    assert_eq!(never.refusal(), "403 M_FORBIDDEN", "no waiting helps");

    clock.advance(Duration::from_secs(seconds));
    client.upload(vec![0; 50], "a/b", "").await;
    clock.advance(Duration::from_hours(30));
    let refused = try_upload(&client, 1).await;
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!(seconds > hours(24), "now the week is full: {seconds}");
    clock.advance(Duration::from_secs(seconds));
    client.upload(vec![0; 1], "a/b", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_filled_and_what_goes_straight_to_the_store_count_as_well() {
    let server = limited("* total:100 pending:2").await;
    let client = server.client();
    let (filled, _) = client.create().await;
    assert_eq!(client.put(&filled, vec![0; 101], "a/b", "").await.refusal(), "403 M_FORBIDDEN");
    assert_eq!(client.put(&filled, vec![0; 60], "a/b", "").await.status, StatusCode::OK);
    let (direct, reply) = client.create().await;
    let url = reply["com.beeper.msc3870.upload_url"].as_str().unwrap();
    let put = async |bytes: usize| plain_http().put(url).body(vec![0; bytes]).send().await.unwrap();
    assert!(put(41).await.status().is_success());
    assert_eq!(client.complete(&direct, "").await.refusal(), "403 M_FORBIDDEN");
    assert!(put(40).await.status().is_success());
    assert_eq!(client.complete(&direct, "").await.status, StatusCode::OK);
    assert_eq!(client.complete(&direct, "").await.status, StatusCode::OK, "and is counted once");
    let usage = usage_of(&server).await;
    assert_eq!((usage.bytes, usage.files), (100, 2));
    for _ in 0..2 {
        client.create().await;
    }
    assert_eq!(client.try_create().await.refusal(), "429 M_LIMIT_EXCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_comes_to_nothing_counts_nothing() {
    let server = limited("* total:1000 24h:1000").await;
    let client = server.client();
    let body = stream::once(async { Ok::<_, std::io::Error>(vec![0; 100]) }).chain(stream::pending());
    let broken = client.request(Method::POST, "/_matrix/media/v3/upload");
    let broken = tokio::spawn(Answer::try_of(broken.body(reqwest::Body::wrap_stream(body))));
    support::eventually("the upload to be counted", || async {
        (usage_of(&server).await.files == 1).then_some(())
    })
    .await;
    broken.abort();
    support::eventually("the count to be given back", || async {
        let usage = usage_of(&server).await;
        (usage.counts.len() == 2 && usage.files == 0).then_some(())
    })
    .await;
    assert_eq!(client.try_upload(unannounced(1001), "a/b", "").await.refusal(), "403 M_FORBIDDEN");
    let (name, _) = client.create().await;
    let race = join_all((0..3).map(|_| client.put(&name, vec![0; 300], "a/b", ""))).await;
    assert_eq!(race.iter().filter(|answer| answer.status == StatusCode::OK).count(), 1, "{race:?}");
    let usage = usage_of(&server).await;
    assert_eq!((usage.bytes, usage.files), (300, 1));
    assert_eq!(usage.lately.iter().map(|step| step.bytes).sum::<u64>(), 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_no_more_pass_than_there_is_room_for_in_all_and_lately() {
    let server = limited("@alice:* total:1000 files:100 24h:700").await;
    let client = server.client();
    let uploads = join_all((0..30).map(|_| try_upload(&client, 100))).await;
    let passed = uploads.iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(passed, 7);
    assert!(uploads.iter().all(|answer| [200, 429].contains(&answer.status.as_u16())), "{uploads:?}");
    assert_eq!(server.left_in_s3().await.1, 0);
    assert_eq!(usage_of(&server).await.bytes, 700);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_makes_room_in_all_but_not_within_a_time() {
    let server = limited("* total:100 24h:150").await;
    let (client, deps) = (server.client(), server.gateway.deps());
    let mxc = client.upload(vec![0; 100], "a/b", "").await;
    assert_eq!(try_upload(&client, 1).await.refusal(), "403 M_FORBIDDEN");
    let Outcome::Won(erased) = deps.store.erase(&mxc).await.unwrap() else { panic!("nothing was there") };
    for _ in 0..2 {
        deps.store.records.give_back_deleted(&erased, deps.clock.now()).await.unwrap();
    }
    let usage = usage_of(&server).await;
    assert_eq!((usage.bytes, usage.files), (0, 0));
    assert_eq!(try_upload(&client, 51).await.refusal(), "429 M_LIMIT_EXCEEDED");
    client.upload(vec![0; 50], "a/b", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_told_its_own_limits_and_what_it_has_used() {
    let server = limited("@alice:* total:10K files:7 upload:2K").await;
    let alice = server.client();
    alice.upload(vec![0; 100], "a/b", "").await;
    for path in ["/_matrix/client/v1/media/config", "/_matrix/media/v3/config"] {
        let config = told(&alice, path).await;
        assert_eq!(
            config,
            json!({
                "m.upload.size": 2048,
                "org.matrix.msc4034.storage.size": 10240,
                "org.matrix.msc4034.storage.max_files": 7,
            })
        );
    }
    let used = json!({ "org.matrix.msc4034.storage.used": 100, "org.matrix.msc4034.storage.files": 1 });
    assert_eq!(told(&alice, USAGE).await, used);
    let bob = alice.with_token(OTHER_TOKEN);
    bob.upload(vec![0; 100], "a/b", "").await;
    let general = json!({ "m.upload.size": 104_857_600 });
    assert_eq!(told(&bob, "/_matrix/client/v1/media/config").await, general);
    assert_eq!(told(&bob, USAGE).await, json!({}), "nothing is counted of who has no limit");
    let stranger = Answer::of(server.stranger().request(Method::GET, USAGE)).await;
    assert_eq!(stranger.refusal(), "401 M_MISSING_TOKEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limited_upload_costs_one_read_and_one_write_more() {
    let server = limited("@alice:* total:10K files:7 24h:1K").await;
    let (alice, bob) = (server.client(), server.client().with_token(OTHER_TOKEN));
    let cost = async |client: &Client, text: &'static str| {
        let mut calls = crate::budgets::calls_of(&server, async {
            let mxc = client.upload(text, "text/plain", "").await;
            server.thumbnails_of(&mxc).await;
        })
        .await;
        // How often the test looked for thumbnails is not the product's, and `ingest` may have come before the record.
        for operation in ["Query", "GetObject"] {
            calls.remove(operation);
        }
        calls
    };
    let (counted, mut free) = (cost(&alice, "one").await, cost(&bob, "two").await);
    *free.entry("GetItem".to_owned()).or_default() += 1;
    *free.entry("UpdateItem".to_owned()).or_default() += 1;
    assert_eq!(counted, free);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recount_finds_what_was_there_before_and_what_a_crash_left_counted() {
    let server = Server::start().await;
    let client = server.client();
    for size in 1..=120 {
        client.upload(vec![0; size], "a/b", "").await;
    }
    // Neither a name that waits nor somebody else's.
    client.create().await;
    client.with_token(OTHER_TOKEN).upload(vec![0; 5000], "a/b", "").await;
    let server = server.restart_with(&[(LIMITS, "* total:1M files:1000 24h:1M")]).await;
    let (deps, client) = (server.gateway.deps(), server.client());
    let (records, clock) = (&deps.store.records, &deps.clock);
    let allowance = Allowance { total_bytes: Some(1 << 20), ..Allowance::default() };
    let dead = Count::begun("originals/died", 400_000, clock.now());
    assert!(records.count(&alice(), &dead, &allowance, clock.now()).await.unwrap().is_won());
    let fresh = client.upload(vec![0; 1000], "a/b", "").await;

    // It may be on its way; in a day it is certain that it died.
    let recount = async || records.recount(&alice(), clock).await.unwrap();
    let all = 120 * 121 / 2;
    assert_eq!(recount().await, Outcome::Won(Totals { bytes: all + 1000 + 400_000, files: 122 }));
    clock.advance(Duration::from_hours(25));
    assert_eq!(recount().await, Outcome::Won(Totals { bytes: all + 1000, files: 121 }));
    let Outcome::Won(erased) = deps.store.erase(&fresh).await.unwrap() else { panic!("nothing was there") };
    records.give_back_deleted(&erased, clock.now()).await.unwrap();
    assert_eq!(recount().await, Outcome::Won(Totals { bytes: all, files: 120 }));
    assert_eq!((usage_of(&server).await.bytes, usage_of(&server).await.files), (all, 120));
}

/// Uploads and deletions while it is recounted again and again: whoever recounts loses, or is right.
#[tokio::test(flavor = "multi_thread")]
async fn a_recount_among_uploads_neither_loses_nor_doubles_one() {
    let server = limited("* total:1M 24h:1M").await;
    let (deps, client) = (server.gateway.deps(), server.client());
    let records = &deps.store.records;
    let uploads = join_all((0..40).map(|_| try_upload(&client, 100)));
    let recounts = async {
        let mut won = 0;
        for _ in 0..40 {
            won += usize::from(records.recount(&alice(), &deps.clock).await.unwrap().is_won());
        }
        won
    };
    let (uploads, _) = futures_util::future::join(uploads, recounts).await;
    assert!(uploads.iter().all(|answer| answer.status == StatusCode::OK), "{uploads:?}");
    let usage = usage_of(&server).await;
    assert_eq!((usage.bytes, usage.files), (4000, 40));
    let recounted = records.recount(&alice(), &deps.clock).await.unwrap();
    assert_eq!(recounted, Outcome::Won(Totals { bytes: 4000, files: 40 }));
}

/// The SDK repeats a call whose answer was lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_count_whose_answer_is_lost_counts_once() {
    let server = Setup::new().set(LIMITS, "* total:100 24h:100").with_dynamodb_faults().start().await;
    let faults = server.surroundings.dynamodb_faults.clone().unwrap();
    let deps = server.gateway.deps();
    let (allowance, now) = (deps.limits.allowance_of(&alice()), deps.clock.now());
    let count = async |count: &Count| {
        let operation = Some("UpdateItem".to_owned());
        faults.inject(Fault { operation, when: When::Nth(1), effect: Effect::CutAfter });
        let counted = deps.store.records.count(&alice(), count, &allowance, now).await.unwrap();
        faults.clear();
        counted
    };
    let one = Count::begun("originals/one", 60, now);
    for _ in 0..2 {
        assert_eq!(count(&one).await, Outcome::Won(()));
        assert_eq!((usage_of(&server).await.bytes, usage_of(&server).await.files), (60, 1));
    }
    assert_eq!(count(&Count::begun("originals/two", 41, now)).await, Outcome::Lost(Over::Bytes));
    assert_eq!(count(&one.returned(60)).await, Outcome::Won(()));
    assert_eq!((usage_of(&server).await.bytes, usage_of(&server).await.files), (0, 0));
}
