//! Why there is no picture.

/// Why a picture was not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// These bytes do not begin as a JPEG does.
    #[error("not a JPEG")]
    NotJpeg,
    /// They begin as one, and then break the rules of the format.
    #[error("broken JPEG: {0}")]
    Broken(&'static str),
    /// By the rules, but of a kind that this decoder does not know. Another may.
    #[error("a JPEG of another kind: {0}")]
    Unsupported(&'static str),
    /// It would take more memory than was given.
    #[error("the picture needs more memory than it may have")]
    TooMuchMemory,
    /// More scans than [`MAX_SCANS`](crate::MAX_SCANS).
    #[error("the picture has too many scans")]
    TooManyScans,
    /// [`Budget::keep_going`](crate::Budget::keep_going) said no.
    #[error("decoding was stopped")]
    Stopped,
}
