//! An answer as it comes: its head in JSON, eight zero bytes, then its bytes; what breaks it off stands in the trailers.
//!
//! Not as `lambda_runtime` sends it: there what went wrong half-way becomes part of the bytes, and the end looks like a good
//! one. Nor does its connection know TCP_NODELAY, so that a small answer waits 40 ms for an acknowledgement.

use std::panic::AssertUnwindSafe;

use axum::{
    body::{Body, BodyDataStream},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::{FutureExt as _, Stream, StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body::Frame;
use http_body_util::StreamBody;
use lambda_http::request::LambdaRequest;
use lambda_runtime::LambdaInvocation;
use lambda_runtime_api_client::{Client, body::Body as ApiBody, build_request};
use serde_json::json;

use crate::{Deadline, Error, url_reply::Head};

/// Between the head and the bytes.
const DELIMITER: [u8; 8] = [0; 8];

/// What stands for no body: of a streamed answer without one the head is never sent, until the time is up. Where HTTP
/// allows none (HEAD, 304) nobody gets to see it.
const SOMETHING: &str = "{}";

/// Which invocation of a process that was frozen meanwhile an answer is for; given back as it came.
const INVOCATION_ID: HeaderName = HeaderName::from_static("lambda-runtime-invocation-id");

const RESPONSE_MODE: HeaderName = HeaderName::from_static("lambda-runtime-function-response-mode");
const ERROR_TYPE: HeaderName = HeaderName::from_static("lambda-runtime-function-error-type");
const ERROR_BODY: HeaderName = HeaderName::from_static("lambda-runtime-function-error-body");

/// A connection to the Runtime API that does not wait for acknowledgements.
pub(crate) fn client() -> Result<Client, Error> {
    let mut connector = hyper_util::client::legacy::connect::HttpConnector::new();
    connector.set_nodelay(true);
    Ok(Client::builder().with_connector(connector).build()?)
}

/// The event of an invocation; `None` when it is none that we know, of which Lambda has been told.
pub(crate) async fn read(
    client: &Client,
    invocation: &LambdaInvocation,
) -> Result<Option<LambdaRequest>, Error> {
    let error = match serde_json::from_slice(&invocation.body) {
        Ok(event) => return Ok(Some(event)),
        Err(error) => error,
    };
    tracing::error!(%error, "An event is none of a function URL");
    let told = json!({ "errorType": "Runtime.UnknownEvent", "errorMessage": error.to_string() });
    let request = to_lambda(invocation, "error").header(ERROR_TYPE, "Runtime.UnknownEvent");
    send(client, request.body(ApiBody::from(told.to_string()))?).await;
    Ok(None)
}

/// Sends an answer to `method` and returns when Lambda has it.
pub(crate) async fn answer(
    client: &Client,
    invocation: &LambdaInvocation,
    method: &Method,
    response: Response,
    deadline: Deadline,
) -> Result<(), Error> {
    let (head, body) = spoken(method, response);
    let head = [serde_json::to_vec(&head)?, DELIMITER.to_vec()].concat();
    let head = stream::iter([Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from(head)))]);
    let body = StreamBody::new(head.chain(frames(body, deadline).map(Ok)));
    let mut request = to_lambda(invocation, "response")
        .header(header::CONTENT_TYPE, "application/vnd.awslambda.http-integration-response")
        .header(header::TRANSFER_ENCODING, "chunked")
        .header(RESPONSE_MODE, "streaming")
        .body(ApiBody::new(body))?;
    for trailer in [ERROR_TYPE, ERROR_BODY] {
        request.headers_mut().append(header::TRAILER, trailer.into());
    }
    send(client, request).await;
    Ok(())
}

/// An answer that has a body, whatever it was.
fn spoken(method: &Method, response: Response) -> (Head, Body) {
    let (mut parts, body) = response.into_parts();
    if !http_body::Body::is_end_stream(&body) {
        return (Head::new(parts.status, &parts.headers), body);
    }
    if *method == Method::GET && parts.status == StatusCode::OK {
        // Something in the place of an empty file would be another file.
        parts.status = StatusCode::NO_CONTENT;
    } else if *method != Method::HEAD {
        let json = HeaderValue::from_static("application/json");
        parts.headers.entry(header::CONTENT_TYPE).or_insert(json);
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    (Head::new(parts.status, &parts.headers), Body::from(SOMETHING))
}

/// The bytes of a body, then the trailers if they broke off: by an error, by a panic, or because there was no time left.
fn frames(body: Body, deadline: Deadline) -> impl Stream<Item = Frame<Bytes>> + Send {
    let next = async move |mut body: BodyDataStream| {
        let piece = match deadline.within(AssertUnwindSafe(body.next()).catch_unwind()).await {
            Ok(Ok(None)) => return None,
            Ok(Ok(Some(piece))) => piece.map_err(|error| error.to_string()),
            Ok(Err(_panic)) => Err("panic".to_owned()),
            Err(out_of_time) => Err(out_of_time.to_string()),
        };
        match piece {
            Ok(bytes) => Some((Frame::data(bytes), Some(body))),
            Err(cause) => {
                tracing::error!(%cause, "A streamed answer broke off");
                Some((Frame::trailers(broken_off()), None))
            }
        }
    };
    stream::unfold(Some(body.into_data_stream()), move |body| async move { next(body?).await })
}

/// What Lambda is told of an answer that broke off; the cause is in the log.
fn broken_off() -> HeaderMap {
    let told = json!({ "errorType": "Runtime.StreamError", "errorMessage": "The answer broke off." });
    // Base64 is ASCII.
    let told = HeaderValue::try_from(STANDARD.encode(told.to_string()));
    let mut trailers = HeaderMap::from_iter([(ERROR_TYPE, HeaderValue::from_static("Runtime.StreamError"))]);
    trailers.extend(told.map(|told| (ERROR_BODY, told)));
    trailers
}

fn to_lambda(invocation: &LambdaInvocation, what: &str) -> http::request::Builder {
    let path = format!("/2018-06-01/runtime/invocation/{}/{what}", invocation.context.request_id);
    let request = build_request().method(Method::POST).uri(path);
    match invocation.parts.headers.get(INVOCATION_ID) {
        Some(id) => request.header(INVOCATION_ID, id),
        None => request,
    }
}

/// What Lambda does not take is written down, no more: whether it is still there the next question to it will show.
async fn send(client: &Client, request: Request<ApiBody>) {
    match client.call(request).await {
        Ok(response) if response.status().is_success() => {}
        Ok(response) => tracing::error!(status = response.status().as_u16(), "Lambda did not take an answer"),
        Err(error) => tracing::error!(%error, "Lambda did not take an answer"),
    }
}
