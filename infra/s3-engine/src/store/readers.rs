//! Connections that only read, so that a download never queues behind a commit.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OpenFlags};

use crate::error::Error;

/// Connections kept open while idle; more are opened when more read at once.
const IDLE_CONNECTIONS: usize = 16;

/// Statements each connection keeps prepared.
const PREPARED_STATEMENTS: usize = 32;

/// Bytes of the database that a reader may see as memory instead of copying them.
const MAPPED_BYTES: i64 = 256 * 1024 * 1024;

/// A pool of read-only connections.
pub(crate) struct Readers {
    database: PathBuf,
    /// `None` once closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Readers {
    pub(crate) fn new(database: PathBuf) -> Self {
        Self { database, idle: Mutex::new(Some(Vec::new())) }
    }

    pub(crate) fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let idle = self.lock().as_mut().ok_or(Error::Closed)?.pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let outcome = read(&connection);
        if let Some(idle) = self.lock().as_mut()
            && idle.len() < IDLE_CONNECTIONS
        {
            idle.push(connection);
        }
        outcome
    }

    pub(crate) fn close(&self) {
        self.lock().take();
    }

    fn connect(&self) -> Result<Connection, Error> {
        let connection = Connection::open_with_flags(
            &self.database,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
        connection.pragma_update(None, "mmap_size", MAPPED_BYTES)?;
        Ok(connection)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
