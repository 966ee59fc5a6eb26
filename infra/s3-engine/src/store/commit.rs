//! The one thread that changes anything: it takes every change that waits, makes them in one transaction, each
//! in a savepoint of its own, and so shares one sync among them.

use std::collections::BTreeSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{Notify, mpsc, oneshot};

use super::{BlobId, Blobs, Broom, Draft, Extents};
use crate::error::Error;
use crate::options::{Durability, Options};

/// Changes made in one transaction at most, so that the first does not wait long for the last.
const CHANGES_PER_COMMIT: usize = 256;

/// Changes that may wait before senders have to.
const WAITING_CHANGES: usize = 1024;

/// Pages in the write-ahead log before they are folded into the database.
pub(crate) const PAGES_PER_CHECKPOINT: i64 = 4000;

/// Statements that the writing connection keeps prepared.
const PREPARED_STATEMENTS: usize = 64;

/// Whether a change must be on the disk before it is acknowledged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    Durable,
    Lazy,
}

/// How SQLite is to sync for a change of this urgency.
pub(crate) fn synchronous(durability: Durability, urgency: Urgency) -> &'static str {
    match (durability, urgency) {
        (Durability::Fast, _) => "OFF",
        (Durability::Durable, Urgency::Lazy) => "NORMAL",
        (Durability::Durable, Urgency::Durable) => "FULL",
    }
}

/// The handle on the committing thread.
pub(crate) struct Committer {
    changes: mpsc::Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Committer {
    pub(crate) fn start(
        mut connection: Connection,
        blobs: Arc<Blobs>,
        broom: Arc<Broom>,
        mail: Arc<Notify>,
        options: &Options,
    ) -> io::Result<Self> {
        connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
        let (changes, waiting) = mpsc::channel(WAITING_CHANGES);
        let durability = options.durability;
        let thread = thread::Builder::new().name("s3-commit".to_owned()).spawn(move || {
            let mut session = Session { blobs, broom, mail, durability, synced_for: Urgency::Durable };
            session.run(&mut connection, waiting);
            fold_log(connection);
        })?;
        Ok(Self { changes, thread: Mutex::new(Some(thread)) })
    }

    /// Makes `change`, or nothing of it when it fails. Once sent it is made even if the caller goes away.
    pub(crate) async fn commit<T: Send + 'static>(
        &self,
        urgency: Urgency,
        change: impl FnOnce(&mut Change<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let asked = Asked { change: Some(change), outcome: None, reply };
        let message = Message::Change(urgency, Box::new(asked));
        self.changes.send(message).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Lets the changes that wait be made, then ends the thread.
    pub(crate) fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        let mut stop = Message::Stop;
        // Blocking in an asynchronous context is refused by tokio's own blocking send, hence the loop: the
        // thread on the other side takes whatever waits, so there is room at once.
        while let Err(mpsc::error::TrySendError::Full(back)) = self.changes.try_send(stop) {
            stop = back;
            thread::yield_now();
        }
        let _ = thread.join();
    }
}

enum Message {
    Change(Urgency, Box<dyn Job>),
    Stop,
}

/// A change with its caller, whatever type the caller waits for.
trait Job: Send {
    /// Makes the change; `false` when it was refused and must be undone.
    fn make(&mut self, change: &mut Change<'_>) -> bool;
    /// Tells the caller.
    fn answer(self: Box<Self>, committed: Result<(), Error>);
}

struct Asked<F, T> {
    change: Option<F>,
    outcome: Option<Result<T, Error>>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<F, T> Job for Asked<F, T>
where
    F: FnOnce(&mut Change<'_>) -> Result<T, Error> + Send,
    T: Send,
{
    fn make(&mut self, change: &mut Change<'_>) -> bool {
        let Some(make) = self.change.take() else {
            return false;
        };
        // A panic must not take the committer, and with it every later write, along.
        let outcome = catch_unwind(AssertUnwindSafe(|| make(change)))
            .unwrap_or_else(|_| Err(Error::Commit("the change panicked".to_owned())));
        self.outcome.insert(outcome).is_ok()
    }

    fn answer(self: Box<Self>, committed: Result<(), Error>) {
        let Self { outcome, reply, .. } = *self;
        let outcome = committed.and_then(|()| outcome.unwrap_or(Err(Error::Closed)));
        // A caller that has gone away needs no answer.
        let _ = reply.send(outcome);
    }
}

/// What a change may do: write rows, place drafts, bury blobs, leave messages.
pub(crate) struct Change<'a> {
    pub(crate) rows: &'a Connection,
    blobs: &'a Blobs,
    effects: Effects,
}

/// What has to happen around the rows. Before the commit: `placed` is synced; after it: the rest; instead of it:
/// `placed` is removed again.
#[derive(Default)]
struct Effects {
    placed: Vec<BlobId>,
    buried: Vec<Extents>,
    mailed: bool,
}

impl Change<'_> {
    /// Moves a finished draft to its place, for rows of this change to name.
    pub(crate) fn place(&mut self, draft: Draft) -> Result<BlobId, Error> {
        let blob = self.blobs.place(draft)?;
        self.effects.placed.push(blob);
        Ok(blob)
    }

