//! The front: every request comes in here, every answer leaves with a number on it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use s3s::{Body, S3Error, S3ErrorCode, StdError};
use tower::{Layer as _, Service};
use tower_http::cors::{AllowHeaders, Any, Cors, CorsLayer};

use crate::error::OpenError;
use crate::gate::{self, Admitted};
use crate::options::Clock;
use crate::signed;
use crate::store::Store;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const REQUEST_ID_2: HeaderName = HeaderName::from_static("x-amz-id-2");

/// The engine's HTTP interface. Cheap to clone; takes any body.
#[derive(Clone)]
pub struct S3Service {
    desk: Cors<Desk>,
}

type Answering<E> = Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>>;

impl S3Service {
    pub(crate) fn new(store: &Arc<Store>) -> Result<Self, OpenError> {
        let desk = Desk {
            service: signed::service(store)?,
            response_headers: Arc::new(store.options.response_headers.clone()),
            now_ms: Arc::clone(&store.options.now_ms),
        };
        Ok(Self { desk: cors().layer(desk) })
    }
}

impl<B> Service<Request<B>> for S3Service
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering<Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut request = request.map(|body| Body::http_body_unsync(body.map_err(Into::into)));
        let id = RequestId::new();
        request.extensions_mut().insert(id.clone());
        let mut desk = self.desk.clone();
        Box::pin(async move {
            let mut response = desk.call(request).await?;
            response.headers_mut().insert(REQUEST_ID, header(id.short()));
            response.headers_mut().insert(REQUEST_ID_2, header(id.long()));
            Ok(response)
        })
    }
}

impl std::fmt::Debug for S3Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Service").finish_non_exhaustive()
    }
}

/// The two numbers by which a request can be asked after.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestId {
    short: String,
    long: String,
}

impl RequestId {
    fn new() -> Self {
        let random: [u8; 32] = rand::random();
        Self { short: hex::encode_upper(&random[..8]), long: BASE64.encode(&random[8..]) }
    }

    pub(crate) fn short(&self) -> &str {
        &self.short
    }

    pub(crate) fn long(&self) -> &str {
        &self.long
    }
}

/// Turns away what S3 turns away before it looks at the signature, and finishes the answers to the rest.
#[derive(Clone)]
struct Desk {
    service: s3s::service::S3Service,
    response_headers: Arc<HeaderMap>,
    now_ms: Clock,
}

impl Service<Request<Body>> for Desk {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering<Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let desk = self.clone();
        Box::pin(async move { Ok(desk.answer(request).await) })
    }
}

impl Desk {
    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let method = request.method().clone();
        let admitted = match gate::admit(&request, (self.now_ms)()) {
            Ok(admitted) => admitted,
            Err(refusal) => return without_forbidden_body(&method, refused(refusal)),
        };
        let response = self.service.call(request).await.unwrap_or_else(|error| {
            let error: StdError = error.into();
            tracing::error!(%error, "The S3 protocol layer failed: {error}");
            refused(S3Error::new(S3ErrorCode::InternalError))
        });
        let mut response = without_forbidden_body(&method, response);
        if admitted == Admitted::PresignedRead && is_content(response.status()) {
            let headers = response.headers_mut();
            headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
            for (name, value) in self.response_headers.iter() {
                headers.insert(name, value.clone());
            }
        }
        response
    }
}

fn is_content(status: StatusCode) -> bool {
    status.is_success() || status == StatusCode::NOT_MODIFIED
}

/// The answer to a refused request.
fn refused(refusal: S3Error) -> Response<Body> {
    refusal.to_http_response().unwrap_or_else(|_| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

/// A 304 has no body, and the answer to a HEAD request has none even when it is an error (RFC 9110, section 6.4.1).
fn without_forbidden_body(method: &Method, mut response: Response<Body>) -> Response<Body> {
    if response.status() == StatusCode::NOT_MODIFIED {
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(CONTENT_TYPE);
        response.headers_mut().remove(CONTENT_LENGTH);
    } else if method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

/// Any page may use a signed link: the signature is the permission.
fn cors() -> CorsLayer {
    let exposed = [
        ACCEPT_RANGES,
        CONTENT_DISPOSITION,
        CONTENT_ENCODING,
        CONTENT_LENGTH,
        CONTENT_RANGE,
        CONTENT_TYPE,
        ETAG,
        LAST_MODIFIED,
        REQUEST_ID,
        REQUEST_ID_2,
    ];
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed)
}

/// Hexadecimal and Base64 are valid header values.
fn header(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
}
