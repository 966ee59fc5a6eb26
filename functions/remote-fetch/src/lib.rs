//! Brings another server's media home, once.

mod lease;

pub use crate::lease::while_held;

use futures_util::{FutureExt as _, StreamExt as _};
use media_core::{
    Content, Mxc, Record, State, Timestamp, access,
    admit::{self, Label},
    record::{Failure, FailureReason, Lease},
};
use outbound::media::{FetchError, RemoteMedia};
use runtime::{
    Deadline, Deps, Error,
    scanning::{Shown, Subject},
};
use serde::Serialize;
use std::time::Duration;
use storage::{
    BodyError, Incoming, Joined, Key, Outcome, Written, blobs::PutError, functions::FetchOrder,
    guards::Arrived,
};
use telemetry::Metric;
use tokio::time::timeout;

/// How long before its own end a fetch gives up: enough to note in the record that it did.
const GIVE_UP_MARGIN: Duration = Duration::from_secs(3);

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
/// The order may come twice. The second finds the lease used up and asks the origin for nothing. The lease is renewed
/// while bytes come in; when it is lost all the same, the fetch stops and takes away what it wrote. Shortly before
/// `deadline` it gives up and says so in the record, or readers would outwait a lease under which nobody works.
///
/// # Errors
/// Only faults of ours, so that Lambda delivers the order again; what the origin does wrong is remembered instead.
pub async fn fetch(deps: &Deps, order: FetchOrder, deadline: Deadline) -> Result<Fetched, Error> {
    let traceparent = order.traceparent.clone();
    let job = async {
        // Behind a name that says it: what a resolver's futures are made of is too deep for the compiler to look through.
        let carried_out = carry_out(deps, order, deadline.sooner(GIVE_UP_MARGIN)).boxed();
        let fetched = deadline.within(carried_out).await.unwrap_or_else(|late| Err(late.into()));
        telemetry::count(Metric::Jobs, 1);
        telemetry::count(Metric::FailedJobs, u64::from(fetched.is_err()));
        fetched
    };
    deps.observer.job("remote-fetch", traceparent.as_deref(), job).await
}

async fn carry_out(deps: &Deps, order: FetchOrder, deadline: Deadline) -> Result<Fetched, Error> {
    let mxc = order.mxc()?;
    let Some(record) = deps.store.records.get_latest(&mxc).await? else {
        return Ok(Fetched::NotMine);
    };
    let charged_to = order.charged_to.as_deref();
    let State::Fetching(lease) = &record.state else {
        return Ok(Fetched::NotMine);
    };
    if lease.held_by != order.attempt || lease.fence != order.fence {
        return Ok(Fetched::NotMine);
    }
    let key = Key::new_remote();
    let coming = timeout(deps.limits.remote_time, Box::pin(bring_home(deps, &mxc, &key)));
    let Some(came) = lease::renewing(deps, &mxc, lease, deadline.within(coming)).await else {
        // The write that was dropped may have been whole already. One that S3 ends only after this leaves an orphan.
        telemetry::count(Metric::Orphans, 1);
        deps.store.blobs.delete(&key).await?;
        return Ok(Fetched::NotMine);
    };
    let kept = match came {
        Ok(Ok(Ok(home))) => keep(deps, &mxc, lease, &key, home, charged_to).await.map_err(Problem::Ours),
        Ok(Ok(Err(problem))) => Err(problem),
        Ok(Err(_)) | Err(_) => Err(Problem::Origin(FailureReason::Unavailable)),
    };
    match kept {
        Ok(fetched) => Ok(fetched),
        Err(Problem::Origin(reason)) => remember(deps, &record, lease, reason).await,
        Err(Problem::LeftAlone { until }) => {
            put_off(deps, &record, lease, FailureReason::Unavailable, until).await
        }
        Err(Problem::Ours(error)) => {
            // Readers must not outwait a lease under which nobody works.
            remember(deps, &record, lease, FailureReason::Unavailable).await?;
            Err(error.into())
        }
    }
}

/// Why the bytes did not come home.
enum Problem {
    Origin(FailureReason),
    /// The origin was not even asked, since it failed a moment ago; it will not be before then.
    LeftAlone {
        until: Timestamp,
    },
    Ours(storage::Error),
}

