//! Why there is no picture.

use std::fmt;

/// Why a frame was not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// These bytes break the rules of the format where nothing can be shown in spite of it.
    Broken(&'static str),
    /// Whoever was asked whether to go on said no.
    Stopped,
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(what) => write!(to, "broken VP8 frame: {what}"),
            Self::Stopped => to.write_str("decoding was stopped"),
        }
    }
}

impl std::error::Error for Error {}
