//! What every answer has in common: CORS, JSON for unknown paths and methods, a 500 for a panic.

use std::{any::Any, time::Duration};

use axum::{
    Router,
    middleware::{from_fn_with_state, map_response},
    response::{IntoResponse as _, Response},
};
use http::{HeaderName, HeaderValue, Method, header};
use media_core::Refusal;
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{Any as Anyone, CorsLayer},
};

use crate::{Error, Front, error::internal_error, front};

/// How long a browser may remember a preflight answer.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(24);

/// Closes a router of the protocol: nothing that a client sees is ever without JSON or CORS.
///
/// Whoever does not come through `front` is refused before anything else. But for `OPTIONS`: that is answered on every path,
/// needs no token and runs nothing (client-server API, "Web browser clients").
pub fn finish(routes: Router, front: &Front) -> Router {
    routes
        .fallback(async || Error::from(Refusal::UnrecognizedPath))
        .method_not_allowed_fallback(async || Error::from(Refusal::UnrecognizedMethod))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(front.clone(), front::admit))
        .layer(map_response(harden))
        .layer(cors())
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Anyone)
        .allow_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
        ])
        .allow_headers([
            HeaderName::from_static("x-requested-with"),
            header::CONTENT_TYPE,
            header::AUTHORIZATION,
            header::DATE,
            header::RANGE,
        ])
        .max_age(PREFLIGHT_MAX_AGE)
}

/// What everybody is told when a request got to no router: a 500 with all that [`finish`] adds.
#[must_use]
pub fn unanswered() -> Response {
    let mut response = hardened(internal_error());
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

async fn harden(response: Response) -> Response {
    hardened(response)
}

fn hardened(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
    response
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message =
        panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = message.unwrap_or("(no message)"), "A handler panicked");
    internal_error().into_response()
}
