//! Lambda's Runtime API, as a function's process asks it, and what a function URL makes of the answers.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Request, State},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use media_core::Clock;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{Answer, wait::PATIENCE};

/// The most bytes of an event, and of an answer that is not streamed (Lambda quotas, "Invocation payload").
pub const PAYLOAD_BYTES: usize = 6 * 1024 * 1024 + 100;

/// Between the head of a streamed answer and its bytes.
const DELIMITER: [u8; 8] = [0; 8];

/// What the trace of every invocation is said to be.
pub const TRACE_ID: &str =
    "Root=1-6925e7a0-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:fc3b4ff1:0";

/// A Runtime API on the loopback, for one process.
#[derive(Clone)]
pub struct RuntimeApi {
    address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    hand_out: mpsc::UnboundedSender<Invocation>,
    next: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    answers: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
    init_errors: Mutex<Vec<Value>>,
    first_asked: OnceLock<Instant>,
    number: AtomicU64,
}

struct Invocation {
    id: String,
    event: String,
    ends_ms: u64,
}

/// How an invocation ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// With an answer in one piece.
    Buffered(Bytes),
    /// With a streamed one, whatever became of it.
    Streamed(Streamed),
    /// With an error of the function's: what it says.
    Failed(Value),
    /// With more than a reply may hold: so many bytes.
    TooLarge(usize),
}

/// A streamed answer.
#[derive(Clone, Debug)]
pub struct Streamed {
    /// Its status and headers.
    pub prelude: Value,
    /// Its bytes, as far as they came.
    pub body: Bytes,
    /// What the trailers say if it broke off.
    pub broken_off: Option<Value>,
}

impl RuntimeApi {
    /// One that has no event yet.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("an address");
        let (hand_out, next) = mpsc::unbounded_channel();
        let inner = Inner {
            hand_out,
            next: tokio::sync::Mutex::new(next),
            answers: Mutex::default(),
            init_errors: Mutex::default(),
            first_asked: OnceLock::new(),
            number: AtomicU64::new(1),
        };
        let api = Self { address, inner: Arc::new(inner) };
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next_event))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(Arc::clone(&api.inner));
        // Sets TCP_NODELAY.
        tokio::spawn(engine_host::accept(listener, routes, std::future::pending(), Duration::ZERO));
        api
    }

    /// Where it listens: `AWS_LAMBDA_RUNTIME_API`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hands out an event that is to be over after `time`, and waits for what comes of it.
    pub async fn invoke(&self, event: impl Into<String>, time: Duration) -> Outcome {
        let event = event.into();
        assert!(event.len() <= PAYLOAD_BYTES, "Lambda would not take {} bytes", event.len());
        let number = self.inner.number.fetch_add(1, Ordering::SeqCst);
        let id = format!("8476a536-e9f4-11e8-9739-{number:012x}");
        let (answered, answer) = oneshot::channel();
        locked(&self.inner.answers).insert(id.clone(), answered);
        let ends_ms = (Clock::system().now() + time).0;
        self.inner.hand_out.send(Invocation { id, event, ends_ms }).unwrap_or_else(|_| unreachable!("held"));
        timeout(time + PATIENCE, answer).await.expect("an answer in time").expect("an answer")
    }

    /// When the process asked for an event for the first time; `None` before that.
    #[must_use]
    pub fn first_asked(&self) -> Option<Instant> {
        self.inner.first_asked.get().copied()
    }

    /// What processes said when they could not start.
    #[must_use]
    pub fn init_errors(&self) -> Vec<Value> {
        locked(&self.inner.init_errors).clone()
    }
}

impl Outcome {
    /// What a client gets through a function URL. Panics on what a function URL would lose or change.
    #[must_use]
    pub fn over_url(self) -> Answer {
        match self {
            Self::Buffered(bytes) => {
                let reply: Value = serde_json::from_slice(&bytes).expect("a reply in JSON");
                let body = reply["body"].as_str().unwrap_or_default();
                let body = match reply["isBase64Encoded"].as_bool() {
                    Some(true) => STANDARD.decode(body).expect("base64").into(),
                    _ => Bytes::copy_from_slice(body.as_bytes()),
                };
                answer(&reply, body)
            }
            Self::Streamed(Streamed { prelude, body, broken_off: None }) => {
                assert!(!body.is_empty(), "without a byte the head is never sent: {prelude}");
                let answer = answer(&prelude, body);
                // HTTP allows them none.
                let has_no_body = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&answer.status);
                if has_no_body { Answer { body: Bytes::new(), ..answer } } else { answer }
            }
            other => panic!("no answer for a client: {other:?}"),
        }
    }
}

