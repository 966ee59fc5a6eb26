//! Another homeserver, as honest as a test wants it: it publishes keys, signs requests with them, and has media.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::get,
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Method, StatusCode, header};
use media_core::{Clock, Mxc, OwnedServerName, Timestamp};
use ruma_common::{
    CanonicalJsonObject,
    serde::{Base64, base64::Standard},
};
use ruma_signatures::Ed25519KeyPair;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use crate::{Answer, Authority, Client, Server};

/// A server named `localhost:<port>`, behind TLS.
pub struct Neighbour {
    /// Its name.
    pub name: OwnedServerName,
    /// What it signs requests with.
    pair: Ed25519KeyPair,
    clock: Clock,
    house: Arc<House>,
}

struct House {
    keys: Mutex<Value>,
    media: Mutex<HashMap<String, Bytes>>,
    /// Bytes of the media that it gives before it waits to be released.
    held_after: Mutex<Option<usize>>,
    released: watch::Sender<bool>,
    asked: Mutex<Vec<String>>,
}

/// What one `Authorization: X-Matrix` says, to be written as a test likes.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Who says to have signed.
    pub origin: String,
    /// For whom.
    pub destination: Option<String>,
    /// The id of the key.
    pub key: String,
    /// In base64.
    pub sig: String,
}

/// The second part of a federation reply, read as strictly as the strictest of servers does.
#[derive(Clone, Debug)]
pub struct SecondPart {
    /// Its header lines, in order.
    pub headers: Vec<String>,
    /// Its body.
    pub body: Bytes,
}

impl Neighbour {
    /// One that publishes its key, valid for an hour of `clock`.
    pub async fn start(authority: &Authority, clock: &Clock) -> Self {
        let front = authority.front("localhost").await;
        let name: OwnedServerName = format!("localhost:{}", front.port()).try_into().expect("a server name");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        front.pass_on_to(listener.local_addr().expect("an address"));
        let house = Arc::new(House {
            keys: Mutex::default(),
            media: Mutex::default(),
            held_after: Mutex::default(),
            released: watch::Sender::new(false),
            asked: Mutex::default(),
        });
        let routes = Router::new()
            .route("/_matrix/key/v2/server", get(keys))
            .route("/_matrix/federation/v1/media/download/{mediaId}", get(download))
            .layer(from_fn_with_state(Arc::clone(&house), note))
            .with_state(Arc::clone(&house));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let neighbour = Self { name, pair: new_key("a_1"), clock: clock.clone(), house };
        neighbour.publishes_its_key_until(clock.now() + Duration::from_hours(1));
        neighbour
    }

    /// From now on its key is valid until then.
    pub fn publishes_its_key_until(&self, valid_until: Timestamp) {
        let document = json!({
            "server_name": self.name,
            "valid_until_ts": valid_until.0,
            "verify_keys": { "ed25519:a_1": { "key": public(&self.pair) } },
            "old_verify_keys": {},
        });
        *lock(&self.house.keys) = signed(&self.name, &self.pair, document);
    }

    /// From now on another key is valid; the one that it goes on to sign with is listed as an old one.
    pub fn retires_its_key(&self) {
        let now = self.clock.now();
        let (newer, old) = (new_key("b_2"), json!({ "key": public(&self.pair), "expired_ts": now.0 }));
        let document = json!({
            "server_name": self.name,
            "valid_until_ts": (now + Duration::from_hours(1)).0,
            "verify_keys": { "ed25519:b_2": { "key": public(&newer) } },
            "old_verify_keys": { "ed25519:a_1": old },
        });
        let document = signed(&self.name, &newer, document);
        *lock(&self.house.keys) = signed(&self.name, &self.pair, document);
    }

    /// Its signature of a request to `destination` without a body. `target` is the path with its query, byte for byte.
    #[must_use]
    pub fn sign(&self, method: &Method, target: &str, destination: &str) -> Signature {
        let request = json!({
            "method": method.as_str(),
            "uri": target,
            "origin": self.name,
            "destination": destination,
        });
        let signed = signed(&self.name, &self.pair, request);
        let sig = signed["signatures"][self.name.as_str()]["ed25519:a_1"].as_str().expect("a signature");
        Signature {
            origin: self.name.to_string(),
            destination: Some(destination.to_owned()),
            key: "ed25519:a_1".to_owned(),
            sig: sig.to_owned(),
        }
    }

    /// Gets `target` of a server as honest servers do, with headers of the test's own.
    pub async fn asks_with(
        &self,
        server: &Server,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let signature = self.sign(&method, target, server.name());
        let request = server.stranger().request(method, target).header("authorization", signature.usual());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Answer::of(request).await
    }

    /// Gets `target` of a server.
    pub async fn asks(&self, server: &Server, target: &str) -> Answer {
        self.asks_with(server, Method::GET, target, &[]).await
    }

