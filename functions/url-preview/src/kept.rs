//! What is remembered of a page, and who makes what is not: one request for all that wait, in whatever process.

use std::time::Duration;

use matrix::{Caller, Error, Result};
use media_core::{
    Refusal, Timestamp,
    clock::jittered,
    limits::{POLL_FIRST, POLL_MAX, PREVIEW_PICTURE_DAYS},
    mxc::random_name,
};
use serde::{Deserialize, Serialize};
use storage::{Outcome, SdkCalls, ephemeral::Expiring};
use telemetry::Metric;
use tokio::time::timeout;

use crate::{
    Preview, Previews,
    asked::Asked,
    life,
    making::{FURTHER_TIME, Failure, Made, PAGE_TIME, PICTURE_TIME},
};

/// How long what a page said is kept for those who ask what it said then (`ts`): no longer than its picture is.
const VERSION_LIFE: Duration = Duration::from_hours(PREVIEW_PICTURE_DAYS * 24);

// A preview that is still good is kept.
const _: () = assert!(life::MOST.as_secs() <= VERSION_LIFE.as_secs());

/// Versions kept of one page.
const MAX_VERSIONS: usize = 4;

/// How much those may be that are not the latest, in bytes as kept: an entry is read whole by everybody.
const MAX_EARLIER_BYTES: usize = 32 * 1024;

/// How much longer a lease lives than the fetching takes: time to read a page and to store a picture.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// How long making may take, after which somebody else may begin.
const LEASE_LIFE: Duration = Duration::from_secs(
    PAGE_TIME.as_secs() + FURTHER_TIME.as_secs() + PICTURE_TIME.as_secs() + LEASE_MARGIN.as_secs(),
);

/// How long a request waits for a preview that another one makes: as long as that has.
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
    /// Somebody is making it: a lease, over what was known before.
    Making { by: String, before: Vec<Version> },
    /// What it said, the latest last; never empty.
    Said(Vec<Version>),
    /// There is none.
    Failed { failure: Failure, before: Vec<Version> },
}

/// What a page said at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Version {
    /// Since when, as far as we know.
    made_at_ms: u64,
    /// Until when it may be given out as what the page says.
    good_until_ms: u64,
    preview: Preview,
}

/// Said of pages that the operator does not want previewed.
pub(crate) const DENIED: Refusal = Refusal::Forbidden("Links to this site are not previewed here.");

impl Version {
    fn is_of(&self, moment: Timestamp) -> bool {
        (self.made_at_ms..self.good_until_ms).contains(&moment.0)
    }
}

impl Kept {
    fn versions(&self) -> &[Version] {
        match self {
            Self::Said(versions)
            | Self::Making { before: versions, .. }
            | Self::Failed { before: versions, .. } => versions,
        }
    }

