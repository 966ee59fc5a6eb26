//! Lambda's loop: a router behind a function URL, or a handler of events.

use axum::Router;
use lambda_runtime::LambdaEvent;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, request_log};

/// Answers HTTP until Lambda ends the process. Responses are buffered: a redirect without a body would hang in
/// streaming mode, and no function here sends many bytes itself.
pub async fn serve(routes: Router) -> Result<(), Error> {
    lambda_http::run(matrix::layers::finish(routes).layer(axum::middleware::from_fn(request_log::log))).await
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
