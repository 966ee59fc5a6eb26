//! What the engine keeps: rows in one SQLite database, bytes in blob files, and the one way to change either.

mod blobs;
mod broom;
mod commit;
mod extents;
mod readers;
pub(crate) mod rows;
mod sweep;

use std::fs;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

pub(crate) use blobs::{BlobId, Blobs, Draft};
pub(crate) use broom::{Broom, Pin};
pub(crate) use commit::{Change, Urgency};
pub(crate) use extents::{Extents, Piece};

use crate::error::{Error, OpenError};
use crate::events::Announcer;
use crate::options::{Durability, Options};
use commit::Committer;
use readers::Readers;

const DATABASE_FILE: &str = "rows.sqlite";

/// Everything a folder holds, open.
pub(crate) struct Store {
    pub(crate) options: Options,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) broom: Arc<Broom>,
    /// Rings after a commit that left a message in the outbox.
    pub(crate) mail: Arc<Notify>,
    pub(crate) announcer: Arc<Announcer>,
    readers: Readers,
    committer: Committer,
}

impl Store {
    /// Opens the folder, makes it if need be, sweeps out what an earlier process left half done, and shows the messages
    /// again that it had taken.
    pub(crate) fn open(options: Options) -> Result<Self, OpenError> {
        fs::create_dir_all(&options.folder)?;
        let blobs = Arc::new(Blobs::open(&options.folder, options.durability)?);
        let database = options.folder.join(DATABASE_FILE);
        let connection = open_for_writing(&database, options.durability)?;
        sweep::sweep(&connection, &blobs)?;
        rows::outbox::show_all(&connection)?;
        let mail = Arc::new(Notify::new());
        let broom = Arc::new(Broom::start(Arc::clone(&blobs))?);
        let committer = Committer::start(
            connection,
            Arc::clone(&blobs),
            Arc::clone(&broom),
            Arc::clone(&mail),
            &options,
        )?;
        let announcer = Arc::new(Announcer::new(&options));
        Ok(Self { options, blobs, broom, mail, announcer, readers: Readers::new(database), committer })
    }

    /// Reads rows, off the asynchronous threads and beside any commit under way.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let store = Arc::clone(self);
        off_thread(move || store.readers.with(read)).await
    }

    /// Makes a change, or none of it, and returns once it will survive.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Change<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.committer.commit(Urgency::Durable, change).await
    }

    /// Makes a change that may be forgotten when the power fails: bookkeeping whose loss repeats work, not bytes.
    pub(crate) async fn write_lazily<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Change<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.committer.commit(Urgency::Lazy, change).await
    }

    pub(crate) fn now_ms(&self) -> u64 {
        (self.options.now_ms)()
    }

    /// Finishes every waiting commit and deletion and folds the log into the database. Later writes are refused.
    pub(crate) fn close(&self) {
        self.readers.close();
        self.committer.stop();
        self.broom.stop();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

/// Runs what blocks where blocking is allowed. A panic in it goes on in the caller.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(stopped) if stopped.is_panic() => resume_unwind(stopped.into_panic()),
        Err(_runtime_is_ending) => Err(Error::Closed),
    }
}

fn open_for_writing(database: &Path, durability: Durability) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(database)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", commit::synchronous(durability, Urgency::Durable))?;
    connection.pragma_update(None, "wal_autocheckpoint", commit::PAGES_PER_CHECKPOINT)?;
    rows::create_tables(&connection)?;
    Ok(connection)
}
