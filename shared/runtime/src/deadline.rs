//! When an invocation has to be over: a little before Lambda ends it, so that whoever asked is still told something.

use std::time::Duration;

use media_core::{Clock, Timestamp};
use tokio::time::{Instant, timeout_at};

/// How long before Lambda's own end an invocation has to be over: enough for the answer to get out. Two seconds and no
/// less, because Lambda's clock and ours agree only roughly.
pub const ANSWER_MARGIN: Duration = Duration::from_secs(2);

/// How long before Lambda's own end a body that still streams is broken off: later than an answer has to be there, so that
/// one that was given at the last moment gets out.
pub const STREAM_MARGIN: Duration = Duration::from_secs(1);

/// When work has to be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

/// The time was over before the work was done, which was dropped where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there was no time left")]
pub struct OutOfTime;

impl Deadline {
    /// There is none: the process goes on, and so may its work.
    pub const NONE: Self = Self(None);

    /// [`ANSWER_MARGIN`] before an invocation is ended at `ends_ms`, in Unix milliseconds.
    #[must_use]
    pub(crate) fn of_invocation(ends_ms: u64, clock: &Clock) -> Self {
        Self::before(ends_ms, ANSWER_MARGIN, clock)
    }

    /// [`STREAM_MARGIN`] before that.
    #[must_use]
    pub(crate) fn of_stream(ends_ms: u64, clock: &Clock) -> Self {
        Self::before(ends_ms, STREAM_MARGIN, clock)
    }

    fn before(ends_ms: u64, margin: Duration, clock: &Clock) -> Self {
        let left = Timestamp(ends_ms).since(clock.now());
        Self(Some(Instant::now() + left.saturating_sub(margin)))
    }

    /// The same, but that much sooner: for work after which something has to be written down.
    #[must_use]
    pub fn sooner(self, by: Duration) -> Self {
        Self(self.0.map(|at| at.checked_sub(by).unwrap_or(at)))
    }

    /// When that is; `None`: never.
    #[must_use]
    pub fn instant(self) -> Option<Instant> {
        self.0
    }

    /// Does `work` if there is time for it. What is dropped in the middle may have taken effect all the same.
    ///
    /// # Errors
    /// [`OutOfTime`]; work for which there was no time at all was not begun.
    pub async fn within<T>(self, work: impl Future<Output = T>) -> Result<T, OutOfTime> {
        match self.0 {
            None => Ok(work.await),
            Some(at) if at <= Instant::now() => Err(OutOfTime),
            Some(at) => timeout_at(at, work).await.map_err(|_| OutOfTime),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_for_which_there_is_no_time_is_not_begun() {
        let clock = Clock::system();
        let over = Deadline::of_invocation(clock.now().0 + 100, &clock);
        let begun = std::cell::Cell::new(false);
        assert_eq!(over.within(async { begun.set(true) }).await, Err(OutOfTime));
        assert!(!begun.get());
        let later = Deadline::of_invocation((clock.now() + ANSWER_MARGIN * 30).0, &clock);
        assert_eq!(later.within(async { 7 }).await, Ok(7));
        assert_eq!(later.sooner(ANSWER_MARGIN * 30).within(async { 7 }).await, Err(OutOfTime));
        assert_eq!(Deadline::NONE.sooner(ANSWER_MARGIN).within(async { 7 }).await, Ok(7));
    }

    #[tokio::test]
    async fn what_takes_too_long_is_dropped() {
        let clock = Clock::system();
        let soon = Deadline::of_invocation((clock.now() + ANSWER_MARGIN).0 + 50, &clock);
        assert_eq!(soon.within(std::future::pending::<()>()).await, Err(OutOfTime));
    }
}
