//! Other servers' signing keys: asked for, checked, and remembered (server-server API, "Retrieving server keys").

use std::{collections::BTreeMap, fmt, sync::Arc};

use futures_util::future::BoxFuture;
use media_core::{Clock, OwnedServerName, ServerName, Timestamp};
use moka::future::Cache;
use reqwest::{Response, StatusCode};
use ruma_common::{CanonicalJsonObject, CanonicalJsonValue, SigningKeyAlgorithm, serde::Base64};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep, timeout_at},
};

use crate::{
    Peers, Unreachable,
    limits::{
        ASKED_POLL_FIRST, ASKED_POLL_MAX, CACHED_SERVERS, CONCURRENT_KEY_FETCHES, KEY_FAILURE_LIFE,
        KEY_FETCH_TIME, KEY_MAX_LIFE, MAX_KEYS_BYTES, MAX_NOTARY_BYTES, MAX_SIGNATURES, NOTARY_TIME,
        UNKNOWN_KEY_INTERVAL,
    },
    memory::Seen,
    reply,
};

/// Where a server publishes its keys.
const KEYS_PATH: &str = "/_matrix/key/v2/server";

/// Where a notary says what other servers' keys are.
const NOTARY_PATH: &str = "/_matrix/key/v2/query";

/// The prefix of the ids of keys that are understood here.
const ED25519: &str = "ed25519:";

/// Knows other servers' keys, by asking the servers themselves, or else a notary. Cheap to clone; clones share what they
/// know.
///
/// What is known is kept in this process and, for all others of ours, in the shared [`crate::Memory`]. Anybody can name
/// a server in an unverified header, so that memory also decides who asks: one process, and each server at most every
/// [`UNKNOWN_KEY_INTERVAL`], whatever it answered.
#[derive(Clone)]
pub struct ServerKeys(Arc<Inner>);

struct Inner {
    peers: Peers,
    clock: Clock,
    fetches: Semaphore,
    known: Cache<OwnedServerName, Arc<Known>>,
}

/// What is known of one server: an entry of the shared memory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Known {
    #[serde(flatten)]
    keys: Keys,
    asked_at_ms: u64,
    /// When to ask again, whatever is known.
    refresh_at_ms: u64,
    last: Asking,
}

/// Public keys by their ids, such as `ed25519:a_abcd`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Keys {
    by_id: BTreeMap<String, Base64>,
    valid_until_ms: u64,
}

/// How the last asking ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Asking {
    /// With an answer.
    #[default]
    Answered,
    /// Without one: a sentence for the log.
    Failed(String),
    /// It has not, or its process has. The number is anybody's, so that no two askings look the same.
    UnderWay(u64),
}

/// What is to be done by somebody who needs a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// All that can be known by now is known.
    Answer,
    /// Another process is asking.
    Wait,
    /// The server is to be asked.
    Ask,
}

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The server does not publish a key of this id, or no longer.
    #[error("there is no such key")]
    UnknownKey,
    /// The server's keys could not be had, or are not what they should be: a sentence for the log.
    #[error("{0}")]
    Unavailable(String),
}

impl ServerKeys {
    /// Nobody is asked yet.
    #[must_use]
    pub fn new(peers: Peers, clock: Clock) -> Self {
        // The clock decides what has expired; the cache's own times are only the broom.
        let known = Cache::builder().max_capacity(CACHED_SERVERS).time_to_live(KEY_MAX_LIFE).build();
        let fetches = Semaphore::new(CONCURRENT_KEY_FETCHES);
        Self(Arc::new(Inner { peers, clock, fetches, known }))
    }

    /// The Ed25519 public key that `origin` publishes as `key_id`, valid now, as 32 bytes (unless the origin published
    /// something else).
    ///
    /// One question at a time goes to each origin. It is asked again after half its keys' life, and at most every
    /// [`UNKNOWN_KEY_INTERVAL`] because of an id that it has not published: anybody can make up ids.
    pub async fn verify_key(&self, origin: &ServerName, key_id: &str) -> Result<Vec<u8>, KeyError> {
        self.0.verify_key(origin, key_id).await
    }
}

impl Inner {
    async fn verify_key(&self, origin: &ServerName, key_id: &str) -> Result<Vec<u8>, KeyError> {
        let now = self.clock.now();
        let before = self.known.get(origin).await;
        let known = self
            .known
            .entry(origin.to_owned())
            .or_insert_with_if(Box::pin(self.learn(origin, key_id, before)), |known| {
                known.step(key_id, now) != Step::Answer
            })
            .await
            .into_value();
        known.answer(key_id, now)
    }

