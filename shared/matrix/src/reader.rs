//! How a reader gets its bytes: they are here, or on their way, or somebody is sent for them.

use std::{sync::Arc, time::Duration};

use media_core::{
    Clock, Content, Limits, Mxc, OwnedServerName, Record, Refusal, Timestamp,
    access::{self, Answer, Origin},
    limits::{LEASE_MARGIN, POLL_FIRST, POLL_MAX, RETRY_FIRST},
    mxc::random_name,
    record::{Failure, FailureReason, Lease},
};
use rand::RngExt as _;
use storage::{Functions, Outcome, Records, functions::FetchOrder};

use crate::{Error, Result};

/// Characters of chance in the name of an attempt: enough that two never meet.
const ATTEMPT_CHARS: usize = 24;

/// Waits for media and has other servers' fetched.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The name of this server: what has another origin is remote.
    pub server_name: OwnedServerName,
    /// What is known.
    pub records: Records,
    /// Who is sent for remote media.
    pub functions: Functions,
    /// The time.
    pub clock: Clock,
    /// The bounds.
    pub limits: Arc<Limits>,
}

impl Reader {
    /// Whose media this is.
    #[must_use]
    pub fn origin_of(&self, mxc: &Mxc) -> Origin {
        if mxc.origin == self.server_name { Origin::Local } else { Origin::Remote }
    }

    /// The content of `mxc`, of which `record` was known a moment ago; waits for up to `wait` if it is on its way.
    ///
    /// A hit makes no call at all, but for the first of a day, which is noted. Whoever finds that nobody is fetching remote media claims it and sends
    /// `remote-fetch`; everybody waits on the record, so that it does not matter in which process the winner is.
    pub async fn content(&self, mxc: &Mxc, mut record: Option<Record>, wait: Duration) -> Result<Content> {
        let origin = self.origin_of(mxc);
        let deadline = self.clock.now() + wait;
        let mut pause = POLL_FIRST;
        loop {
            let now = self.clock.now();
            match access::decide(origin, record.as_ref(), now, &self.limits) {
                Answer::Serve(content) => {
                    self.note_access(mxc, record.as_ref(), now).await;
                    return Ok(*content);
                }
                Answer::Refuse(refusal) => return Err(refusal.into()),
                Answer::Wait => {}
                Answer::Fetch => self.send_for(mxc, record.as_ref()).await?,
            }
            let left = deadline.since(now);
            if left.is_zero() {
                return Err(Refusal::NotYetUploaded.into());
            }
            tokio::time::sleep(jittered(pause).min(left)).await;
            pause = (pause * 2).min(POLL_MAX);
            record = self.records.get_latest(mxc).await?;
        }
    }

    /// Keeps the day of the last access, by which retention goes: one write per item and day.
    async fn note_access(&self, mxc: &Mxc, record: Option<&Record>, now: Timestamp) {
        if record.is_some_and(|record| record.last_access >= Some(now.day())) {
            return;
        }
        // Whoever asks gets the bytes whether or not this could be written down.
        if let Err(error) = self.records.touch(mxc, now).await {
            tracing::warn!(media.origin = %mxc.origin, %error, "An access could not be noted");
        }
    }

    /// Claims a remote item and sends `remote-fetch` for it; losing the claim means that somebody else did.
    async fn send_for(&self, mxc: &Mxc, known: Option<&Record>) -> Result<()> {
        let attempt = random_name(ATTEMPT_CHARS);
        let now = self.clock.now();
        let expires_at = now + self.limits.remote_time + LEASE_MARGIN;
        let Outcome::Won(lease) = self.records.claim(mxc, &attempt, now, expires_at).await? else {
            return Ok(());
        };
        if known.is_some_and(|record| matches!(record.state, media_core::State::Fetching(_))) {
            tracing::info!(media.origin = %mxc.origin, fence = lease.fence, "Took over a dead lease");
        }
        let order = FetchOrder::new(mxc, &lease.held_by, lease.fence);
        match self.functions.wake_remote_fetch(&order).await {
            Ok(()) => Ok(()),
            Err(error) => {
                // Nobody will work under this lease: give it back, so that the next reader need not outwait it.
                self.give_back(mxc, &lease).await?;
                Err(Error::fault(error))
            }
        }
    }

    async fn give_back(&self, mxc: &Mxc, lease: &Lease) -> Result<()> {
        let reason = FailureReason::Unavailable;
        let failure = Failure { reason, attempts: 1, retry_at: self.clock.now() + RETRY_FIRST };
        self.records.fail(mxc, lease, &failure).await?;
        Ok(())
    }
}

/// A quarter more or less, so that those who began to wait together do not all look together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.75..1.25))
}