    /// From now on it has these bytes.
    pub fn has(&self, media_id: &str, bytes: impl Into<Bytes>) -> Mxc {
        lock(&self.house.media).insert(media_id.to_owned(), bytes.into());
        Mxc::parse(self.name.as_str(), media_id).expect("a media id")
    }

    /// From now on it gives that many bytes of its media, and keeps the rest back.
    pub fn holds_back_after(&self, bytes: usize) {
        *lock(&self.house.held_after) = Some(bytes);
        self.house.released.send_replace(false);
    }

    /// Gives what it kept back, and keeps nothing back any more.
    pub fn releases(&self) {
        self.house.released.send_replace(true);
    }

    /// What it was asked for, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        lock(&self.house.asked).clone()
    }

    /// How often it was asked for media.
    #[must_use]
    pub fn asked_for_media(&self) -> usize {
        self.asked().iter().filter(|target| target.contains("/media/")).count()
    }
}

impl Signature {
    /// The whole header in the usual form.
    #[must_use]
    pub fn usual(&self) -> String {
        let Self { origin, key, sig, .. } = self;
        match &self.destination {
            Some(to) => format!(r#"X-Matrix origin="{origin}",destination="{to}",key="{key}",sig="{sig}""#),
            None => format!(r#"X-Matrix origin="{origin}",key="{key}",sig="{sig}""#),
        }
    }
}

impl SecondPart {
    /// Takes an answer apart; panics on any byte that some server in use would stumble over.
    #[must_use]
    pub fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let content_type = answer.header("content-type");
        let boundary =
            content_type.strip_prefix("multipart/mixed; boundary=").expect("boundary last, unquoted");
        assert!(boundary.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_eq!(answer.header("content-length"), answer.body.len().to_string(), "of the whole body");
        let open = format!("--{boundary}\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--{boundary}\r\n");
        let close = format!("\r\n--{boundary}--\r\n");
        let part = answer.body.strip_prefix(open.as_bytes()).expect("the first part");
        let part = part.strip_suffix(close.as_bytes()).expect("the end");
        let end = part.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of the headers");
        let headers = std::str::from_utf8(&part[..end]).expect("headers in ASCII");
        Self {
            headers: headers.split("\r\n").map(ToOwned::to_owned).collect(),
            body: Bytes::copy_from_slice(&part[end + 4..]),
        }
    }

    /// Where the media is, if it is not here: then there is no other header and no body.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        let [only] = &self.headers[..] else { return None };
        let location = only.strip_prefix("Location: ")?;
        assert!(location.starts_with("http://") || location.starts_with("https://"), "absolute: {location}");
        assert!(self.body.is_empty());
        Some(location)
    }

    /// What a plain GET without any authorization finds behind the link.
    pub async fn follow(&self) -> Answer {
        let location = self.location().expect("a link");
        Answer::of(Client::new("", None).request(Method::GET, location)).await
    }
}

async fn keys(State(house): State<Arc<House>>) -> Json<Value> {
    Json(lock(&house.keys).clone())
}

async fn download(State(house): State<Arc<House>>, Path(media_id): Path<String>) -> Response {
    let Some(bytes) = lock(&house.media).get(&media_id).cloned() else {
        let body = json!({ "errcode": "M_NOT_FOUND", "error": "There is no such media here." });
        return (StatusCode::NOT_FOUND, Json(body)).into_response();
    };
    let now = lock(&house.held_after).unwrap_or(bytes.len()).min(bytes.len());
    let mut first =
        b"--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nContent-Type: a/b\r\n\r\n".to_vec();
    first.extend(&bytes[..now]);
    let rest = bytes.slice(now..);
    let mut released = house.released.subscribe();
    let last = async move {
        if !rest.is_empty() {
            drop(released.wait_for(|released| *released).await);
        }
        [&rest[..], b"\r\n--b--\r\n"].concat().into()
    };
    let pieces = stream::iter([Bytes::from(first)]).chain(stream::once(last));
    let body = Body::from_stream(pieces.map(Ok::<Bytes, Infallible>));
    ([(header::CONTENT_TYPE, "multipart/mixed; boundary=b")], body).into_response()
}

async fn note(State(house): State<Arc<House>>, request: Request, next: Next) -> Response {
    let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    lock(&house.asked).push(target);
    next.run(request).await
}

fn new_key(version: &str) -> Ed25519KeyPair {
    Ed25519KeyPair::from_der(&Ed25519KeyPair::generate(), version.to_owned()).expect("a key")
}

fn public(pair: &Ed25519KeyPair) -> String {
    Base64::<Standard, _>::new(pair.public_key()).encode()
}

/// The same object with a signature more.
fn signed(by: &OwnedServerName, pair: &Ed25519KeyPair, object: Value) -> Value {
    let mut object: CanonicalJsonObject = serde_json::from_value(object).expect("canonical JSON");
    ruma_signatures::sign_json(by.as_str(), pair, &mut object).expect("a signature");
    serde_json::to_value(object).expect("JSON")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