fn answer(head: &Value, body: Bytes) -> Answer {
    let status = head["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
    let status = StatusCode::from_u16(status.expect("a status")).expect("a status");
    let headers = head["headers"].as_object().expect("headers").iter();
    let headers = headers.map(|(name, value)| {
        let value = value.as_str().unwrap_or_else(|| panic!("{name} is no text: {value}"));
        assert!(!value.is_empty() && value.is_ascii(), "{name}: {value:?}");
        let name = name.parse::<HeaderName>().expect("a header's name");
        (name, HeaderValue::from_str(value).expect("a header"))
    });
    Answer { status, headers: headers.collect(), body }
}

/// Waits until there is one, for as long as it takes.
async fn next_event(State(inner): State<Arc<Inner>>) -> Response {
    inner.first_asked.get_or_init(Instant::now);
    let invocation = inner.next.lock().await.recv().await;
    let Some(Invocation { id, event, ends_ms }) = invocation else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let arn = "arn:aws:lambda:eu-central-1:123456789012:function:under-test";
    Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", &id)
        .header("lambda-runtime-invocation-id", &id)
        .header("lambda-runtime-deadline-ms", ends_ms)
        .header("lambda-runtime-trace-id", TRACE_ID)
        .header("lambda-runtime-invoked-function-arn", arn)
        .body(Body::from(event))
        .expect("an answer")
}

async fn response(State(inner): State<Arc<Inner>>, Path(id): Path<String>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let header = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let is_streamed = header("lambda-runtime-function-response-mode") == Some("streaming");
    if header("lambda-runtime-invocation-id") != Some(&id) {
        return StatusCode::GONE.into_response();
    }
    let Ok(collected) = body.collect().await else {
        // The process went away; whoever waits for it sees that nothing comes.
        return StatusCode::BAD_REQUEST.into_response();
    };
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let bytes = collected.to_bytes();
    let (status, outcome) = if is_streamed {
        (StatusCode::ACCEPTED, streamed(&bytes, &trailers))
    } else if bytes.len() > PAYLOAD_BYTES {
        (StatusCode::PAYLOAD_TOO_LARGE, Outcome::TooLarge(bytes.len()))
    } else {
        (StatusCode::ACCEPTED, Outcome::Buffered(bytes))
    };
    ended(&inner, &id, outcome);
    (status, Json(json!({ "status": "OK" }))).into_response()
}

fn streamed(bytes: &Bytes, trailers: &HeaderMap) -> Outcome {
    let at = bytes.windows(DELIMITER.len()).position(|eight| eight == DELIMITER).expect("a delimiter");
    let prelude = serde_json::from_slice(&bytes[..at]).expect("a prelude in JSON");
    let broken_off = trailers.contains_key("lambda-runtime-function-error-type").then(|| {
        let body = trailers.get("lambda-runtime-function-error-body").expect("what went wrong");
        serde_json::from_slice(&STANDARD.decode(body).expect("base64")).expect("JSON")
    });
    Outcome::Streamed(Streamed { prelude, body: bytes.slice(at + DELIMITER.len()..), broken_off })
}

async fn error(State(inner): State<Arc<Inner>>, Path(id): Path<String>, said: Bytes) -> StatusCode {
    ended(&inner, &id, Outcome::Failed(serde_json::from_slice(&said).expect("an error in JSON")));
    StatusCode::ACCEPTED
}

async fn init_error(State(inner): State<Arc<Inner>>, said: Bytes) -> StatusCode {
    locked(&inner.init_errors).push(serde_json::from_slice(&said).expect("an error in JSON"));
    StatusCode::ACCEPTED
}

fn ended(inner: &Inner, id: &str, outcome: Outcome) {
    let answered = locked(&inner.answers).remove(id).expect("an invocation that has not ended");
    // Who has stopped waiting has failed already.
    let _ = answered.send(outcome);
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
