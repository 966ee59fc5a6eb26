//! Lambda's Invoke on the gateway's own loopback: how one function wakes another where there is no Lambda.
//!
//! Readers call it through the same SDK as in the cloud. An order that is lost with the process is lost like one that
//! Lambda dropped: its lease expires and another reader sends again.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
    routing::post,
};
use http::{HeaderMap, StatusCode, header};
use runtime::{Config, Deps};
use serde_json::json;
use storage::functions::FetchOrder;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::task::TaskTracker;

use crate::StartError;

/// Orders carried out at the same time; each holds up to three parts of an upload in memory.
const ORDERS_AT_ONCE: usize = 16;

/// Orders accepted at the same time, those under way included. Lambda, too, refuses what it cannot queue.
const ORDERS_ACCEPTED: usize = 1000;

/// Opens the endpoint where the functions run in this process, and tells them where it is.
pub(crate) async fn listen(config: &mut Config) -> Result<Option<TcpListener>, StartError> {
    if config.store.credentials.is_none() {
        return Ok(None);
    }
    let listener = crate::listen(([127, 0, 0, 1], 0).into()).await?;
    let address =
        listener.local_addr().map_err(|cause| crate::not_listening(([127, 0, 0, 1], 0).into(), cause))?;
    config.store.lambda_endpoint = Some(format!("http://{address}"));
    Ok(Some(listener))
}

/// `POST /2015-03-31/functions/{name}/invocations`.
pub(crate) fn router(deps: &Deps, tasks: &TaskTracker) -> Router {
    let state = Invocations {
        deps: deps.clone(),
        tasks: tasks.clone(),
        accepted: Arc::new(Semaphore::new(ORDERS_ACCEPTED)),
        under_way: Arc::new(Semaphore::new(ORDERS_AT_ONCE)),
    };
    Router::new().route("/2015-03-31/functions/{name}/invocations", post(invoke)).with_state(state)
}

#[derive(Clone)]
struct Invocations {
    deps: Deps,
    tasks: TaskTracker,
    accepted: Arc<Semaphore>,
    under_way: Arc<Semaphore>,
}

/// Accepts the event and answers at once, as Lambda does for `InvocationType: Event`.
async fn invoke(
    State(Invocations { deps, tasks, accepted, under_way }): State<Invocations>,
    Path(name): Path<String>,
    headers: HeaderMap,
    payload: Bytes,
) -> Response {
    if !is_ours(&deps, &headers) {
        return refused(StatusCode::FORBIDDEN, "The access key is unknown.");
    }
    if name != deps.config.store.remote_fetch_function {
        return refused(StatusCode::NOT_FOUND, "There is no such function.");
    }
    let Ok(order) = serde_json::from_slice::<FetchOrder>(&payload) else {
        return refused(StatusCode::BAD_REQUEST, "The payload is no order.");
    };
    let Ok(accepted) = accepted.try_acquire_owned() else {
        return refused(StatusCode::TOO_MANY_REQUESTS, "Too many orders are waiting.");
    };
    tasks.spawn(async move {
        let _places = (accepted, under_way.acquire_owned().await);
        match remote_fetch::fetch(&deps, order).await {
            Ok(fetched) => tracing::info!(?fetched, "Handled an order to fetch"),
            Err(error) => tracing::error!(%error, "An order to fetch failed"),
        }
    });
    StatusCode::ACCEPTED.into_response()
}

fn refused(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({ "Message": sentence }))).into_response()
}

/// The port is open to every process of this machine; only ours know the random access key.
fn is_ours(deps: &Deps, headers: &HeaderMap) -> bool {
    let Some((key, _)) = &deps.config.store.credentials else {
        return false;
    };
    let signed = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    signed.contains(&format!("Credential={key}/"))
}
