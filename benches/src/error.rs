//! What ends a run early, in sentences.

use std::{io, path::PathBuf, time::Duration};

use http::StatusCode;

/// Why there are no (more) results.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// SIGINT or SIGTERM.
    #[error("a signal told it to stop")]
    Interrupted,
    /// The gateway was not built.
    #[error("{} is missing; build it first: cargo build --profile gateway -p gateway", .0.display())]
    NoGateway(PathBuf),
    /// A program does not start.
    #[error("{} does not start: {cause}", .program.display())]
    NotStarted {
        /// What should have run.
        program: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A program that should do one thing and end failed or took too long.
    #[error("{what} failed or took too long; it said last:\n{last_words}")]
    Failed {
        /// What it should have done.
        what: &'static str,
        /// The end of its output.
        last_words: String,
    },
    /// A server ended, or never answered.
    #[error("{server} does not answer; it said last:\n{last_words}")]
    Silent {
        /// Which server.
        server: &'static str,
        /// The end of its output.
        last_words: String,
    },
    /// A request ended in something else than what is measured.
    #[error("{server}: {operation}: {cause}")]
    Operation {
        /// Which server.
        server: &'static str,
        /// What was asked of it.
        operation: &'static str,
        /// What went wrong.
        cause: RequestError,
    },
    /// A request outside the measurements went wrong.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The system refuses something.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Why one request does not count.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// Nobody listens, or not any more.
    #[error("no connection: {0}")]
    Connection(#[from] io::Error),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    /// The request cannot be written down.
    #[error("no request: {0}")]
    Unwritable(#[from] http::Error),
    /// It took too long.
    #[error("no answer within {} s", .0.as_secs())]
    Slow(Duration),
    /// Another status.
    #[error("answered {0}")]
    Status(StatusCode),
    /// Another number of bytes.
    #[error("answered with {0} bytes")]
    Size(u64),
    /// A redirect to nowhere, or to another server.
    #[error("redirected to {0:?}")]
    Location(String),
    /// An answer that is not the expected JSON.
    #[error("answered without {0}")]
    Json(&'static str),
}
