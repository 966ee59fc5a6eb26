//! Why the child process gives up.

use std::io;

use imaging::Unthumbnailable;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("it cannot be read or written: {0}")]
    Io(#[from] io::Error),
    #[error("a request was not understood: {0}")]
    Request(#[from] serde_json::Error),
    #[error("no thumbnail: {0}")]
    Unthumbnailable(#[from] Unthumbnailable),
    #[error("no decoded picture: {0}")]
    Jpeg(#[from] jpeg_shrink::Error),
}
