//! A server under test: where it is, who asks it, and the process that it is.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    time::{Duration, Instant},
};

use http::StatusCode;
use tempfile::TempDir;

use crate::{child::Child, connection::Connection, error::Error};

/// How long a server may take until it answers its first request.
const START_TIME: Duration = Duration::from_mins(1);

/// How often a starting server is asked.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Which server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The gateway as it is started by default: what it acknowledged is on the disk.
    Durable,
    /// The gateway that does not wait for the disk.
    Fast,
    /// Synapse, which does not wait for the disk either.
    Synapse,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Durable => "gateway",
            Self::Fast => "gateway --fast",
            Self::Synapse => "Synapse",
        }
    }
}

/// A running server and the folder it stands on.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    pub(crate) token: Option<String>,
    // Ends before its folder is removed.
    pub(crate) child: Child,
    _folder: TempDir,
}

impl Server {
    /// Waits until the server answers `path`.
    pub(crate) async fn await_start(
        kind: Kind,
        address: SocketAddr,
        mut child: Child,
        folder: TempDir,
        path: &str,
    ) -> Result<Self, Error> {
        let started = Instant::now();
        while started.elapsed() < START_TIME && !child.has_ended() {
            // Whatever goes wrong now may go right in a moment.
            if let Ok(mut connection) = Connection::open(address, None).await
                && let Ok(answer) = connection.get(path).await
                && answer.status == StatusCode::OK
            {
                return Ok(Self { kind, address, token: None, child, _folder: folder });
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        Err(Error::Silent { server: kind.name(), last_words: child.last_words() })
    }

    pub(crate) async fn connect(&self) -> Result<Connection, Error> {
        Ok(Connection::open(self.address, self.token.as_deref()).await?)
    }
}

/// A new folder for a server, within `parent` if one was chosen.
pub(crate) fn new_folder(parent: Option<&Path>) -> Result<TempDir, Error> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("media-bench-");
    Ok(match parent {
        Some(parent) => builder.tempdir_in(parent)?,
        None => builder.tempdir()?,
    })
}

/// A port that nobody listens on at the moment.
pub(crate) fn free_address() -> Result<SocketAddr, Error> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
