//! Lambda's loop: a router behind a function URL, whose answers are buffered or streamed, or a handler of events.

use std::{convert::Infallible, net::SocketAddr, panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state, map_request, map_response},
    response::{IntoResponse as _, Response},
};
use futures_util::FutureExt as _;
use http::{HeaderName, HeaderValue, Method, header};
use lambda_http::{
    RequestExt as _,
    request::{LambdaRequest, RequestContext},
};
use lambda_runtime::{
    Context, LambdaEvent, LambdaInvocation, Runtime,
    layers::TracingLayer,
    service_fn,
    tower::{ServiceExt as _, layer::layer_fn},
};
use matrix::layers;
use media_core::{Clock, Refusal, limits::STREAMED_ANSWER_BYTES};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Deadline, Deps, Error, request_log, streamed, url_reply::Reply};

/// By which Lambda says to which trace a request belongs.
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// Answers HTTP until Lambda ends the process, each answer whole (`InvokeMode: BUFFERED`): for answers of at most 6 MB,
/// a third of which is base64 where they are no JSON.
pub async fn serve(deps: &Deps, routes: Router) -> Result<(), Error> {
    let routes = behind_a_url(deps, routes);
    let handle = service_fn(move |LambdaEvent { payload, context }| {
        let routes = routes.clone();
        async move { Ok::<_, Infallible>(Reply::of(answer(routes, payload, context).await.1).await) }
    });
    lambda_runtime::run(handle).await
}

/// The same for a function that also wakes itself: an event that is an `E` goes to `handle`, any other is a request.
pub async fn serve_and_work<E, F>(
    deps: &Deps,
    routes: Router,
    handle: impl Fn(E, Deadline) -> F,
) -> Result<(), Error>
where
    E: DeserializeOwned,
    F: Future<Output = Result<(), Error>>,
{
    let routes = behind_a_url(deps, routes);
    let handle = |LambdaEvent { payload, context }: LambdaEvent<Value>| {
        let routes = routes.clone();
        let ours = E::deserialize(&payload).ok();
        let deadline = Deadline::of_invocation(context.deadline, &deps.clock);
        let work = ours.map(|event| handle(event, deadline));
        // What a handler is made of is deep enough.
        Box::pin(async move {
            let Some(work) = work else {
                // By way of text, which lambda_http insists on.
                let event: LambdaRequest = serde_json::from_str(&payload.to_string())?;
                return Ok::<_, Error>(serde_json::to_value(
                    Reply::of(answer(routes, event, context).await.1).await,
                )?);
            };
            work.await.map(|()| Value::Null)
        })
    };
    lambda_runtime::run(service_fn(handle)).await
}

/// Answers HTTP until Lambda ends the process, each answer as it comes (`InvokeMode: RESPONSE_STREAM`): of at most
/// [`STREAMED_ANSWER_BYTES`].
pub async fn serve_streaming(deps: &Deps, routes: Router) -> Result<(), Error> {
    let routes = behind_a_url(deps, routes.layer(map_response(no_larger_than_a_stream)));
    let (client, clock) = (Arc::new(streamed::client()?), deps.clock.clone());
    let stream = service_fn(move |invocation: LambdaInvocation| {
        let (client, routes, clock) = (Arc::clone(&client), routes.clone(), clock.clone());
        async move {
            let Some(event) = streamed::read(&client, &invocation).await? else { return Ok(()) };
            let context = invocation.context.clone();
            let deadline = Deadline::of_stream(context.deadline, &clock);
            let (method, response) = answer(routes, event, context).await;
            streamed::answer(&client, &invocation, &method, response, deadline).await
        }
    });
    // The handler that a runtime must have is behind ours, which asks nothing of it.
    let nobody = service_fn(async |_: LambdaEvent<serde::de::IgnoredAny>| Ok::<_, Infallible>(()));
    let streaming = Runtime::new(nobody).layer(layer_fn(move |_nobody| stream.clone()));
    streaming.layer(TracingLayer::new()).run().await
}

/// Handles events until Lambda ends the process. The handler is told when it has to be done.
pub async fn on_event<E, A, F>(deps: &Deps, handle: impl Fn(E, Deadline) -> F) -> Result<(), Error>
where
    E: DeserializeOwned,
    A: Serialize,
    F: Future<Output = Result<A, Error>>,
{
    let handle = |LambdaEvent { payload, context }: LambdaEvent<E>| {
        // What a handler is made of is deep enough.
        Box::pin(handle(payload, Deadline::of_invocation(context.deadline, &deps.clock)))
    };
    lambda_runtime::run(service_fn(handle)).await
}

/// What stands around a router where Lambda runs it.
fn behind_a_url(deps: &Deps, routes: Router) -> Router {
    layers::finish(routes.layer(from_fn_with_state(deps.clock.clone(), in_time)), &deps.config.front)
        .layer(from_fn_with_state(deps.observer.clone(), request_log::log))
        .layer(map_request(tell_address))
}

/// The answer to an event, and what it answers. A panic on the way to the router, or on the way back (base64 that is none
/// makes lambda_http panic), is answered like one of a handler, so that the caller gets JSON and the process lives.
async fn answer(routes: Router, event: LambdaRequest, context: Context) -> (Method, Response) {
    let answering = async move {
        let mut request = lambda_http::Request::from(event);
        let trace_id = context.xray_trace_id.as_deref().and_then(|id| HeaderValue::try_from(id).ok());
        request.headers_mut().extend(trace_id.map(|id| (TRACE_ID, id)));
        let method = request.method().clone();
        match routes.oneshot(request.with_lambda_context(context)).await {
            Ok(response) => (method, response),
            Err(never) => match never {},
        }
    };
    AssertUnwindSafe(answering).catch_unwind().await.unwrap_or_else(|_panic| {
        tracing::error!("An event could not be turned into a request");
        (Method::GET, layers::unanswered())
    })
}

/// Answers before Lambda ends the invocation, after which nobody could.
async fn in_time(State(clock): State<Clock>, request: Request, next: Next) -> Response {
    let ends_ms = request.extensions().get::<Context>().map(|context| context.deadline);
    let deadline = ends_ms.map_or(Deadline::NONE, |ends_ms| Deadline::of_invocation(ends_ms, &clock));
    match deadline.within(next.run(request)).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "A request was not answered in time");
            matrix::Error::from(Refusal::OutOfTime).into_response()
        }
    }
}

/// Refuses to begin what Lambda would cut off.
async fn no_larger_than_a_stream(response: Response) -> Response {
    let length = response.headers().get(header::CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_none_or(|length| length <= STREAMED_ANSWER_BYTES) {
        return response;
    }
    matrix::Error::from(Refusal::TooLargeToHandOut { limit_bytes: STREAMED_ANSWER_BYTES }).into_response()
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
