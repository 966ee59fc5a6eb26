//! One line per request, written when the last byte of its answer is gone.

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
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use storage::SdkCalls;

/// The middleware. The route's pattern is logged, never the path: a path may hold a file name, a query a token.
pub async fn log(request: Request, next: Next) -> Response {
    let received = Arc::new(AtomicU64::new(0));
    let calls = SdkCalls::default();
    let mut line = Line {
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
    let response = calls.counting(next.run(request)).await;
    line.status = response.status();
    // An empty body may never be asked for anything.
    line.ended = http_body::Body::is_end_stream(response.body());
    response.map(|body| Body::new(Logged { body, line }))
}

/// What is known of a request by its end; written when dropped, so also when the client went away.
struct Line {
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
        tracing::info!(
            method = %self.method,
            route = %self.route,
            status = self.status.as_u16(),
            duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            received_bytes = self.received.load(Ordering::Relaxed),
            sent_bytes = self.sent_bytes,
            sdk_calls = self.calls.total(),
            complete = self.ended,
            "Answered {} {}",
            self.method,
            self.route,
        );
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
