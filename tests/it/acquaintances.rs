//! What all processes of a server know of others: whose keys are whose, and who is to be left alone.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use http::{Method, StatusCode, header};
use media_core::{Mxc, State};
use outbound::signing::SigningKey;
use remote_fetch::Fetched;
use ruma_common::CanonicalJsonObject;
use ruma_signatures::Ed25519KeyPair;
use serde_json::{Value, json};
use storage::{Outcome, SdkCalls, ephemeral::Expiring, functions::FetchOrder};
use support::{Answer, Authority, Origin, Reply, Server};

use crate::checks::outgoing::home;

const KEYS: &str = "/_matrix/key/v2/server";
const MEDIA: &str = "/_matrix/federation/v1/media/download/";
const HOUR: Duration = Duration::from_hours(1);

/// What `origin`, which signs with `key`, gets when it asks `home` for its media.
async fn ask_as(origin: &Origin, key: &SigningKey, home: &Server, mxc: &Mxc) -> Answer {
    let path = format!("{MEDIA}{}", mxc.media_id);
    let signed = key.authorize_get(origin.name(), &home.gateway.deps().server_name, &path).unwrap();
    Answer::of(home.stranger().request(Method::GET, &path).header(header::AUTHORIZATION, signed)).await
}

fn document(origin: &Origin, key: &SigningKey, home: &Server) -> Value {
    key.server_keys_document(origin.name(), home.surroundings.clock.now() + HOUR)
}

/// The calls that `work` costs, by operation.
async fn calls_of<F: Future>(server: &Server, work: F) -> BTreeMap<String, u64> {
    let before = server.sdk_calls();
    work.await;
    let mut after = server.sdk_calls();
    for (operation, count) in &mut after {
        *count -= before.get(operation).unwrap_or(&0);
    }
    after.retain(|_, count| *count > 0);
    after
}