    /// Has blobs deleted after the commit. The change must also remove every row that names them.
    pub(crate) fn bury(&mut self, extents: Extents) {
        self.effects.buried.push(extents);
    }

    /// Has the receivers of messages woken after the commit.
    pub(crate) fn ring(&mut self) {
        self.effects.mailed = true;
    }
}

struct Session {
    blobs: Arc<Blobs>,
    broom: Arc<Broom>,
    mail: Arc<Notify>,
    durability: Durability,
    synced_for: Urgency,
}

impl Session {
    fn run(&mut self, connection: &mut Connection, mut waiting: mpsc::Receiver<Message>) {
        let mut stopping = false;
        while !stopping {
            let Some(first) = waiting.blocking_recv() else {
                return;
            };
            let mut batch = Vec::new();
            let mut urgency = Urgency::Lazy;
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Stop => stopping = true,
                    Message::Change(asked, job) => {
                        if asked == Urgency::Durable {
                            urgency = asked;
                        }
                        batch.push(job);
                    }
                }
                next = if batch.len() < CHANGES_PER_COMMIT { waiting.try_recv().ok() } else { None };
            }
            if !batch.is_empty() {
                self.commit(connection, batch, urgency);
            }
        }
    }

    fn commit(&mut self, connection: &mut Connection, mut batch: Vec<Box<dyn Job>>, urgency: Urgency) {
        let mut effects = Effects::default();
        match self.try_commit(connection, &mut batch, urgency, &mut effects) {
            Ok(()) => self.after_commit(batch, effects),
            Err(error) => self.after_failure(batch, &effects, &error),
        }
    }

    fn try_commit(
        &mut self,
        connection: &mut Connection,
        batch: &mut [Box<dyn Job>],
        urgency: Urgency,
        effects: &mut Effects,
    ) -> Result<(), Error> {
        self.sync_for(connection, urgency)?;
        let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for job in batch {
            let savepoint = transaction.savepoint()?;
            let mut change = Change { rows: &savepoint, blobs: &self.blobs, effects: Effects::default() };
            if job.make(&mut change) {
                effects.add(change.effects);
                savepoint.commit()?;
            } else {
                self.unplace(&change.effects);
            }
        }
        let folders: BTreeSet<u8> = effects.placed.iter().map(|blob| blob.folder()).collect();
        for folder in folders {
            self.blobs.sync_folder(folder)?;
        }
        transaction.commit()?;
        Ok(())
    }

    fn after_commit(&self, batch: Vec<Box<dyn Job>>, effects: Effects) {
        for job in batch {
            job.answer(Ok(()));
        }
        if effects.mailed {
            self.mail.notify_waiters();
        }
        for extents in effects.buried {
            self.broom.delete(extents);
        }
    }

    fn after_failure(&self, batch: Vec<Box<dyn Job>>, effects: &Effects, error: &Error) {
        tracing::error!(%error, changes = batch.len(), "A commit failed: {error}");
        self.unplace(effects);
        for job in batch {
            job.answer(Err(Error::Commit(error.to_string())));
        }
    }

    fn unplace(&self, effects: &Effects) {
        for blob in &effects.placed {
            if let Err(error) = self.blobs.remove(*blob) {
                tracing::warn!(%blob, %error, "A blob could not be removed; the next start tries again");
            }
        }
    }

    fn sync_for(&mut self, connection: &Connection, urgency: Urgency) -> Result<(), Error> {
        if self.synced_for != urgency {
            connection.pragma_update(None, "synchronous", synchronous(self.durability, urgency))?;
            self.synced_for = urgency;
        }
        Ok(())
    }
}

impl Effects {
    fn add(&mut self, other: Effects) {
        self.placed.extend(other.placed);
        self.buried.extend(other.buried);
        self.mailed |= other.mailed;
    }
}

/// Leaves one whole database file behind instead of a database and its log.
fn fold_log(connection: Connection) {
    let folded = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    if let Err(error) = folded {
        tracing::warn!(%error, "The log of the database could not be folded in: {error}");
    }
    if let Err((_, error)) = connection.close() {
        tracing::warn!(%error, "The database could not be closed: {error}");
    }
}
