//! A lease lives for seconds; whoever works under it renews it, and stops when somebody else has it.

use std::time::Duration;

use media_core::{
    Mxc, Timestamp,
    limits::{LEASE_LIFE, LEASE_RENEWAL},
    record::Lease,
};
use runtime::Deps;
use storage::{Outcome, functions::FetchOrder};
use telemetry::Metric;
use tokio::time::sleep;

/// Waits for `turn` before an order is carried out, and keeps its lease alive meanwhile; `None` when it was lost.
pub async fn while_held<T>(deps: &Deps, order: &FetchOrder, turn: impl Future<Output = T>) -> Option<T> {
    // An order that names no media is for `fetch` to complain about.
    let Ok(mxc) = order.mxc() else { return Some(turn.await) };
    // Not looked up: the order was written when the lease was taken.
    let expires_at = deps.clock.now() + LEASE_LIFE;
    let lease = Lease { fence: order.fence, held_by: order.attempt.clone(), expires_at };
    renewing(deps, &mxc, &lease, turn).await
}

/// Does `work` and renews `lease` meanwhile; `None` when it was lost: then the work was dropped where it was.
pub(crate) async fn renewing<T>(
    deps: &Deps,
    mxc: &Mxc,
    lease: &Lease,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        // Work that has ended is done, though the lease be lost at the same moment: what it writes is guarded.
        biased;
        done = work => Some(done),
        () = until_lost(deps, mxc, lease) => None,
    }
}

/// Renews in good time, again and again. Work that ends before the first renewal is due costs no call.
async fn until_lost(deps: &Deps, mxc: &Mxc, lease: &Lease) {
    let mut pause = until_due(lease.expires_at, deps.clock.now());
    loop {
        sleep(pause).await;
        let expires_at = deps.clock.now() + LEASE_LIFE;
        match deps.store.records.renew(mxc, lease, expires_at).await {
            Ok(Outcome::Won(())) => {}
            Ok(Outcome::Lost(_)) => {
                telemetry::count(Metric::LeasesLost, 1);
                tracing::info!(media.origin = %mxc.origin, fence = lease.fence, "The lease on a fetch was lost");
                return;
            }
            // Perhaps the next one gets through. If none does, somebody takes over and the fence keeps us out.
            Err(error) => tracing::warn!(media.origin = %mxc.origin, %error, "A lease could not be renewed"),
        }
        pause = LEASE_RENEWAL;
    }
}

/// How long a lease that ends at `expires_at` can wait for its first renewal: not at all when the order came late.
fn until_due(expires_at: Timestamp, now: Timestamp) -> Duration {
    expires_at.since(now).saturating_sub(LEASE_LIFE.saturating_sub(LEASE_RENEWAL)).min(LEASE_RENEWAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_lease_is_renewed_after_a_while_and_an_old_one_at_once() {
        let now = Timestamp(1_000_000);
        assert_eq!(until_due(now + LEASE_LIFE, now), LEASE_RENEWAL);
        assert_eq!(until_due(now + LEASE_LIFE, now + Duration::from_secs(3)), Duration::from_secs(2));
        assert_eq!(until_due(now + LEASE_LIFE, now + LEASE_RENEWAL), Duration::ZERO);
        assert_eq!(until_due(now, now + LEASE_LIFE), Duration::ZERO);
        // A clock that is ahead of ours wrote it.
        assert_eq!(until_due(now + LEASE_LIFE * 9, now), LEASE_RENEWAL);
    }
}
