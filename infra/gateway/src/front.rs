//! The one port: the protocol under `/_matrix`, signed links under the bucket's name, and how it is under `/health`.

use axum::{
    Router,
    body::Body,
    extract::Request,
    middleware::from_fn_with_state,
    response::{IntoResponse as _, Response},
    routing::any,
};
use http::{StatusCode, header};
use matrix::{Error, layers};
use media_core::Refusal;
use runtime::{Deps, request_log};
use tower::ServiceExt as _;

use crate::{
    development,
    engines::Engines,
    health::{self, Health},
};

/// Everything that answers.
pub(crate) fn router(deps: &Deps, functions: Router, engines: Option<&Engines>, health: &Health) -> Router {
    let (routes, health) = (media(deps, functions, engines), health.clone());
    // Without a log line: balancers ask every few seconds.
    Router::new().fallback(async move |request: Request| {
        if health::is_asked(&request) { Ok(health.answer().await) } else { routes.oneshot(request).await }
    })
}

/// All that is about media, each request with its log line.
fn media(deps: &Deps, functions: Router, engines: Option<&Engines>) -> Router {
    let protocol = functions.merge(development::published_keys(deps));
    let log = || from_fn_with_state(deps.observer.clone(), request_log::log);
    let protocol = layers::finish(protocol, &deps.config.front).layer(log());
    let Some(engines) = engines else { return protocol };
    let bucket = format!("/{}/", deps.config.store.bucket);
    let links = signed_links(&bucket, engines).layer(log());
    // Everything of the engine that is no signed link is as unknown here as any other path.
    Router::new().fallback(async move |request: Request| {
        let routes = if is_signed_link(&request, &bucket) { links } else { protocol };
        routes.oneshot(request).await
    })
}

/// The embedded S3 engine, for objects of the one bucket.
fn signed_links(bucket: &str, engines: &Engines) -> Router {
    let engine = engines.s3_service();
    let answer = async move |request: Request| match engine.oneshot(request).await {
        Ok(response) => in_words_of_matrix(response.map(Body::new)),
        Err(never) => match never {},
    };
    Router::new().route(&format!("{bucket}{{*key}}"), any(answer))
}

/// What S3 says in XML, said to clients of Matrix as everything else is; the status and the other headers stay.
fn in_words_of_matrix(response: Response) -> Response {
    let refusal = match response.status() {
        StatusCode::BAD_REQUEST => Refusal::LinkWithToken,
        StatusCode::FORBIDDEN => Refusal::DeadLink,
        StatusCode::NOT_FOUND => Refusal::NotFound,
        StatusCode::PRECONDITION_FAILED => Refusal::PreconditionFailed,
        StatusCode::RANGE_NOT_SATISFIABLE => Refusal::RangeBeyondEnd,
        _ => return response,
    };
    let mut said = Error::from(refusal).into_response();
    *said.status_mut() = response.status();
    for (name, value) in response.headers() {
        if !matches!(*name, header::CONTENT_TYPE | header::CONTENT_LENGTH | header::TRANSFER_ENCODING) {
            said.headers_mut().insert(name, value.clone());
        }
    }
    said
}

/// What a browser asks beforehand (`OPTIONS`) carries no signature.
fn is_signed_link(request: &Request, bucket: &str) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.uri().path().starts_with(bucket)
        && (request.method() == http::Method::OPTIONS
            || query.split('&').any(|pair| pair.starts_with("X-Amz-Signature=")))
}
