//! What can go wrong between us and AWS: always a fault of ours or theirs, never the caller's.

use std::error::Error as StdError;

use aws_smithy_types::error::display::DisplayErrorContext;

use crate::secrets::KeyPlace;

/// A call that failed after the SDK's own retries, or an item that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service said no, or was not reached.
    #[error("{operation} failed: {cause}")]
    Call {
        /// The SDK's name of the operation.
        operation: &'static str,
        /// The whole chain, for the log.
        cause: String,
    },
    /// An item lacks what every item of its kind has.
    #[error("the item of {key} cannot be read: {problem}")]
    Item {
        /// Its partition key.
        key: String,
        /// The attribute and what is wrong with it.
        problem: String,
    },
    /// An object is not what its record says.
    #[error("the object {key} cannot be read: {problem}")]
    Object {
        /// Its key.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No link can be signed.
    #[error("{place} cannot be used to sign links: {problem}")]
    LinkKey {
        /// The path or the parameter's name of what should be the key.
        place: String,
        /// What is wrong with it, without what it holds.
        problem: String,
    },
}

impl Error {
    pub(crate) fn call<E: StdError>(operation: &'static str, error: &E) -> Self {
        Self::Call { operation, cause: DisplayErrorContext(error).to_string() }
    }

    pub(crate) fn item(key: &str, problem: impl Into<String>) -> Self {
        Self::Item { key: key.to_owned(), problem: problem.into() }
    }

    pub(crate) fn link_key(place: &KeyPlace, problem: impl Into<String>) -> Self {
        Self::LinkKey { place: place.to_string(), problem: problem.into() }
    }

    pub(crate) fn object(key: &str, problem: impl Into<String>) -> Self {
        Self::Object { key: key.to_owned(), problem: problem.into() }
    }
}
