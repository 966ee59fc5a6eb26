//! One line per request, written when the last byte of its answer is gone: in the log, or as figures where those are wanted.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Instant,
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use serde_json::{Map, json};
use storage::SdkCalls;
use telemetry::{Metric, Work};

use crate::{Observer, observer::milliseconds};

/// The middleware. The route's pattern is logged, never the path: a path may hold a file name, a query a token.
pub async fn log(State(observer): State<Observer>, request: Request, next: Next) -> Response {
    let received = Arc::new(AtomicU64::new(0));
    let calls = SdkCalls::default();
    let work = observer.request(request.headers());
    let mut line = Line {
        observer,
        work: work.clone(),
        method: request.method().clone(),
        route: request
            .extensions()
            .get::<MatchedPath>()
            .map_or_else(|| "-".into(), |path| path.as_str().into()),
        status: StatusCode::OK,
        started: Instant::now(),
        received: Arc::clone(&received),
        sent_bytes: 0,
        calls: calls.clone(),
        ended: false,
    };
    let request = request.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            received.fetch_add(bytes as u64, Ordering::Relaxed);
            frame
        }))
    });
    let response = calls.counting(work.run(next.run(request))).await;
    line.status = response.status();
    // An empty body may never be asked for anything.
    line.ended = http_body::Body::is_end_stream(response.body());
    response.map(|body| Body::new(Logged { body, line }))
}

/// What is known of a request by its end; written when dropped, so also when the client went away.
struct Line {
    observer: Observer,
    work: Work,
    method: Method,
    route: Box<str>,
    status: StatusCode,
    started: Instant,
    received: Arc<AtomicU64>,
    sent_bytes: u64,
    calls: SdkCalls,
    ended: bool,
}

impl Drop for Line {
    fn drop(&mut self) {
        let duration_ms = milliseconds(self.started);
        let received_bytes = self.received.load(Ordering::Relaxed);
        if self.observer.is_counting() {
            self.count(duration_ms, received_bytes);
            let mut properties = Map::new();
            for (name, value) in [
                ("method", json!(self.method.as_str())),
                ("route", json!(self.route)),
                ("status", json!(self.status.as_u16())),
                ("duration_ms", json!(duration_ms)),
                ("complete", json!(self.ended)),
            ] {
                properties.insert(name.to_owned(), value);
            }
            let sentence = format!("Answered {} {}", self.method, self.route);
            self.observer.ended(&self.work, &self.calls, properties, &sentence);
            return;
        }
        tracing::info!(
            method = %self.method,
            route = %self.route,
            status = self.status.as_u16(),
            duration_ms,
            received_bytes,
            sent_bytes = self.sent_bytes,
            sdk_calls = self.calls.total(),
            complete = self.ended,
            trace_id = %self.work.trace(),
            "Answered {} {}",
            self.method,
            self.route,
        );
    }
}

impl Line {
    fn count(&self, duration_ms: u64, received_bytes: u64) {
        for (metric, by) in [
            (Metric::Requests, 1),
            (Metric::ClientErrors, u64::from(self.status.is_client_error())),
            (Metric::Faults, u64::from(self.status.is_server_error())),
            // A figure of zero would be left out, and the quickest answers with it.
            (Metric::Latency, duration_ms.max(1)),
            (Metric::BytesReceived, received_bytes),
            (Metric::BytesSent, self.sent_bytes),
        ] {
            self.work.count(metric, by);
        }
    }
}

/// A body that carries its request's line to the end.
struct Logged {
    body: Body,
    line: Line,
}

impl http_body::Body for Logged {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.line.sent_bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
                self.line.ended = self.body.is_end_stream();
            }
            Poll::Ready(None) => self.line.ended = true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
