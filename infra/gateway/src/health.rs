//! `GET /health`: whether requests should be sent here, for those who balance load, for containers and for people.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use storage::Store;
use tokio::sync::Mutex;

/// Its path, outside of everything that is Matrix.
const PATH: &str = "/health";

/// How long S3 and DynamoDB may take for a sign of life. Less than whoever asks us waits: five seconds, as a rule.
const LOOK_TIME: Duration = Duration::from_secs(3);

/// How long what was seen is believed, so that it costs the same however many ask.
const BELIEVED: Duration = Duration::from_secs(1);

/// How the gateway is. Clones share it.
#[derive(Clone)]
pub(crate) struct Health(Arc<Inner>);

struct Inner {
    store: Store,
    leaving: AtomicBool,
    /// Locked while somebody looks; whoever asks meanwhile waits for what they see.
    seen: Mutex<Option<Seen>>,
}

struct Seen {
    at: Instant,
    silent: Vec<&'static str>,
}

/// Whether a request is for here. Other methods on the path are as unknown as other paths.
pub(crate) fn is_asked(request: &Request) -> bool {
    request.uri().path() == PATH && matches!(*request.method(), Method::GET | Method::HEAD)
}

impl Health {
    pub(crate) fn of(store: &Store) -> Self {
        let store = store.clone();
        Self(Arc::new(Inner { store, leaving: AtomicBool::new(false), seen: Mutex::new(None) }))
    }

    /// From now on it says that nothing more should be sent here.
    pub(crate) fn leave(&self) {
        self.0.leaving.store(true, Ordering::SeqCst);
    }

    /// `200`, or `503` with a reason. The reason names no host, no bucket and no error: everybody may ask.
    pub(crate) async fn answer(&self) -> Response {
        if self.0.leaving.load(Ordering::SeqCst) {
            return unwell(json!({ "status": "stopping", "reason": "this gateway was told to stop" }));
        }
        let silent = self.silent().await;
        if silent.is_empty() {
            return answer(StatusCode::OK, json!({ "status": "ok" }));
        }
        let reason = format!("no answer from {}", silent.join(", "));
        unwell(json!({ "status": "unavailable", "reason": reason }))
    }

    /// What does not answer, as seen a moment ago at most.
    async fn silent(&self) -> Vec<&'static str> {
        let mut seen = self.0.seen.lock().await;
        if let Some(Seen { at, silent }) = &*seen
            && at.elapsed() < BELIEVED
        {
            return silent.clone();
        }
        // Three calls of the SDK, which every other request would have to make room for.
        let found = Box::pin(self.0.store.silent(LOOK_TIME)).await;
        let silent: Vec<_> = found.iter().map(|silent| silent.what).collect();
        let before = seen.replace(Seen { at: Instant::now(), silent: silent.clone() });
        // Said once when it begins and once when it ends, not at every look.
        let before = before.map(|seen| seen.silent).unwrap_or_default();
        for silent in found.iter().filter(|silent| !before.contains(&silent.what)) {
            tracing::error!(error = %silent.why, "Health: no answer from {}", silent.what);
        }
        if silent.is_empty() && !before.is_empty() {
            tracing::info!("Health: everything answers again");
        }
        silent
    }
}

fn unwell(said: Value) -> Response {
    answer(StatusCode::SERVICE_UNAVAILABLE, said)
}

fn answer(status: StatusCode, said: Value) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(said)).into_response()
}
