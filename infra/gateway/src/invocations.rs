//! Lambda's Invoke on the gateway's own loopback: how one function wakes another where there is no Lambda.
//!
//! Readers call it through the same SDK as in the cloud, whatever engines the gateway stands on. An order that is lost with
//! the process is lost like one that Lambda dropped: its lease expires and another reader sends again.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
    routing::post,
};
use engine_host::{
    Policies,
    policies::{self, ACCOUNT, Denied, REGION},
};
use http::{HeaderMap, StatusCode};
use media_core::mxc::random_name;
use runtime::{Config, Deadline, Deps};
use serde_json::json;
use storage::{functions::FetchOrder, jobs::JobOrder};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Functions, StartError};

/// Orders carried out at the same time; each holds up to three parts of an upload in memory.
const ORDERS_AT_ONCE: usize = 16;

/// Orders accepted at the same time, those under way included. Lambda, too, refuses what it cannot queue.
const ORDERS_ACCEPTED: usize = 1000;

/// Characters of the path's first segment. The port is open to every process of this machine; only ours know it.
const SECRET_CHARS: usize = 40;

/// The endpoint, open but not answering yet.
pub(crate) struct Endpoint {
    pub(crate) listener: TcpListener,
    secret: String,
}

/// Opens the endpoint, and tells the functions of this process where it is.
///
/// They sign for it with credentials that mean nothing: the secret in its URL is what lets them in, and whatever opens
/// S3 and DynamoDB is not shown to a port of this machine.
pub(crate) async fn open(config: &mut Config) -> Result<Endpoint, StartError> {
    let listener = crate::listen(([127, 0, 0, 1], 0).into()).await?;
    let address =
        listener.local_addr().map_err(|cause| crate::not_listening(([127, 0, 0, 1], 0).into(), cause))?;
    let secret = random_name(SECRET_CHARS);
    config.store.lambda_endpoint = Some(format!("http://{address}/{secret}"));
    config.store.lambda_credentials = Some(("gateway".to_owned(), "gateway".to_owned()));
    Ok(Endpoint { listener, secret })
}

/// `POST /{secret}/2015-03-31/functions/{name}/invocations`.
pub(crate) fn router(
    endpoint: &Endpoint,
    functions: &Functions,
    tasks: &TaskTracker,
    stopping: &CancellationToken,
    policies: Option<&Policies>,
) -> Router {
    let state = Invocations {
        functions: functions.clone(),
        stopping: stopping.clone(),
        tasks: tasks.clone(),
        policies: policies.cloned(),
        accepted: Arc::new(Semaphore::new(ORDERS_ACCEPTED)),
        under_way: Arc::new(Semaphore::new(ORDERS_AT_ONCE)),
    };
    let path = format!("/{}/2015-03-31/functions/{{name}}/invocations", endpoint.secret);
    Router::new().route(&path, post(invoke)).with_state(state)
}

#[derive(Clone)]
struct Invocations {
    functions: Functions,
    stopping: CancellationToken,
    tasks: TaskTracker,
    policies: Option<Policies>,
    accepted: Arc<Semaphore>,
    under_way: Arc<Semaphore>,
}

/// Accepts the event and answers at once, as Lambda does for `InvocationType: Event`.
async fn invoke(
    State(invocations): State<Invocations>,
    Path(name): Path<String>,
    headers: HeaderMap,
    payload: Bytes,
) -> Response {
    let Invocations { functions, stopping, tasks, policies, accepted, under_way } = invocations;
    if let Some(Err(denied)) = policies.map(|policies| permit(&policies, &headers, &name)) {
        let kind = [("x-amzn-errortype", "AccessDeniedException")];
        return (kind, refused(StatusCode::FORBIDDEN, &denied.to_string())).into_response();
    }
    let deps = functions.remote_fetch;
    if name == deps.config.store.admin_function {
        return go_on(functions.admin, &tasks, stopping, &payload);
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
        let _accepted = accepted;
        // Orders may stand in line for longer than a lease lives, and nobody else is to take them over meanwhile.
        let Some(_place) = remote_fetch::while_held(&deps, &order, under_way.acquire_owned()).await else {
            return;
        };
        match remote_fetch::fetch(&deps, order, Deadline::NONE).await {
            Ok(fetched) => tracing::info!(?fetched, "Handled an order to fetch"),
            Err(error) => tracing::error!(%error, "An order to fetch failed"),
        }
    });
    StatusCode::ACCEPTED.into_response()
}

/// A function is judged by its policy. Who has none knows the secret, which is as good here.
fn permit(policies: &Policies, headers: &HeaderMap, function: &str) -> Result<(), Denied> {
    let function = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}");
    match policies::access_key(headers).filter(|access_key| policies.secret_of(access_key).is_some()) {
        Some(access_key) => policies.permit(access_key, "lambda:InvokeFunction", &function),
        None => Ok(()),
    }
}

/// Goes on with an administrator's job, of which there are few: whoever begins one waits for most of it. What a gateway
/// that stops leaves lying is taken up by whoever looks at the job, or by the next that starts.
fn go_on(deps: Deps, tasks: &TaskTracker, stopping: CancellationToken, payload: &[u8]) -> Response {
    let Ok(order) = serde_json::from_slice::<JobOrder>(payload) else {
        return refused(StatusCode::BAD_REQUEST, "The payload is no order.");
    };
    tasks.spawn(async move {
        let work = admin::continue_job(&deps, order, Deadline::NONE);
        if let Some(Err(error)) = stopping.run_until_cancelled(work).await {
            tracing::error!(%error, "An administrator's job failed; whoever looks at it has it taken up again");
        }
    });
    StatusCode::ACCEPTED.into_response()
}

fn refused(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({ "Message": sentence }))).into_response()
}