    /// What the page said at `moment`, if that is held.
    fn at(&self, moment: Timestamp) -> Option<&Preview> {
        self.versions().iter().rev().find(|version| version.is_of(moment)).map(|version| &version.preview)
    }
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
                Some(Kept::Said(_) | Kept::Failed { .. }) => Metric::PreviewHits,
                Some(Kept::Making { .. }) | None => Metric::PreviewMisses,
            },
            1,
        );
        loop {
            // A newer one may always be given instead (specification, `preview_url`).
            let then = asked.at.and_then(|then| kept.as_ref()?.at(then));
            if let Some(preview) = then.or_else(|| kept.as_ref()?.at(deps.clock.now())) {
                return Ok(preview.clone());
            }
            match kept {
                Some(Kept::Failed { failure, .. }) => return Err(self.refusal(failure).into()),
                Some(Kept::Making { .. }) if deadline.since(deps.clock.now()).is_zero() => {
                    return Err(Refusal::PageUnavailable.into());
                }
                Some(Kept::Making { .. }) => {
                    tokio::time::sleep(jittered(pause)).await;
                    pause = (pause * 2).min(POLL_MAX);
                    kept = self.look(&key).await?;
                }
                None | Some(Kept::Said(_)) => match self.begin(&key, kept, asked, caller).await? {
                    Outcome::Won(made) => return made,
                    Outcome::Lost(theirs) => kept = Some(theirs),
                },
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
        seen: Option<Kept>,
        asked: &Asked,
        caller: &Caller,
    ) -> Result<Outcome<Result<Preview>, Kept>> {
        let deps = &self.deps;
        deps.throttle.room_for_remote(caller).await?;
        let busy = Refusal::LimitExceeded { retry_after: BUSY_RETRY };
        let slot = timeout(SLOT_WAIT, self.slots.clone().acquire_owned()).await.map_err(|_| busy)?;
        let before = seen.as_ref().map(|seen| seen.versions().to_vec()).unwrap_or_default();
        let lease = Kept::Making { by: random_name(LEASE_CHARS), before };
        let mine = Expiring { value: lease, expires_at: deps.clock.now() + LEASE_LIFE };
        if !deps.store.ephemeral.replace(key, seen.as_ref(), &mine).await?.is_won() {
            // Whoever was first is at it: a look will tell what came of it.
            return Ok(Outcome::Lost(mine.value));
        }
        let (this, asked, key) = (self.clone(), asked.clone(), key.to_owned());
        let charged_to = deps.throttle.charged_to(caller);
        let work = SdkCalls::spawn(async move {
            let _slot = slot;
            let made = this.make(&asked).await;
            telemetry::count(Metric::BytesFetched, made.bytes);
            if let Some(who) = charged_to {
                this.deps.throttle.charge_remote(&who, made.bytes).await?;
            }
            this.keep(&key, &mine.value, made).await
        });
        Ok(Outcome::Won(work.await.map_err(Error::fault)?))
    }

    /// Writes down what came of it, for everybody who waits and for those who ask later.
    async fn keep(&self, key: &str, lease: &Kept, made: Made) -> Result<Preview> {
        let now = self.deps.clock.now();
        let Made { preview, life, .. } = made;
        let before = lease.versions().to_vec();
        let done = match preview.clone() {
            Ok(preview) => {
                let made = Version { made_at_ms: now.0, good_until_ms: (now + life).0, preview };
                Expiring { value: Kept::Said(with_earlier(before, made)), expires_at: now + VERSION_LIFE }
            }
            Err(failure) => Expiring { value: Kept::Failed { failure, before }, expires_at: now + life },
        };
        if !self.deps.store.ephemeral.replace(key, Some(lease), &done).await?.is_won() {
            tracing::info!("A preview took so long that somebody else has begun again");
        }
        preview.map_err(|failure| self.refusal(failure).into())
    }

    fn refusal(&self, failure: Failure) -> Refusal {
        match failure {
            Failure::Denied => DENIED,
            Failure::Fenced => Refusal::Forbidden("Links into private networks are not previewed."),
            Failure::Unavailable => Refusal::PageUnavailable,
            Failure::WrongKind => Refusal::NotPreviewable,
            Failure::TooLarge => Refusal::RemoteTooLarge { limit_bytes: self.picture_bytes() as u64 },
        }
    }
}

/// The latest version and as many before it as there is room for, none of which is older than its picture may be.
fn with_earlier(before: Vec<Version>, latest: Version) -> Vec<Version> {
    let oldest_ms =
        latest.made_at_ms.saturating_sub(u64::try_from(VERSION_LIFE.as_millis()).unwrap_or(u64::MAX));
    let mut room = MAX_EARLIER_BYTES;
    let mut versions = vec![latest];
    for version in before.into_iter().rev().take(MAX_VERSIONS - 1) {
        let bytes = serde_json::to_vec(&version.preview).map_or(usize::MAX, |json| json.len());
        if bytes > room || version.made_at_ms < oldest_ms {
            break;
        }
        room -= bytes;
        versions.push(version);
    }
    versions.reverse();
    versions
}