    /// What all of our processes know by now; asks the origin when that is not enough and nobody else is asking it.
    async fn learn(&self, origin: &ServerName, key_id: &str, before: Option<Arc<Known>>) -> Arc<Known> {
        let entry = format!("K#{origin}");
        let memory = self.peers.memory();
        let given_up = Instant::now() + KEY_FETCH_TIME + NOTARY_TIME;
        let mut pause = ASKED_POLL_FIRST;
        loop {
            let seen = Seen::<Known>::look(memory, &entry).await;
            let known = newest(seen.says.clone(), before.as_deref());
            let now = self.clock.now();
            match known.step(key_id, now) {
                Step::Answer => return Arc::new(known),
                _ if Instant::now() >= given_up => return Arc::new(known),
                Step::Wait => {}
                Step::Ask => {
                    let asking = known.clone().being_asked(now);
                    let expires_at = asking.expires_at();
                    if let Some(seen) = seen.replace(memory, &entry, asking, expires_at).await {
                        let known = self.ask(origin, key_id, known, now).await;
                        // Lost only to somebody who took this process for dead, and whose answer is as good.
                        let _ = seen.replace(memory, &entry, known.clone(), known.expires_at()).await;
                        return Arc::new(known);
                    }
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(ASKED_POLL_MAX);
        }
    }

    /// Asks; when that fails, what was known `before` stays known as long as it is valid.
    async fn ask(&self, origin: &ServerName, key_id: &str, before: Known, asked_at: Timestamp) -> Known {
        match self.fetch(origin, key_id).await {
            Ok(keys) => {
                // However short the keys live, an origin is not asked on every request.
                let rest = (keys.valid_until().since(asked_at) / 2).max(UNKNOWN_KEY_INTERVAL);
                let refresh_at_ms = (asked_at + rest).0;
                Known { keys, asked_at_ms: asked_at.0, refresh_at_ms, last: Asking::Answered }
            }
            Err(failure) => {
                tracing::info!(media.origin = %origin, failure, "The keys of a server cannot be had");
                let refresh_at_ms = (asked_at + KEY_FAILURE_LIFE).0;
                Known { asked_at_ms: asked_at.0, refresh_at_ms, last: Asking::Failed(failure), ..before }
            }
        }
    }

    /// From the origin itself, or else from the first notary that knows; nobody vouches for a notary but itself.
    async fn fetch(&self, origin: &ServerName, key_id: &str) -> Result<Keys, String> {
        let mut failure = match self.fetch_directly(origin).await {
            Ok(keys) => return Ok(keys),
            // Nobody else may send us there either.
            Err(NotDirectly::Fenced(fenced)) => return Err(fenced),
            Err(NotDirectly::Failed(failure)) => failure,
        };
        let notaries = self.peers.notaries();
        if notaries.iter().any(|notary| notary == origin) {
            return Err(failure);
        }
        let deadline = Instant::now() + NOTARY_TIME;
        for notary in notaries {
            match timeout_at(deadline, self.fetch_from(notary, origin, key_id, deadline)).await {
                Ok(Ok(keys)) => return Ok(keys),
                Ok(Err(why)) => failure = format!("{failure}; of the notary {notary}: {why}"),
                Err(_) => return Err(format!("{failure}; the notaries took too long")),
            }
        }
        Err(failure)
    }

    async fn fetch_directly(&self, origin: &ServerName) -> Result<Keys, NotDirectly> {
        let deadline = Instant::now() + KEY_FETCH_TIME;
        let _permit = self.permit(deadline).await?;
        let (_, response) = self.peers.get(origin, KEYS_PATH, None, deadline).await?;
        let document: CanonicalJsonObject = json_of(response, MAX_KEYS_BYTES).await?;
        Ok(read(&document, origin, self.clock.now())?)
    }

    /// What `notary` says `origin` has published (server-server API, "Querying keys through another server").
    ///
    /// Of several documents the one with the key in question is taken, and of those the one that is valid longest.
    async fn fetch_from(
        &self,
        notary: &ServerName,
        origin: &ServerName,
        key_id: &str,
        deadline: Instant,
    ) -> Result<Keys, String> {
        let now = self.clock.now();
        let question = json!({ origin.as_str(): { key_id: { "minimum_valid_until_ts": now.0 } } });
        let question = json!({ "server_keys": question });
        let answer: Notarised = {
            let _permit = self.permit(deadline).await?;
            let response = self.peers.post_json(notary, NOTARY_PATH, &question, deadline).await;
            json_of(response.map_err(|error| error.to_string())?, MAX_NOTARY_BYTES).await?
        };
        let mut best: Option<Keys> = None;
        let mut failure = "it does not know them".to_owned();
        for document in answer.server_keys {
            match self.read_notarised(document, notary, origin).await {
                Ok(keys) => {
                    let rank = |keys: &Keys| (keys.by_id.contains_key(key_id), keys.valid_until_ms);
                    if best.as_ref().is_none_or(|best| rank(best) < rank(&keys)) {
                        best = Some(keys);
                    }
                }
                Err(why) => failure = why,
            }
        }
        best.ok_or(failure)
    }

    /// A document must prove itself, and be signed by the notary, too: with a key that the notary itself publishes.
    async fn read_notarised(
        &self,
        document: Value,
        notary: &ServerName,
        origin: &ServerName,
    ) -> Result<Keys, String> {
        let document: CanonicalJsonObject =
            serde_json::from_value(document).map_err(|error| error.to_string())?;
        let keys = read(&document, origin, self.clock.now())?;
        let signatures = signatures_of(&document, notary)?;
        let mut published = BTreeMap::new();
        for id in signatures.keys().filter(|id| id.starts_with(ED25519)).take(MAX_SIGNATURES) {
            if let Ok(key) = self.verify_key_of_notary(notary, id).await {
                published.insert(id.clone(), Base64::new(key));
            }
        }
        check_signatures(&document, &signatures, &published)
            .map_err(|why| format!("its own signature on them: {why}"))?;
        Ok(keys)
    }

    /// [`Inner::verify_key`], which this is called by: asking a notary for its own keys needs no notary.
    fn verify_key_of_notary<'a>(
        &'a self,
        notary: &'a ServerName,
        key_id: &'a str,
    ) -> BoxFuture<'a, Result<Vec<u8>, KeyError>> {
        Box::pin(self.verify_key(notary, key_id))
    }

