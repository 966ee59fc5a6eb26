//! Lambda's loop: a router behind a function URL, or a handler of events.

use std::net::SocketAddr;

use axum::{Router, extract::Request};
use lambda_http::request::RequestContext;
use lambda_runtime::LambdaEvent;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, request_log};

/// Answers HTTP until Lambda ends the process. Responses are buffered: a redirect without a body would hang in
/// streaming mode, and no function here sends many bytes itself.
pub async fn serve(routes: Router) -> Result<(), Error> {
    let routes = matrix::layers::finish(routes)
        .layer(axum::middleware::from_fn(request_log::log))
        .layer(axum::middleware::map_request(tell_address));
    lambda_http::run(routes).await
}

/// Says who connected, as a socket would: `matrix::Caller` looks there.
async fn tell_address(mut request: Request) -> Request {
    let address = match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
        _ => None,
    };
    if let Some(address) = address.and_then(|address| address.parse().ok()) {
        request.extensions_mut().insert(SocketAddr::new(address, 0));
    }
    request
}

/// Handles events until Lambda ends the process.
pub async fn on_event<E, A, F>(handle: impl Fn(E) -> F) -> Result<(), Error>
where
    E: DeserializeOwned,
    A: Serialize,
    F: Future<Output = Result<A, Error>>,
{
    lambda_runtime::run(lambda_runtime::service_fn(|event: LambdaEvent<E>| handle(event.payload))).await
}
