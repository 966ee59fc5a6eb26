//! Other servers' signing keys: asked for, checked, and remembered (server-server API, "Retrieving server keys").

use std::{collections::BTreeMap, fmt, sync::Arc};

use media_core::{Clock, OwnedServerName, ServerName, Timestamp};
use moka::future::Cache;
use reqwest::StatusCode;
use ruma_common::{CanonicalJsonObject, CanonicalJsonValue, SigningKeyAlgorithm, serde::Base64};
use serde::Deserialize;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use crate::{
    Peers,
    limits::{
        CACHED_SERVERS, CONCURRENT_KEY_FETCHES, KEY_FAILURE_LIFE, KEY_FETCH_TIME, KEY_MAX_LIFE,
        MAX_KEYS_BYTES, UNKNOWN_KEY_INTERVAL,
    },
    reply,
};

/// Where a server publishes its keys.
const KEYS_PATH: &str = "/_matrix/key/v2/server";

/// The prefix of the ids of keys that are understood here.
const ED25519: &str = "ed25519:";

/// Knows other servers' keys, by asking the servers themselves. Cheap to clone; clones share what they know.
///
/// Keys are remembered in this process only. A table that other processes share, and a notary that is asked for a server
/// that is down, both belong into `Inner::fetch`, behind this type: callers will not notice.
#[derive(Clone)]
pub struct ServerKeys(Arc<Inner>);

struct Inner {
    peers: Peers,
    clock: Clock,
    fetches: Semaphore,
    known: Cache<OwnedServerName, Known>,
}

/// What is known of one server.
#[derive(Clone)]
struct Known {
    keys: Arc<Keys>,
    asked_at: Timestamp,
    /// When to ask again, whatever is known.
    refresh_at: Timestamp,
    /// Why the last asking brought nothing, if it did not.
    failure: Option<String>,
}

/// Public keys by their ids, such as `ed25519:a_abcd`.
#[derive(Default)]
struct Keys {
    by_id: BTreeMap<String, Vec<u8>>,
    valid_until: Timestamp,
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
        let inner = &self.0;
        let now = inner.clock.now();
        let before = inner.known.get(origin).await;
        let known = inner
            .known
            .entry(origin.to_owned())
            .or_insert_with_if(Box::pin(inner.ask(origin, before)), |known| known.is_stale(key_id, now))
            .await
            .into_value();
        match (known.keys.get(key_id, now), known.failure) {
            (Some(key), _) => Ok(key.clone()),
            (None, Some(failure)) => Err(KeyError::Unavailable(failure)),
            (None, None) => Err(KeyError::UnknownKey),
        }
    }
}

impl Inner {
    /// Asks; when that fails, what was known `before` stays known as long as it is valid.
    async fn ask(&self, origin: &ServerName, before: Option<Known>) -> Known {
        let asked_at = self.clock.now();
        match self.fetch(origin).await {
            Ok(keys) => {
                // However short the keys live, an origin is not asked on every request.
                let rest = (keys.valid_until.since(asked_at) / 2).max(UNKNOWN_KEY_INTERVAL);
                Known { keys: Arc::new(keys), asked_at, refresh_at: asked_at + rest, failure: None }
            }
            Err(failure) => {
                tracing::info!(media.origin = %origin, failure, "The keys of a server cannot be had");
                let keys = before.map(|known| known.keys).unwrap_or_default();
                Known { keys, asked_at, refresh_at: asked_at + KEY_FAILURE_LIFE, failure: Some(failure) }
            }
        }
    }

    async fn fetch(&self, origin: &ServerName) -> Result<Keys, String> {
        let deadline = Instant::now() + KEY_FETCH_TIME;
        let _permit = timeout_at(deadline, self.fetches.acquire())
            .await
            .map_err(|_| "too many servers are asked for their keys at once".to_owned())?;
        let (_, response) =
            self.peers.get(origin, KEYS_PATH, None, deadline).await.map_err(|error| error.to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("it answers {}", response.status()));
        }
        let body = reply::read(response, MAX_KEYS_BYTES).await?;
        read(&body, origin, self.clock.now())
    }
}

impl Known {
    fn is_stale(&self, key_id: &str, now: Timestamp) -> bool {
        let asks_for_news =
            self.keys.get(key_id, now).is_none() && now.since(self.asked_at) >= UNKNOWN_KEY_INTERVAL;
        now >= self.refresh_at || asks_for_news
    }
}

impl Keys {
    fn get(&self, key_id: &str, now: Timestamp) -> Option<&Vec<u8>> {
        self.by_id.get(key_id).filter(|_| now < self.valid_until)
    }
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

/// Reads a server's own reply: for the right server, not expired, and signed with at least one of the keys in it and
/// with none of them wrongly.
fn read(body: &[u8], origin: &ServerName, now: Timestamp) -> Result<Keys, String> {
    let object: CanonicalJsonObject = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let document: Document = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if document.server_name != origin.as_str() {
        return Err("it publishes the keys of another server".to_owned());
    }
    let valid_until = Timestamp(document.valid_until_ts).min(now + KEY_MAX_LIFE);
    if valid_until <= now {
        return Err("its keys have expired".to_owned());
    }
    let by_id: BTreeMap<_, _> = document
        .verify_keys
        .into_iter()
        .filter(|(id, _)| id.starts_with(ED25519))
        .map(|(id, key)| (id, key.key.into_inner()))
        .collect();
    let signatures = document.signatures.get(origin.as_str()).cloned().unwrap_or_default();
    check_signatures(&object, &signatures, &by_id)?;
    Ok(Keys { by_id, valid_until })
}

fn check_signatures(
    object: &CanonicalJsonObject,
    signatures: &BTreeMap<String, CanonicalJsonValue>,
    keys: &BTreeMap<String, Vec<u8>>,
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
            key,
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