    async fn permit(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, String> {
        match timeout_at(deadline, self.fetches.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err("too many servers are asked for their keys at once".to_owned()),
        }
    }
}

/// Why an origin could not be asked itself.
enum NotDirectly {
    Fenced(String),
    Failed(String),
}

impl From<Unreachable> for NotDirectly {
    fn from(error: Unreachable) -> Self {
        match error {
            Unreachable::Fenced(fenced) => Self::Fenced(fenced.to_string()),
            Unreachable::Failed(reason) => Self::Failed(reason),
        }
    }
}

impl From<String> for NotDirectly {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

async fn json_of<T: serde::de::DeserializeOwned>(response: Response, max_bytes: usize) -> Result<T, String> {
    if response.status() != StatusCode::OK {
        return Err(format!("it answers {}", response.status()));
    }
    let body = reply::read(response, max_bytes).await?;
    serde_json::from_slice(&body).map_err(|error| error.to_string())
}

/// What was learned last: this process's own memory outlives an entry that is lost.
fn newest(shared: Option<Known>, own: Option<&Known>) -> Known {
    match (shared, own) {
        (Some(shared), Some(own)) if shared.asked_at_ms < own.asked_at_ms => own.clone(),
        (Some(shared), _) => shared,
        (None, own) => own.cloned().unwrap_or_default(),
    }
}

impl Known {
    fn step(&self, key_id: &str, now: Timestamp) -> Step {
        let has_key = self.keys.get(key_id, now).is_some();
        let asked_for = now.since(Timestamp(self.asked_at_ms));
        let is_under_way =
            matches!(self.last, Asking::UnderWay(_)) && asked_for < KEY_FETCH_TIME + NOTARY_TIME;
        let asks_for_news = !has_key && asked_for >= UNKNOWN_KEY_INTERVAL;
        match is_under_way {
            true if has_key => Step::Answer,
            true => Step::Wait,
            false if asks_for_news || now.0 >= self.refresh_at_ms => Step::Ask,
            false => Step::Answer,
        }
    }

    fn being_asked(self, now: Timestamp) -> Self {
        let refresh_at_ms = (now + UNKNOWN_KEY_INTERVAL).0;
        Self { asked_at_ms: now.0, refresh_at_ms, last: Asking::UnderWay(rand::random()), ..self }
    }

