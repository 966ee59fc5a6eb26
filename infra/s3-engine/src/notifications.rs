//! The queue of events: at least once, surviving a crash, with the promises of SQS.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::error::Error;
use crate::store::Store;
use crate::store::rows::outbox;
use crate::times::millis;

/// Messages in one batch, as many as SQS gives.
const MESSAGES_PER_RECEIVE: usize = 10;

/// Dead letters in one list.
const DEAD_LETTERS_PER_LIST: usize = 1000;

/// A waiting receiver looks again this often while messages are hidden, should the clock be moved.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// The events that wait for the host. Clones share them.
#[derive(Clone)]
pub struct Notifications {
    store: Arc<Store>,
}

/// An event, handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What to delete it by. A message handed out again has another one, and the old one is void.
    pub receipt: String,
    /// The JSON that S3 sends: `{"Records":[…]}`.
    pub body: String,
    /// How often it has been handed out, this time included.
    pub receive_count: u32,
    /// When the event happened, in Unix milliseconds.
    pub first_sent_ms: u64,
}

/// An event that was handed out too often without being deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its place in the list, to go on from.
    pub id: i64,
    /// The JSON that S3 sends.
    pub body: String,
    /// How often it was handed out.
    pub receive_count: u32,
    /// When the event happened, in Unix milliseconds.
    pub first_sent_ms: u64,
    /// When it was given up, in Unix milliseconds.
    pub died_ms: u64,
}

/// How many messages there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// To be had now.
    pub visible: u64,
    /// Handed out and not yet deleted.
    pub in_flight: u64,
    /// Given up.
    pub dead: u64,
}

/// Why the queue could not do as asked.
#[derive(Debug, thiserror::Error)]
#[error("The queue of the S3 engine failed: {0}")]
pub struct QueueError(#[from] Error);

impl Notifications {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    /// Hands out up to `max` messages (10 at most), oldest first, and hides them for `visibility`. Whoever does not
    /// delete a message in that time will see it again. Waits up to `wait` until there is one.
    ///
    /// A message that was handed out `max_receive_count` times goes to the dead letters instead.
    pub async fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Message>, QueueError> {
        let deadline = Instant::now() + wait;
        let max = max.min(MESSAGES_PER_RECEIVE);
        loop {
            let mut bell = std::pin::pin!(self.store.mail.notified());
            // From here on no ringing is missed, though the look comes first.
            bell.as_mut().enable();
            let next_visible_ms = self.store.read(outbox::next_visible_ms).await?;
            let now_ms = self.store.now_ms();
            if next_visible_ms.is_some_and(|visible_ms| visible_ms <= now_ms) {
                let received = self.take(max, visibility).await?;
                if !received.is_empty() {
                    return Ok(received);
                }
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Vec::new());
            }
            match next_visible_ms {
                None => drop(timeout(left, bell).await),
                Some(visible_ms) => {
                    let hidden = Duration::from_millis(visible_ms - now_ms);
                    drop(timeout(left.min(hidden).min(LOOK_AGAIN), bell).await);
                }
            }
        }
    }

    /// Removes a message that has been dealt with. `false`: it has been handed out again since, or is gone.
    pub async fn delete(&self, receipt: &str) -> Result<bool, QueueError> {
        let receipt = receipt.to_owned();
        Ok(self.store.write_lazily(move |change| outbox::delete(change.rows, &receipt)).await?)
    }

    /// Hides a message for `visibility` from now on; zero shows it at once. `false`: it has been handed out again
    /// since, or is gone.
    pub async fn change_visibility(&self, receipt: &str, visibility: Duration) -> Result<bool, QueueError> {
        let receipt = receipt.to_owned();
        let visible_ms = self.store.now_ms().saturating_add(millis(visibility));
        let write = self.store.write_lazily(move |change| {
            change.ring();
            outbox::hide_until(change.rows, &receipt, visible_ms)
        });
        Ok(write.await?)
    }

    /// How many messages wait, are being dealt with, and were given up.
    pub async fn backlog(&self) -> Result<Backlog, QueueError> {
        let now_ms = self.store.now_ms();
        let counts = self.store.read(move |rows| outbox::counts(rows, now_ms)).await?;
        Ok(Backlog { visible: counts.visible, in_flight: counts.in_flight, dead: counts.dead })
    }

    /// Up to `limit` (1000 at most) messages that were given up, oldest first, after the one with this `id`; 0
    /// begins at the first.
    pub async fn dead_letters(&self, after_id: i64, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let limit = limit.min(DEAD_LETTERS_PER_LIST);
        let dead = self.store.read(move |rows| outbox::dead(rows, after_id, limit)).await?;
        Ok(dead.into_iter().map(DeadLetter::from).collect())
    }

    /// Gives every dead letter another chance, as a message never handed out. Gives their number.
    pub async fn revive_dead_letters(&self) -> Result<usize, QueueError> {
        let now_ms = self.store.now_ms();
        let write = self.store.write(move |change| {
            change.ring();
            outbox::revive(change.rows, now_ms)
        });
        Ok(write.await?)
    }

    async fn take(&self, max: usize, visibility: Duration) -> Result<Vec<Message>, Error> {
        let now_ms = self.store.now_ms();
        let hidden_until_ms = now_ms.saturating_add(millis(visibility));
        let max_receive_count = self.store.options.max_receive_count;
        // A count that a power failure forgets only repeats a delivery.
        let write = self.store.write_lazily(move |change| {
            let died = outbox::bury_the_dead(change.rows, now_ms, max_receive_count)?;
            if died > 0 {
                tracing::warn!(died, "Gave up {died} messages that were handed out too often");
            }
            outbox::receive(change.rows, max, now_ms, hidden_until_ms)
        });
        Ok(write.await?.into_iter().map(Message::from).collect())
    }
}

impl From<outbox::Received> for Message {
    fn from(received: outbox::Received) -> Self {
        let outbox::Received { receipt, body, receive_count, sent_ms } = received;
        Self { receipt, body, receive_count, first_sent_ms: sent_ms }
    }
}

impl From<outbox::Dead> for DeadLetter {
    fn from(dead: outbox::Dead) -> Self {
        let outbox::Dead { id, body, sent_ms, died_ms, receive_count } = dead;
        Self { id, body, receive_count, first_sent_ms: sent_ms, died_ms }
    }
}

impl std::fmt::Debug for Notifications {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notifications").finish_non_exhaustive()
    }
}
