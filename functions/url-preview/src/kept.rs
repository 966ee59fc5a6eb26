//! What is remembered of a page, and who makes what is not: one request for all that wait, in whatever process.

use std::time::Duration;

use matrix::{Caller, Error, Result};
use media_core::{
    Refusal,
    clock::jittered,
    limits::{POLL_FIRST, POLL_MAX},
    mxc::random_name,
};
use serde::{Deserialize, Serialize};
use storage::{Outcome, SdkCalls, ephemeral::Expiring};
use telemetry::Metric;
use tokio::time::timeout;

use crate::{
    Preview, Previews,
    asked::Asked,
    making::{Failure, Made, PAGE_TIME, PICTURE_TIME},
};

/// How long a preview is given out without looking at the page again (Synapse's).
const MADE_LIFE: Duration = Duration::from_hours(1);

/// How long a page is left alone that could not be had.
const FAILURE_LIFE: Duration = Duration::from_mins(5);

/// How much longer a lease lives than the fetching takes: time to read a page and to store a picture.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// How long making may take, after which somebody else may begin.
const LEASE_LIFE: Duration =
    Duration::from_secs(PAGE_TIME.as_secs() + PICTURE_TIME.as_secs() + LEASE_MARGIN.as_secs());

/// How long a request waits for a preview that another one makes: a little longer than that has.
const WAIT: Duration = Duration::from_secs(30);

/// How long a request waits for one of the places in which previews are made.
const SLOT_WAIT: Duration = Duration::from_secs(10);

/// When a request that found no place may come back.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// Characters of chance in a lease, by which its holder knows it again.
const LEASE_CHARS: usize = 24;

/// The entry of one page in the table of what may be forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    /// Somebody is making it: a lease.
    Making { by: String },
    /// Here it is.
    Made(Preview),
    /// There is none.
    Failed(Failure),
}

impl Previews {
    /// The preview: what is remembered, or what is made now and remembered from then on.
    pub(crate) async fn get(&self, asked: &Asked, caller: &Caller) -> Result<Preview> {
        let deps = &self.deps;
        let key = asked.key();
        let deadline = deps.clock.now() + WAIT;
        let mut pause = POLL_FIRST;
        let mut kept = self.look(&key).await?;
        telemetry::count(
            match kept {
                Some(Kept::Made(_) | Kept::Failed(_)) => Metric::PreviewHits,
                Some(Kept::Making { .. }) | None => Metric::PreviewMisses,
            },
            1,
        );
        loop {
            match kept {
                Some(Kept::Made(preview)) => return Ok(preview),
                Some(Kept::Failed(failure)) => return Err(self.refusal(failure).into()),
                None => match self.begin(&key, asked, caller).await? {
                    Outcome::Won(made) => return made,
                    Outcome::Lost(theirs) => kept = Some(theirs),
                },
                Some(Kept::Making { .. }) if deadline.since(deps.clock.now()).is_zero() => {
                    return Err(Refusal::PageUnavailable.into());
                }
                Some(Kept::Making { .. }) => {
                    tokio::time::sleep(jittered(pause)).await;
                    pause = (pause * 2).min(POLL_MAX);
                    kept = self.look(&key).await?;
                }
            }
        }
    }

    async fn look(&self, key: &str) -> Result<Option<Kept>> {
        Ok(self.deps.store.ephemeral.get(key).await?.map(|entry| entry.value))
    }

    /// Makes the preview, if nobody else does.
    ///
    /// It goes on when this client goes away, since others may wait for it.
    async fn begin(
        &self,
        key: &str,
        asked: &Asked,
        caller: &Caller,
    ) -> Result<Outcome<Result<Preview>, Kept>> {
        let deps = &self.deps;
        deps.throttle.room_for_remote(caller).await?;
        let busy = Refusal::LimitExceeded { retry_after: BUSY_RETRY };
        let slot = timeout(SLOT_WAIT, self.slots.clone().acquire_owned()).await.map_err(|_| busy)?;
        let lease = Kept::Making { by: random_name(LEASE_CHARS) };
        let mine = Expiring { value: lease, expires_at: deps.clock.now() + LEASE_LIFE };
        if !deps.store.ephemeral.replace(key, None, &mine).await?.is_won() {
            // Whoever was first is at it: a look will tell what came of it.
            return Ok(Outcome::Lost(mine.value));
        }
        let (this, asked, key) = (self.clone(), asked.clone(), key.to_owned());
        let charged_to = deps.throttle.charged_to(caller);
        let work = SdkCalls::spawn(async move {
            let _slot = slot;
            let Made { preview, bytes } = this.make(&asked).await;
            telemetry::count(Metric::BytesFetched, bytes);
            if let Some(who) = charged_to {
                this.deps.throttle.charge_remote(&who, bytes).await?;
            }
            this.keep(&key, &mine.value, preview).await
        });
        Ok(Outcome::Won(work.await.map_err(Error::fault)?))
    }

    /// Writes down what came of it, for everybody who waits and for the next hour.
    async fn keep(&self, key: &str, lease: &Kept, made: Result<Preview, Failure>) -> Result<Preview> {
        let (value, life) = match made.clone() {
            Ok(preview) => (Kept::Made(preview), MADE_LIFE),
            Err(failure) => (Kept::Failed(failure), FAILURE_LIFE),
        };
        let done = Expiring { value, expires_at: self.deps.clock.now() + life };
        if !self.deps.store.ephemeral.replace(key, Some(lease), &done).await?.is_won() {
            tracing::info!("A preview took so long that somebody else has begun again");
        }
        made.map_err(|failure| self.refusal(failure).into())
    }

    fn refusal(&self, failure: Failure) -> Refusal {
        match failure {
            Failure::Fenced => Refusal::Forbidden("Links into private networks are not previewed."),
            Failure::Unavailable => Refusal::PageUnavailable,
            Failure::WrongKind => Refusal::NotPreviewable,
            Failure::TooLarge => Refusal::RemoteTooLarge { limit_bytes: self.picture_bytes() as u64 },
        }
    }
}
