//! DynamoDB in process, over one SQLite file: dynoxide, hosted.
//!
//! It runs on a thread of its own because it does its work, disk included, where the request is handled. Streams stay
//! off: in dynoxide each write would scan all that were streamed before.

mod forward;
mod guard;
mod permissions;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener},
    path::Path,
    thread::{self, JoinHandle},
};

use dynoxide::Database;
use tokio::{net::TcpListener, sync::oneshot};

pub use forward::Forward;
pub use guard::Guard;

/// The database's file inside its folder.
const FILE: &str = "dynamodb.sqlite";

/// A running engine. Dropping it ends it without waiting.
pub struct DynamoDbEngine {
    address: SocketAddr,
    database: Database,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Sweeps a running engine's tables.
#[derive(Clone)]
pub struct Sweeper(Database);

/// Why an engine does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be opened or is no database.
    #[error("its file cannot be opened: {0}")]
    File(String),
    /// No port or no thread is to be had.
    #[error("it cannot listen: {0}")]
    Listen(#[from] io::Error),
}

/// Why expired items could not be swept.
#[derive(Debug, thiserror::Error)]
#[error("expired items could not be swept: {0}")]
pub struct SweepError(String);

impl DynamoDbEngine {
    /// Opens the tables in `folder`, or empty ones in memory, and serves them on a port of the loopback. What it
    /// acknowledges is on the disk.
    pub fn open(folder: Option<&Path>) -> Result<Self, OpenError> {
        let opened = match folder {
            Some(folder) => Database::new(&folder.join(FILE).to_string_lossy()),
            None => Database::memory(),
        };
        Self::serve(opened.map_err(broken)?)
    }

    /// Like [`Self::open`], but does not wait for the disk: what it acknowledges survives the end of the process, not
    /// the end of the power.
    pub fn open_fast(folder: &Path) -> Result<Self, OpenError> {
        let database = Database::new(&folder.join(FILE).to_string_lossy()).map_err(broken)?;
        // The name says what it is usually for; what it does is `synchronous = OFF`, and more cache.
        database.enable_bulk_loading().map_err(broken)?;
        Self::serve(database)
    }

    fn serve(database: Database) -> Result<Self, OpenError> {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let served = database.clone();
        let thread = thread::Builder::new().name("dynamodb".to_owned()).spawn(move || {
            runtime.block_on(async {
                if let Ok(listener) = TcpListener::from_std(listener) {
                    let stopped = async { drop(stopped.await) };
                    // Its only failure is that the listener is gone, which the next call on it will say.
                    let _ = dynoxide::server::serve_with_shutdown(listener, served, stopped).await;
                }
            });
        })?;
        Ok(Self { address, database, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle for sweeping out what has expired, for the host to use now and then.
    #[must_use]
    pub fn sweeper(&self) -> Sweeper {
        Sweeper(self.database.clone())
    }

    /// Ends the requests under way, then the thread.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl Sweeper {
    /// Removes the items whose time-to-live is over, and says how many there were. Blocks meanwhile.
    pub fn sweep_ttl(&self) -> Result<usize, SweepError> {
        self.0.sweep_ttl().map_err(|error| SweepError(error.to_string()))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn broken(error: dynoxide::DynoxideError) -> OpenError {
    OpenError::File(error.to_string())
}