    fn answer(&self, key_id: &str, now: Timestamp) -> Result<Vec<u8>, KeyError> {
        match (self.keys.get(key_id, now), &self.last) {
            (Some(key), _) => Ok(key.to_vec()),
            (None, Asking::Answered) => Err(KeyError::UnknownKey),
            (None, Asking::Failed(failure)) => Err(KeyError::Unavailable(failure.clone())),
            (None, Asking::UnderWay(_)) => {
                Err(KeyError::Unavailable("another process asked for them and has no answer".to_owned()))
            }
        }
    }

    /// Until when anything here means something.
    fn expires_at(&self) -> Timestamp {
        Timestamp(self.refresh_at_ms.max(self.keys.valid_until_ms))
    }
}

impl Keys {
    fn get(&self, key_id: &str, now: Timestamp) -> Option<&[u8]> {
        self.by_id.get(key_id).map(Base64::as_bytes).filter(|_| now < self.valid_until())
    }

    fn valid_until(&self) -> Timestamp {
        Timestamp(self.valid_until_ms)
    }
}

/// What a notary answers. Each document is looked at by itself: one that makes no sense spoils no other.
#[derive(Deserialize)]
struct Notarised {
    server_keys: Vec<Value>,
}

/// What a server publishes. `old_verify_keys` are for events and never for requests, so they are not even read.
#[derive(Deserialize)]
struct Document {
    server_name: String,
    verify_keys: BTreeMap<String, VerifyKey>,
    valid_until_ts: u64,
    signatures: BTreeMap<String, BTreeMap<String, CanonicalJsonValue>>,
}

#[derive(Deserialize)]
struct VerifyKey {
    key: Base64,
}

/// Reads what a server has published: for the right server, not expired, and signed with at least one of the keys in it
/// and with none of them wrongly.
fn read(document: &CanonicalJsonObject, origin: &ServerName, now: Timestamp) -> Result<Keys, String> {
    let published: Document = as_document(document)?;
    if published.server_name != origin.as_str() {
        return Err("it publishes the keys of another server".to_owned());
    }
    let valid_until = Timestamp(published.valid_until_ts).min(now + KEY_MAX_LIFE);
    if valid_until <= now {
        return Err("its keys have expired".to_owned());
    }
    let keys = published.verify_keys.into_iter().filter(|(id, _)| id.starts_with(ED25519));
    let by_id = keys.map(|(id, key)| (id, key.key)).collect();
    check_signatures(document, &signatures_of(document, origin)?, &by_id)?;
    Ok(Keys { by_id, valid_until_ms: valid_until.0 })
}

fn as_document(document: &CanonicalJsonObject) -> Result<Document, String> {
    let value = serde_json::to_value(document).map_err(|error| error.to_string())?;
    serde_json::from_value(value).map_err(|error| error.to_string())
}

fn signatures_of(
    document: &CanonicalJsonObject,
    server: &ServerName,
) -> Result<BTreeMap<String, CanonicalJsonValue>, String> {
    Ok(as_document(document)?.signatures.remove(server.as_str()).unwrap_or_default())
}

fn check_signatures(
    object: &CanonicalJsonObject,
    signatures: &BTreeMap<String, CanonicalJsonValue>,
    keys: &BTreeMap<String, Base64>,
) -> Result<(), String> {
    let signed =
        ruma_signatures::to_canonical_json_string_for_signing(object).map_err(|error| error.to_string())?;
    let mut is_signed = false;
    for (id, signature) in signatures {
        let Some(key) = keys.get(id) else { continue };
        let bytes = signature
            .as_str()
            .and_then(|text| Base64::<ruma_common::serde::base64::Standard>::parse(text).ok());
        let bytes = bytes.ok_or("its keys carry a signature that is none")?;
        ruma_signatures::verify_canonical_json_bytes(
            &SigningKeyAlgorithm::Ed25519,
            key.as_bytes(),
            bytes.as_bytes(),
            signed.as_bytes(),
        )
        .map_err(|_| "its keys are not signed with themselves".to_owned())?;
        is_signed = true;
    }
    if is_signed { Ok(()) } else { Err("its keys are not signed with any of themselves".to_owned()) }
}

impl fmt::Debug for ServerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerKeys").finish_non_exhaustive()
    }
}