/// Bytes that are here, and what their origin says of them.
struct Home {
    label: Label,
    written: Written,
    shown: Shown,
}

async fn bring_home(deps: &Deps, mxc: &Mxc, key: &Key) -> Result<Home, Problem> {
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
    let mut incoming = Incoming::new(Box::pin(body), limit, size_hint);
    let written = deps
        .store
        .blobs
        .put(key, mxc, &label.content_type, &mut incoming)
        .await
        .map_err(|e| put_problem(mxc, e))?;
    telemetry::count(Metric::BytesFetched, written.size_bytes);
    // Here, where the lease is renewed meanwhile.
    let subject = Subject {
        mxc,
        object_key: &key.to_string(),
        size_bytes: written.size_bytes,
        content_type: &label.content_type,
        sha256: Some(&written.sha256),
        uploader: None,
    };
    let shown = deps.scanner.before_record(&subject).await;
    Ok(Home { label, written, shown })
}

/// Joins those who have the same bytes, then writes the record; whoever lost the lease meanwhile takes its own object away
/// again. What is banned is born hidden.
async fn keep(
    deps: &Deps,
    mxc: &Mxc,
    lease: &Lease,
    key: &Key,
    Home { label, written, shown }: Home,
    charged_to: Option<&str>,
) -> Result<Fetched, storage::Error> {
    let Joined { object_key, ban } = deps.store.join(mxc, key, &written).await?;
    let content = Content {
        object_key,
        brought_as: key.to_string(),
        content_type: label.content_type,
        size_bytes: written.size_bytes,
        sha256: Some(written.sha256),
        upload_name: label.upload_name,
    };
    if shown == Shown::No {
        deps.scanner.ban(&written.sha256).await?;
    }
    let at = deps.clock.now();
    let arrived = Arrived {
        content: &content,
        at,
        authenticated: deps.legacy.is_frozen(at),
        quarantined_by: ban.as_ref().map(|ban| ban.by.as_str()).or(shown.hidden_by()),
        is_held: shown == Shown::NotYet,
    };
    match deps.store.records.store(mxc, lease, arrived).await? {
        Outcome::Won(()) => {
            deps.bell.ring(mxc);
            if let Some(who) = charged_to {
                // The bytes are here and somebody waits for them: a budget that could not be written is no reason to fail.
                if let Err(error) = deps.throttle.charge_remote(who, content.size_bytes).await {
                    tracing::warn!(%error, "Fetched bytes could not be charged");
                }
            }
            Ok(Fetched::Stored)
        }
        Outcome::Lost(_) => {
            telemetry::count(Metric::LeasesLost, 1);
            telemetry::count(Metric::Orphans, 1);
            deps.store.let_go(mxc, &content).await?;
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
    let retry_at = deps.clock.now() + access::back_off(attempts(lease));
    put_off(deps, record, lease, reason, retry_at).await
}

async fn put_off(
    deps: &Deps,
    record: &Record,
    lease: &Lease,
    reason: FailureReason,
    retry_at: Timestamp,
) -> Result<Fetched, Error> {
    let attempts = attempts(lease);
    let failure = Failure { reason, attempts, retry_at };
    match deps.store.records.fail(&record.mxc, lease, &failure).await? {
        Outcome::Won(()) => {
            deps.bell.ring(&record.mxc);
            Ok(Fetched::Failed)
        }
        Outcome::Lost(_) => Ok(Fetched::NotMine),
    }
}

fn attempts(lease: &Lease) -> u32 {
    u32::try_from(lease.fence).unwrap_or(u32::MAX)
}

fn told_by(mxc: &Mxc, error: &FetchError) -> Problem {
    tracing::info!(media.origin = %mxc.origin, %error, "Another server did not give its media");
    match error {
        FetchError::NotFound => Problem::Origin(FailureReason::NotFound),
        FetchError::TooLarge => Problem::Origin(FailureReason::TooLarge),
        FetchError::LeftAlone { until } => Problem::LeftAlone { until: *until },
        FetchError::NotYetUploaded | FetchError::Fenced(_) | FetchError::Unavailable(_) => {
            Problem::Origin(FailureReason::Unavailable)
        }
    }
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
