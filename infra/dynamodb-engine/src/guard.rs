//! The engine for callers with policies: what a caller may not do is refused as DynamoDB refuses it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use engine_host::{
    Policies,
    policies::{self, Denied},
};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Error;
use serde_json::{Value, json};
use tower::{Service, ServiceExt as _};

use crate::{Forward, permissions};

/// The longest body that is read: what DynamoDB takes of a batch (API reference, BatchWriteItem).
const LONGEST_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Stands in front of an engine. Who a caller is goes by what it says: the engine verifies no signatures.
#[derive(Clone, Debug)]
pub struct Guard {
    policies: Policies,
    owner: String,
    engine: Forward<Full<Bytes>>,
}

impl Guard {
    /// A guard by these policies in front of `engine`; the access key `owner` may do everything.
    #[must_use]
    pub fn new(policies: Policies, owner: impl Into<String>, engine: Forward<Full<Bytes>>) -> Self {
        Self { policies, owner: owner.into(), engine }
    }

    fn admit(&self, headers: &HeaderMap, body: &Bytes) -> Result<(), Refusal> {
        let access_key = policies::access_key(headers).unwrap_or_default();
        if access_key == self.owner {
            return Ok(());
        }
        if self.policies.secret_of(access_key).is_none() {
            return Err(Refusal::Unknown);
        }
        let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        // A body that is no JSON names nothing, and is the engine's to refuse from whoever may do anything.
        let body = serde_json::from_slice(body).unwrap_or(Value::Null);
        for need in permissions::needs(operation, &body) {
            self.policies.permit(access_key, &need.action, &need.resource).map_err(Refusal::Denied)?;
        }
        Ok(())
    }
}

/// Why a request does not reach the engine.
enum Refusal {
    Unknown,
    Denied(Denied),
    TooLong,
}

impl Refusal {
    /// In the AWS JSON 1.0 protocol; which of the two spellings of "message" it is depends on the error, as with AWS.
    fn response<B>(&self) -> Response<Either<B, Full<Bytes>>> {
        let body = match self {
            Self::Unknown => json!({
                "__type": "com.amazon.coral.service#UnrecognizedClientException",
                "message": "The security token included in the request is invalid.",
            }),
            Self::Denied(denied) => json!({
                "__type": "com.amazon.coral.service#AccessDeniedException",
                "Message": denied.to_string(),
            }),
            Self::TooLong => json!({
                "__type": "com.amazon.coral.service#SerializationException",
                "Message": "The request cannot be read to its end.",
            }),
        };
        let mut response = Response::new(Either::Right(Full::from(body.to_string())));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        let json = header::HeaderValue::from_static("application/x-amz-json-1.0");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

impl Service<Request<Incoming>> for Guard {
    type Response = Response<Either<Incoming, Full<Bytes>>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let guard = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let Ok(body) = Limited::new(body, LONGEST_BODY_BYTES).collect().await else {
                return Ok(Refusal::TooLong.response());
            };
            let body = body.to_bytes();
            if let Err(refusal) = guard.admit(&parts.headers, &body) {
                return Ok(refusal.response());
            }
            let request = Request::from_parts(parts, Full::from(body));
            Ok(guard.engine.oneshot(request).await?.map(Either::Left))
        })
    }
}
