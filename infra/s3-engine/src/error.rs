//! What can go wrong, and the S3 error that says so.

use s3s::{S3Error, S3ErrorCode};

/// Why a folder could not be opened as an engine.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A folder or file is missing, in the way, or not ours to write.
    #[error("The folder of the S3 engine cannot be used: {0}.")]
    Folder(#[from] std::io::Error),
    /// The database is damaged or not ours.
    #[error("The database of the S3 engine cannot be opened: {0}.")]
    Database(#[from] rusqlite::Error),
    /// The virtual-host domain is not a domain.
    #[error("The domain of the S3 engine is not a domain name: {0}.")]
    Domain(String),
}

/// Why an operation was refused or failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("The specified bucket does not exist")]
    NoSuchBucket,
    #[error("Your previous request to create the named bucket succeeded and you already own it.")]
    BucketAlreadyOwnedByYou,
    #[error("The bucket you tried to delete is not empty")]
    BucketNotEmpty,
    #[error("The specified key does not exist.")]
    NoSuchKey,
    #[error(
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted \
         or completed."
    )]
    NoSuchUpload,
    #[error("At least one of the pre-conditions you specified did not hold")]
    PreconditionFailed,
    #[error("A header you provided implies functionality that is not implemented")]
    ConditionNotOffered,
    #[error(
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the \
         specified entity tag may not match the part's entity tag."
    )]
    InvalidPart,
    #[error("The list of parts was not in ascending order. Parts must be ordered by part number.")]
    InvalidPartOrder,
    #[error("Your proposed upload is smaller than the minimum allowed size")]
    EntityTooSmall,
    #[error("The {0} you specified did not match what we received.")]
    BadDigest(&'static str),
    #[error("The requested range is not satisfiable")]
    RangeOutside,
    #[error("The engine is closed.")]
    Closed,
    #[error("A commit failed, and this change with it: {0}")]
    Commit(String),
    #[error("A row could not be read or written: {0}")]
    Rows(#[from] rusqlite::Error),
    #[error("A stored value could not be understood: {0}")]
    Stored(#[from] serde_json::Error),
    #[error("A file could not be read or written: {0}")]
    Files(#[from] std::io::Error),
}

impl Error {
    fn code(&self) -> S3ErrorCode {
        match self {
            Self::NoSuchBucket => S3ErrorCode::NoSuchBucket,
            Self::BucketAlreadyOwnedByYou => S3ErrorCode::BucketAlreadyOwnedByYou,
            Self::BucketNotEmpty => S3ErrorCode::BucketNotEmpty,
            Self::NoSuchKey => S3ErrorCode::NoSuchKey,
            Self::NoSuchUpload => S3ErrorCode::NoSuchUpload,
            Self::PreconditionFailed => S3ErrorCode::PreconditionFailed,
            Self::ConditionNotOffered => S3ErrorCode::NotImplemented,
            Self::InvalidPart => S3ErrorCode::InvalidPart,
            Self::InvalidPartOrder => S3ErrorCode::InvalidPartOrder,
            Self::EntityTooSmall => S3ErrorCode::EntityTooSmall,
            Self::BadDigest(_) => S3ErrorCode::BadDigest,
            Self::RangeOutside => S3ErrorCode::InvalidRange,
            Self::Closed => S3ErrorCode::ServiceUnavailable,
            Self::Commit(_) | Self::Rows(_) | Self::Stored(_) | Self::Files(_) => S3ErrorCode::InternalError,
        }
    }
}

impl From<Error> for S3Error {
    fn from(error: Error) -> Self {
        let code = error.code();
        if code == S3ErrorCode::InternalError {
            tracing::error!(error = &error as &dyn std::error::Error, "The S3 engine failed: {error}");
            // The client learns that it was us, not which file it was.
            return S3Error::with_message(code, "We encountered an internal error. Please try again.");
        }
        S3Error::with_message(code, error.to_string())
    }
}