fn calls<const N: usize>(of: [(&str, u64); N]) -> BTreeMap<String, u64> {
    of.into_iter().map(|(operation, count)| (operation.to_owned(), count)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_have_seen_the_same_entry_one_writes_over_it() {
    let server = Server::start().await;
    let (entries, clock) = (&server.gateway.deps().store.ephemeral, &server.surroundings.clock);
    let write = async |seen: Option<u64>, value: u64| {
        let entry = Expiring { value, expires_at: clock.now() + HOUR };
        entries.replace("K#a.test", seen.as_ref(), &entry).await.unwrap().is_won()
    };
    let winner_of = async |seen: Option<u64>, values: std::ops::Range<u64>| {
        let won = join_all(values.clone().map(|value| write(seen, value))).await;
        let winners: Vec<_> = values.zip(won).filter_map(|(value, won)| won.then_some(value)).collect();
        let [winner] = winners[..] else { panic!("{winners:?} have won") };
        assert_eq!(entries.get::<u64>("K#a.test").await.unwrap().unwrap().value, winner);
        winner
    };
    let first = winner_of(None, 0..20).await;
    let second = winner_of(Some(first), 20..40).await;
    assert!(!write(Some(first), 40).await, "what was seen is not there any more");
    assert!(!write(None, 40).await, "something is there");
    assert!(write(None, second).await, "it is the caller's own hand");
    // An entry that has expired is none, whether or not it was swept.
    clock.advance(HOUR);
    winner_of(None, 50..70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_another_server_are_asked_for_once_whatever_process_needs_them() {
    let authority = Authority::new();
    let (home, origin) = (home(&authority).start().await, Origin::start(&authority).await);
    let key = SigningKey::generate();
    origin.answers(KEYS, Reply::json(200, &document(&origin, &key, &home)));
    let mxc = home.client().upload("ours", "text/plain", "").await;
    home.thumbnails_of(&mxc).await;

    let ask = async |home: &Server| {
        let answer = ask_as(&origin, &key, home, &mxc).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    };
    // The look at what others know, who asks, what was answered; and the media itself.
    let first = calls_of(&home, ask(&home)).await;
    assert_eq!(first, calls([("GetItem", 1 + 1), ("GetObject", 1), ("PutItem", 2)]));
    assert_eq!(calls_of(&home, ask(&home)).await, calls([("GetItem", 1), ("GetObject", 1)]));
    let home = home.restart().await;
    assert_eq!(calls_of(&home, ask(&home)).await, calls([("GetItem", 1 + 1), ("GetObject", 1)]));
    assert_eq!(origin.targets(), [KEYS]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_keys_is_not_asked_again_by_the_next_process() {
    let authority = Authority::new();
    let (mut home, origin) = (home(&authority).start().await, Origin::start(&authority).await);
    let key = SigningKey::generate();
    origin.answers(KEYS, Reply::error(500, "M_UNKNOWN"));
    let mxc = Mxc::new_on(&home.gateway.deps().server_name);
    for _ in 0..3 {
        assert_eq!(ask_as(&origin, &key, &home, &mxc).await.refusal(), "401 M_UNAUTHORIZED");
        home = home.restart().await;
    }
    assert_eq!(origin.targets(), [KEYS]);
    home.surroundings.clock.advance(Duration::from_mins(1));
    origin.answers(KEYS, Reply::json(200, &document(&origin, &key, &home)));
    assert_eq!(ask_as(&origin, &key, &home, &mxc).await.refusal(), "404 M_NOT_FOUND");
    assert_eq!(origin.targets(), [KEYS, KEYS]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notary_that_the_operator_names_vouches_for_a_server_that_is_down() {
    let authority = Authority::new();
    let (origin, notary) = (Origin::start(&authority).await, Origin::start(&authority).await);
    let home = home(&authority).set("MEDIA_FEDERATION_NOTARIES", notary.name().as_str()).start().await;
    let key = SigningKey::generate();
    let pair = Ed25519KeyPair::from_der(&Ed25519KeyPair::generate(), "n".to_owned()).unwrap();
    let signed = |document: Value| {
        let mut document: CanonicalJsonObject = serde_json::from_value(document).unwrap();
        ruma_signatures::sign_json(notary.name().as_str(), &pair, &mut document).unwrap();
        serde_json::to_value(document).unwrap()
    };
    let public =
        ruma_common::serde::Base64::<ruma_common::serde::base64::Standard, _>::new(pair.public_key());
    let own = signed(json!({
        "server_name": notary.name(),
        "valid_until_ts": (home.surroundings.clock.now() + HOUR).0,
        "verify_keys": { "ed25519:n": { "key": public.encode() } },
    }));
    notary.answers(KEYS, Reply::json(200, &own));
    let vouched = signed(document(&origin, &key, &home));
    notary.answers("/_matrix/key/v2/query", Reply::json(200, &json!({ "server_keys": [vouched] })));

    let mxc = home.client().upload("ours", "text/plain", "").await;
    let answer = ask_as(&origin, &key, &home, &mxc).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(origin.targets(), [KEYS], "first the server itself");
    let asked = notary.asked();
    assert_eq!((asked[0].method.clone(), asked[0].target.as_str()), (Method::POST, "/_matrix/key/v2/query"));
    let query: Value = serde_json::from_slice(&asked[0].body).unwrap();
    assert!(query["server_keys"][origin.name().as_str()][key.key_id()]["minimum_valid_until_ts"].is_u64());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_is_left_alone_by_the_next_process_too_until_its_time_has_come() {
    let authority = Authority::new();
    let (home, origin) = (home(&authority).start().await, Origin::start(&authority).await);
    origin.answers(MEDIA, Reply::error(503, "M_UNKNOWN"));
    let download = async |home: &Server, id: &str| {
        let client = home.client();
        client.follow(client.download(&origin.mxc(id)).await).await
    };
    assert_eq!(download(&home, "first").await.refusal(), "502 M_UNKNOWN");
    assert_eq!(origin.targets().len(), 1);

    // Other media of it, and another process: nobody is asked, and the refusal lasts as long as the rest does.
    assert_eq!(download(&home, "second").await.refusal(), "502 M_UNKNOWN");
    let home = home.restart().await;
    assert_eq!(download(&home, "third").await.refusal(), "502 M_UNKNOWN");
    assert_eq!(origin.targets().len(), 1);
    let until = async |id: &str| {
        let record = home.gateway.deps().store.records.get_latest(&origin.mxc(id)).await.unwrap().unwrap();
        let State::Failed(failure) = record.state else { panic!("{:?}", record.state) };
        failure.retry_at
    };
    assert_eq!(until("second").await, until("third").await, "the server's own time");
    assert!(until("second").await < until("first").await, "which is not the medium's");

    origin.answers(MEDIA, Reply::two_parts("Content-Type: text/plain", "back"));
    home.surroundings.clock.advance(Duration::from_secs(38));
    assert_eq!(download(&home, "second").await.body, "back");
    assert_eq!(download(&home, "fourth").await.body, "back");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_to_be_left_alone_is_looked_up_once_a_minute_and_not_for_every_fetch() {
    let authority = Authority::new();
    let (home, origin) = (home(&authority).start().await, Origin::start(&authority).await);
    origin.answers(MEDIA, Reply::two_parts("Content-Type: text/plain", "there"));
    let deps = home.gateway.deps();
    let fetch = async |id: &str| {
        let (mxc, now) = (origin.mxc(id), deps.clock.now());
        let claimed = deps.store.records.claim(&mxc, "attempt", now, now + deps.limits.remote_time).await;
        let Outcome::Won(lease) = claimed.unwrap() else { panic!("lost to nobody") };
        let calls = SdkCalls::default();
        let order = FetchOrder::new(&mxc, &lease.held_by, lease.fence);
        let deps = &home.gateway.functions().remote_fetch;
        let fetched = calls.counting(remote_fetch::fetch(deps, order, runtime::Deadline::NONE)).await;
        assert_eq!(fetched.unwrap(), Fetched::Stored);
        calls.by_operation()
    };
    // The record, and the look; then the bytes, the reference, the blob and the record.
    let first = calls([("GetItem", 1 + 1), ("PutItem", 1), ("PutObject", 1), ("UpdateItem", 2)]);
    // The others have the bytes of the first, whose object is looked at.
    let same = |looks: u64| {
        let head = ("HeadObject", 1);
        calls([("GetItem", 1 + looks), head, ("PutItem", 1), ("PutObject", 1), ("UpdateItem", 2)])
    };
    assert_eq!(fetch("first").await, first);
    assert_eq!(fetch("second").await, same(0));
    home.surroundings.clock.advance(Duration::from_mins(1));
    assert_eq!(fetch("third").await, same(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_does_not_have_says_nothing_about_its_other_media() {
    let authority = Authority::new();
    let (home, origin) = (home(&authority).start().await, Origin::start(&authority).await);
    origin.answers(&format!("{MEDIA}missing"), Reply::error(404, "M_NOT_FOUND"));
    let large = "x".repeat(1001);
    origin.answers(&format!("{MEDIA}large"), Reply::two_parts("Content-Type: text/plain", large));
    origin.answers(&format!("{MEDIA}there"), Reply::two_parts("Content-Type: text/plain", "there"));
    let client = home.client();
    assert_eq!(client.download(&origin.mxc("missing")).await.refusal(), "404 M_NOT_FOUND");
    assert_eq!(client.download(&origin.mxc("large")).await.refusal(), "502 M_TOO_LARGE");
    let there = client.follow(client.download(&origin.mxc("there")).await).await;
    assert_eq!(there.body, "there");
}
