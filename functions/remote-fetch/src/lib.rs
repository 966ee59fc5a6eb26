//! Brings another server's media home, once.

use futures_util::StreamExt as _;
use media_core::{
    Content, Mxc, Record, State, access, admit,
    record::{Failure, FailureReason, Lease},
};
use outbound::media::{FetchError, RemoteMedia};
use runtime::{Deps, Error};
use serde::Serialize;
use storage::{BodyError, Incoming, Key, Outcome, Written, blobs::PutError, functions::FetchOrder};

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fetched {
    /// The media is here.
    Stored,
    /// It could not be had; the record says why and until when nobody tries again.
    Failed,
    /// Somebody else holds the lease by now, or the order came twice: nothing was done.
    NotMine,
}

/// Carries out an order: streams the origin's bytes into S3 under a key of its own, then stores them under its lease.
///
/// The order may come twice. The second finds the lease used up and asks the origin for nothing.
///
/// # Errors
/// Only faults of ours, so that Lambda delivers the order again; what the origin does wrong is remembered instead.
pub async fn fetch(deps: &Deps, order: FetchOrder) -> Result<Fetched, Error> {
    let mxc = order.mxc()?;
    let Some(record) = deps.store.records.get_latest(&mxc).await? else {
        return Ok(Fetched::NotMine);
    };
    let State::Fetching(lease) = &record.state else {
        return Ok(Fetched::NotMine);
    };
    if lease.held_by != order.attempt || lease.fence != order.fence {
        return Ok(Fetched::NotMine);
    }
    match tokio::time::timeout(deps.limits.remote_time, bring_home(deps, &mxc, lease)).await {
        Ok(Ok(fetched)) => Ok(fetched),
        Ok(Err(Problem::Origin(reason))) => remember(deps, &record, lease, reason).await,
        Ok(Err(Problem::Ours(error))) => {
            // Readers must not outwait a lease under which nobody works.
            remember(deps, &record, lease, FailureReason::Unavailable).await?;
            Err(error.into())
        }
        Err(_out_of_time) => remember(deps, &record, lease, FailureReason::Unavailable).await,
    }
}

/// Why the bytes did not come home.
enum Problem {
    Origin(FailureReason),
    Ours(storage::Error),
}

async fn bring_home(deps: &Deps, mxc: &Mxc, lease: &Lease) -> Result<Fetched, Problem> {
    let limit = deps.limits.remote_bytes;
    let RemoteMedia { content_type, file_name, size_hint, body } =
        deps.federation.download(mxc, limit).await.map_err(|error| told_by(mxc, &error))?;
    let label = admit::label(Some(&content_type), file_name.as_deref());
    let body = body.map(move |piece| {
        piece.map_err(|error| match error {
            FetchError::TooLarge => BodyError::TooLarge { limit_bytes: limit },
            other => BodyError::CutOff(other.to_string()),
        })
    });
    let key = Key::new_remote();
    let mut incoming = Incoming::new(Box::pin(body), limit, size_hint);
    let written = deps
        .store
        .blobs
        .put(&key, mxc, &label.content_type, &mut incoming)
        .await
        .map_err(|e| put_problem(mxc, e))?;
    let content = Content {
        object_key: key.to_string(),
        content_type: label.content_type,
        size_bytes: written.size_bytes,
        sha256: Some(written.sha256),
        upload_name: label.upload_name,
    };
    keep(deps, mxc, lease, &key, &content, &written).await.map_err(Problem::Ours)
}

/// Reference, then record; whoever lost the lease meanwhile takes its own object away again.
async fn keep(
    deps: &Deps,
    mxc: &Mxc,
    lease: &Lease,
    key: &Key,
    content: &Content,
    written: &Written,
) -> Result<Fetched, storage::Error> {
    deps.store.records.add_reference(&written.sha256, mxc).await?;
    match deps.store.records.store(mxc, lease, content, deps.clock.now()).await? {
        Outcome::Won(()) => Ok(Fetched::Stored),
        Outcome::Lost(winner) => {
            deps.store.blobs.delete(key).await?;
            let same_bytes =
                winner.as_ref().and_then(Record::content).is_some_and(|c| c.sha256 == content.sha256);
            if !same_bytes {
                deps.store.records.remove_reference(&written.sha256, mxc).await?;
            }
            Ok(Fetched::NotMine)
        }
    }
}

async fn remember(
    deps: &Deps,
    record: &Record,
    lease: &Lease,
    reason: FailureReason,
) -> Result<Fetched, Error> {
    let attempts = u32::try_from(lease.fence).unwrap_or(u32::MAX);
    let retry_at = deps.clock.now() + access::back_off(attempts);
    let failure = Failure { reason, attempts, retry_at };
    match deps.store.records.fail(&record.mxc, lease, &failure).await? {
        Outcome::Won(()) => Ok(Fetched::Failed),
        Outcome::Lost(_) => Ok(Fetched::NotMine),
    }
}

fn told_by(mxc: &Mxc, error: &FetchError) -> Problem {
    tracing::info!(media.origin = %mxc.origin, %error, "Another server did not give its media");
    Problem::Origin(match error {
        FetchError::NotFound => FailureReason::NotFound,
        FetchError::TooLarge => FailureReason::TooLarge,
        _ => FailureReason::Unavailable,
    })
}

fn put_problem(mxc: &Mxc, error: PutError) -> Problem {
    match error {
        PutError::Body(BodyError::TooLarge { .. }) => Problem::Origin(FailureReason::TooLarge),
        PutError::Body(BodyError::CutOff(cause)) => {
            tracing::info!(media.origin = %mxc.origin, %cause, "Another server's media broke off");
            Problem::Origin(FailureReason::Unavailable)
        }
        PutError::Store(error) => Problem::Ours(error),
    }
}
