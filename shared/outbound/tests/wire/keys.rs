//! Requests of other servers, checked with keys that were asked for.

use std::{
    slice,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use http::{HeaderValue, Method};
use media_core::{OwnedServerName, Timestamp};
use outbound::{
    incoming::{self, IncomingError},
    server_keys::{KeyError, ServerKeys},
    signing::SigningKey,
};
use ruma_common::CanonicalJsonObject;
use ruma_federation_api::authentication::{XMatrix, XMatrixSigningInput};
use ruma_signatures::Ed25519KeyPair;
use serde_json::{Value, json};

use crate::world::{World, fresh_ip, server_name};

const TARGET: &str = "/_matrix/federation/v1/media/download/abc?b=1&a=%C3%A4";

pub(crate) const HOUR: Duration = Duration::from_hours(1);

/// Less than half an hour, by a little.
const NEARLY_HALF: Duration = Duration::from_secs(1790);

/// A server that publishes what it is told to, and the key it signs with, made by other code than ours.
pub(crate) struct Origin {
    pub(crate) name: OwnedServerName,
    pair: Ed25519KeyPair,
    published: Arc<Mutex<(StatusCode, Value)>>,
    asked: Arc<AtomicUsize>,
    /// What it says as a notary, and what it was asked as one.
    pub(crate) notarised: Arc<Mutex<(StatusCode, Value)>>,
    pub(crate) queries: Arc<Mutex<Vec<Value>>>,
}

impl Origin {
    pub(crate) async fn new(world: &World) -> Self {
        let pair = Ed25519KeyPair::from_der(&Ed25519KeyPair::generate(), "a_1".to_owned()).expect("a key");
        let published = Arc::new(Mutex::new((StatusCode::OK, Value::Null)));
        let asked = Arc::new(AtomicUsize::new(0));
        let (answer, count) = (published.clone(), asked.clone());
        let answer = async move || {
            count.fetch_add(1, Ordering::SeqCst);
            let (status, document) = answer.lock().expect("the lock").clone();
            (status, Json(document)).into_response()
        };
        let notarised = Arc::new(Mutex::new((StatusCode::NOT_FOUND, Value::Null)));
        let queries: Arc<Mutex<Vec<_>>> = Arc::default();
        let (said, record) = (notarised.clone(), queries.clone());
        let notarise = async move |Json(query): Json<Value>| {
            record.lock().expect("the lock").push(query);
            let (status, documents) = said.lock().expect("the lock").clone();
            (status, Json(documents)).into_response()
        };
        let ip = fresh_ip();
        let router = Router::new()
            .route("/_matrix/key/v2/server", get(answer))
            .route("/_matrix/key/v2/query", post(notarise));
        let address = world.serve(ip, 0, &ip.to_string(), router).await;
        let name = server_name(&address.to_string());
        let origin = Self { name, pair, published, asked, notarised, queries };
        origin.publish(origin.document(world.clock.now() + HOUR));
        origin
    }

    pub(crate) fn document(&self, valid_until: Timestamp) -> Value {
        let key = ruma_common::serde::Base64::<ruma_common::serde::base64::Standard, _>::new(
            self.pair.public_key(),
        );
        self.sign(json!({
            "server_name": self.name,
            "valid_until_ts": valid_until.0,
            "verify_keys": { "ed25519:a_1": { "key": key.encode() } },
            "old_verify_keys": {},
        }))
    }

    pub(crate) fn sign(&self, document: Value) -> Value {
        let mut document: CanonicalJsonObject = serde_json::from_value(document).expect("canonical JSON");
        ruma_signatures::sign_json(self.name.as_str(), &self.pair, &mut document).expect("a signature");
        serde_json::to_value(document).expect("JSON")
    }

    pub(crate) fn publish(&self, document: Value) {
        *self.published.lock().expect("the lock") = (StatusCode::OK, document);
    }

    /// Answers nothing but an error from here on.
    pub(crate) fn fail(&self) {
        self.published.lock().expect("the lock").0 = StatusCode::BAD_GATEWAY;
    }

    pub(crate) fn times_asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn credentials(&self, target: &str) -> XMatrix {
        let request = http::Request::get(target).body([]).expect("a request");
        let input = XMatrixSigningInput::new(self.name.clone(), server_name("we.test"), &self.pair);
        XMatrix::sign_http_request(&request, input).expect("a signature")
    }

    fn header(&self, target: &str) -> HeaderValue {
        HeaderValue::from(&self.credentials(target))
    }
}

fn keys(world: &World) -> ServerKeys {
    ServerKeys::new(world.peers(), world.clock.clone())
}

async fn verify(keys: &ServerKeys, headers: &[HeaderValue]) -> Result<OwnedServerName, IncomingError> {
    incoming::verify(&Method::GET, TARGET, headers, &server_name("we.test"), keys).await
}

#[tokio::test]
async fn what_somebody_elses_code_signed_is_believed() {
    let world = World::new().await;
    let origin = Origin::new(&world).await;
    let keys = keys(&world);
    assert_eq!(verify(&keys, &[origin.header(TARGET)]).await, Ok(origin.name.clone()));

    // Servers older than version 1.3 do not name the destination; some proxies join headers.
    let mut old = origin.credentials(TARGET);
    old.destination = None;
    assert_eq!(verify(&keys, &[HeaderValue::from(&old)]).await, Ok(origin.name.clone()));
    let joined = format!("Bearer x, {old} ,{}", origin.credentials(TARGET));
    let joined = HeaderValue::try_from(joined).unwrap();
    assert_eq!(
        verify(&keys, &[HeaderValue::from_static("Basic eA=="), joined]).await,
        Ok(origin.name.clone())
    );
    assert_eq!(origin.times_asked(), 1);
}

#[tokio::test]
async fn what_was_signed_otherwise_is_not() {
    let world = World::new().await;
    let origin = Origin::new(&world).await;
    let other = Origin::new(&world).await;
    let keys = keys(&world);
    let (name, good) = (origin.name.clone(), origin.header(TARGET));
    let bad = Err(IncomingError::BadSignature { origin: name.clone() });

    assert_eq!(verify(&keys, &[]).await, Err(IncomingError::Missing));
    assert_eq!(verify(&keys, &[HeaderValue::from_static("Bearer abc")]).await, Err(IncomingError::Missing));
    let malformed = HeaderValue::from_static("X-Matrix origin=a.test,key=k");
    assert!(matches!(verify(&keys, &[good.clone(), malformed]).await, Err(IncomingError::Malformed(_))));

    for target in [
        "/_matrix/federation/v1/media/download/abc?a=%C3%A4&b=1",
        "/_matrix/federation/v1/media/download/abc?b=1&a=%c3%a4",
        "/_matrix/federation/v1/media/download/abd?b=1&a=%C3%A4",
    ] {
        assert_eq!(verify(&keys, &[origin.header(target)]).await, bad, "{target}");
    }
    let post =
        incoming::verify(&Method::POST, TARGET, slice::from_ref(&good), &server_name("we.test"), &keys).await;
    assert_eq!(post, bad);
    let elsewhere =
        incoming::verify(&Method::GET, TARGET, slice::from_ref(&good), &server_name("they.test"), &keys)
            .await;
    assert_eq!(elsewhere, Err(IncomingError::WrongDestination));

    assert_eq!(
        verify(&keys, &[good.clone(), other.header(TARGET)]).await,
        Err(IncomingError::TooManySignatures)
    );
    assert_eq!(verify(&keys, &vec![good.clone(); 5]).await, Err(IncomingError::TooManySignatures));
    let mut forged = other.credentials(TARGET);
    forged.origin = origin.name.clone();
    assert_eq!(verify(&keys, &[good, HeaderValue::from(&forged)]).await, bad);
    forged.key = "ed25519:unknown".try_into().unwrap();
    assert_eq!(
        verify(&keys, &[HeaderValue::from(&forged)]).await,
        Err(IncomingError::UnknownKey { origin: name })
    );
    assert_eq!(other.times_asked(), 0, "nobody is asked for keys before the request makes sense");
}

#[tokio::test]
async fn our_own_document_is_believed() {
    let world = World::new().await;
    let origin = Origin::new(&world).await;
    let key = SigningKey::generate();
    origin.publish(key.server_keys_document(&origin.name, world.clock.now() + HOUR));
    let public = keys(&world).verify_key(&origin.name, &key.key_id()).await.unwrap();
    assert_eq!(public.len(), 32);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_requests_are_one_question() {
    let world = World::new().await;
    let origin = Origin::new(&world).await;
    let keys = keys(&world);
    let header = origin.header(TARGET);
    let requests: Vec<_> = (0..50)
        .map(|_| {
            let (keys, header) = (keys.clone(), header.clone());
            tokio::spawn(async move { verify(&keys, &[header]).await })
        })
        .collect();
    for request in requests {
        request.await.unwrap().unwrap();
    }
    assert_eq!(origin.times_asked(), 1);
}

#[tokio::test]
async fn keys_are_asked_for_again_after_half_their_life_and_kept_until_its_end() {
    let world = World::new().await;
    let origin = Origin::new(&world).await;
    let keys = keys(&world);
    let key = async || keys.verify_key(&origin.name, "ed25519:a_1").await;
    key().await.unwrap();
    world.clock.advance(NEARLY_HALF);
    key().await.unwrap();
    assert_eq!(origin.times_asked(), 1);

    // The server is down from here on: what is known stays true until it expires.
    origin.fail();
    world.clock.advance(Duration::from_secs(20));
    key().await.unwrap();
    key().await.unwrap();
    assert_eq!(origin.times_asked(), 2);
    world.clock.advance(HOUR / 2);
    assert!(matches!(key().await, Err(KeyError::Unavailable(_))));
    assert!(matches!(key().await, Err(KeyError::Unavailable(_))));
    assert_eq!(origin.times_asked(), 3, "a failure is remembered");
    origin.publish(origin.document(world.clock.now() + HOUR));
    world.clock.advance(Duration::from_mins(1));
    key().await.unwrap();
    assert_eq!(origin.times_asked(), 4);
}

#[tokio::test]
async fn no_key_is_believed_for_longer_than_a_week() {
    let world = World::new().await;
    let origin = Origin::new(&world).await;
    origin.publish(origin.document(Timestamp(4_000_000_000_000)));
    let keys = keys(&world);
    let key = async || keys.verify_key(&origin.name, "ed25519:a_1").await;
    key().await.unwrap();
    origin.fail();
    world.clock.advance(Duration::from_hours(7 * 24) - Duration::from_secs(10));
    key().await.unwrap();
    world.clock.advance(Duration::from_secs(20));
    assert!(matches!(key().await, Err(KeyError::Unavailable(_))));
}

#[tokio::test]
async fn made_up_key_ids_cause_one_question_a_minute() {
    let world = World::new().await;
    let origin = Origin::new(&world).await;
    let keys = keys(&world);
    for n in 0..20 {
        assert_eq!(keys.verify_key(&origin.name, &format!("ed25519:x{n}")).await, Err(KeyError::UnknownKey));
    }
    assert_eq!(origin.times_asked(), 1);
    world.clock.advance(Duration::from_mins(1));
    for _ in 0..20 {
        assert_eq!(keys.verify_key(&origin.name, "ed25519:x").await, Err(KeyError::UnknownKey));
    }
    assert_eq!(origin.times_asked(), 2);
    keys.verify_key(&origin.name, "ed25519:a_1").await.unwrap();
    assert_eq!(origin.times_asked(), 2);
}

#[tokio::test]
async fn keys_that_expire_at_once_cause_one_question_a_minute() {
    let world = World::new().await;
    let origin = Origin::new(&world).await;
    origin.publish(origin.document(world.clock.now() + Duration::from_secs(20)));
    let keys = keys(&world);
    let key = async || keys.verify_key(&origin.name, "ed25519:a_1").await;
    key().await.unwrap();
    world.clock.advance(Duration::from_secs(30));
    for _ in 0..20 {
        assert_eq!(key().await, Err(KeyError::UnknownKey));
    }
    assert_eq!(origin.times_asked(), 1);
}

#[tokio::test]
async fn documents_that_prove_nothing_are_not_believed() {
    let world = World::new().await;
    let origin = Origin::new(&world).await;
    let other = Origin::new(&world).await;
    let soon = world.clock.now() + HOUR;
    let good = origin.document(soon);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut document = good.clone();
        change(&mut document);
        document
    };
    let unsigned = |change: &dyn Fn(&mut Value)| {
        let mut document = with(change);
        document.as_object_mut().unwrap().remove("signatures");
        document
    };
    for (name, document) in [
        ("another server's", other.document(soon)),
        ("expired", origin.document(world.clock.now())),
        ("unsigned", unsigned(&|_| {})),
        ("signed by nobody here", with(&|document| document["signatures"] = json!({}))),
        ("changed after signing", with(&|document| document["valid_until_ts"] = json!(soon.0 + 1))),
        ("signed with a key that is not in it", other.sign(unsigned(&|_| {}))),
        (
            "signed with an old key only",
            origin.sign(unsigned(&|document| {
                document["old_verify_keys"] = document["verify_keys"].take();
                document["verify_keys"] = json!({});
            })),
        ),
        ("too large", origin.sign(unsigned(&|document| document["x"] = json!("x".repeat(70_000))))),
        ("not canonical", with(&|document| document["x"] = json!(1.5))),
        ("nothing", Value::Null),
    ] {
        origin.publish(document);
        let answer = keys(&world).verify_key(&origin.name, "ed25519:a_1").await;
        assert!(matches!(answer, Err(KeyError::Unavailable(_))), "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn a_server_in_a_private_network_is_not_asked() {
    let world = World::new().await;
    let answer = keys(&world).verify_key(&server_name("10.0.0.1"), "ed25519:a").await;
    assert_eq!(
        answer,
        Err(KeyError::Unavailable("10.0.0.1 is not an address of the public internet".to_owned()))
    );
}

/// The keys as one process of a server with many knows them.
pub(crate) fn keys_of_a_process(world: &World, notaries: &[OwnedServerName]) -> ServerKeys {
    ServerKeys::new(world.process(notaries), world.clock.clone())
}

#[tokio::test]
async fn what_one_process_has_asked_no_other_asks_again() {
    let world = World::new().await;
    let origin = Origin::new(&world).await;
    let key = async |keys: &ServerKeys| keys.verify_key(&origin.name, "ed25519:a_1").await.unwrap();
    let (first, second) = (keys_of_a_process(&world, &[]), keys_of_a_process(&world, &[]));
    key(&first).await;
    assert_eq!(world.board.calls(), (1, 2), "it says that it asks, then what it heard");
    key(&second).await;
    assert_eq!(world.board.calls(), (1, 0));
    key(&first).await;
    key(&second).await;
    assert_eq!(world.board.calls(), (0, 0));
    assert_eq!(origin.times_asked(), 1);

    // After half the keys' life one of them asks for both.
    world.clock.advance(HOUR / 2);
    key(&second).await;
    key(&first).await;
    assert_eq!(origin.times_asked(), 2);
    // And nothing is believed beyond its end because somebody else wrote it down.
    origin.fail();
    world.clock.advance(HOUR);
    for keys in [&first, &second] {
        let answer = keys.verify_key(&origin.name, "ed25519:a_1").await;
        assert!(matches!(answer, Err(KeyError::Unavailable(_))), "{answer:?}");
    }
    assert_eq!(origin.times_asked(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_processes_one_asks_and_the_others_wait_for_the_answer() {
    let world = World::new().await;
    let origin = Origin::new(&world).await;
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let (keys, name) = (keys_of_a_process(&world, &[]), origin.name.clone());
            tokio::spawn(async move { keys.verify_key(&name, "ed25519:a_1").await })
        })
        .collect();
    for asked in asking {
        asked.await.unwrap().unwrap();
    }
    assert_eq!(origin.times_asked(), 1);
}

#[tokio::test]
async fn many_processes_cannot_be_made_to_ask_more_than_once_a_minute() {
    let world = World::new().await;
    let (up, down) = (Origin::new(&world).await, Origin::new(&world).await);
    down.fail();
    for minute in 1..=3 {
        for n in 0..20 {
            let keys = keys_of_a_process(&world, &[]);
            let unknown = keys.verify_key(&up.name, &format!("ed25519:x{n}")).await;
            assert_eq!(unknown, Err(KeyError::UnknownKey));
            let unavailable = keys.verify_key(&down.name, "ed25519:a_1").await;
            assert!(matches!(unavailable, Err(KeyError::Unavailable(_))), "{unavailable:?}");
        }
        assert_eq!((up.times_asked(), down.times_asked()), (minute, minute));
        world.clock.advance(Duration::from_mins(1));
    }
}

#[tokio::test]
async fn a_process_that_died_while_asking_is_not_waited_for() {
    let world = World::new().await;
    let origin = Origin::new(&world).await;
    let now = world.clock.now();
    let in_a_minute = now + Duration::from_mins(1);
    let asking = json!({
        "by_id": {},
        "valid_until_ms": 0,
        "asked_at_ms": now.0,
        "refresh_at_ms": in_a_minute.0,
        "last": { "under_way": 7 },
    });
    world.board.write(&format!("K#{}", origin.name), asking, in_a_minute);
    let keys = keys_of_a_process(&world, &[]);
    // By now it would have had its answer.
    world.clock.advance(Duration::from_secs(31));
    let answer = keys.verify_key(&origin.name, "ed25519:a_1").await;
    assert!(matches!(answer, Err(KeyError::Unavailable(_))), "{answer:?}");
    assert_eq!(origin.times_asked(), 0, "nobody asks twice in a minute, not even for the dead");
    world.clock.advance(Duration::from_secs(30));
    keys.verify_key(&origin.name, "ed25519:a_1").await.unwrap();
    assert_eq!(origin.times_asked(), 1);
}

#[tokio::test]
async fn while_others_ask_what_is_known_is_good_enough() {
    let world = World::new().await;
    let origin = Origin::new(&world).await;
    keys_of_a_process(&world, &[]).verify_key(&origin.name, "ed25519:a_1").await.unwrap();
    let entry = format!("K#{}", origin.name);
    let (mut known, expires_at) = world.board.entry(&entry).unwrap();
    world.clock.advance(HOUR / 2);
    known["asked_at_ms"] = world.clock.now().0.into();
    known["last"] = json!({ "under_way": 7 });
    world.board.write(&entry, known, expires_at);
    keys_of_a_process(&world, &[]).verify_key(&origin.name, "ed25519:a_1").await.unwrap();
    assert_eq!(origin.times_asked(), 1);
}

#[tokio::test]
async fn without_the_shared_memory_each_process_asks_for_itself() {
    let world = World::new().await;
    let origin = Origin::new(&world).await;
    world.board.break_down();
    for _ in 0..2 {
        let keys = keys_of_a_process(&world, &[]);
        for _ in 0..3 {
            keys.verify_key(&origin.name, "ed25519:a_1").await.unwrap();
            assert_eq!(keys.verify_key(&origin.name, "ed25519:x").await, Err(KeyError::UnknownKey));
        }
    }
    assert_eq!(origin.times_asked(), 2);
}
