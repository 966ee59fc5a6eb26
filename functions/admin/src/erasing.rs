//! Deletes media, bytes and all.

use matrix::Result;
use media_core::Mxc;
use runtime::Deps;
use storage::{Outcome, erase::Erased, guards::Spared};

/// How a deletion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deleted {
    /// It is gone, with so many bytes.
    Gone {
        /// The bytes of this media, which other media may still have.
        bytes: u64,
    },
    /// It has become something that is spared, or was gone already.
    Not,
}

/// Deletes media: record, thumbnails, references, and the bytes unless other media has them. What is `spared` when it comes
/// to it stays, whatever was known of it before.
pub(crate) async fn erase(deps: &Deps, mxc: &Mxc, spared: &Spared) -> Result<Deleted> {
    Ok(match deps.store.erase_unless(mxc, spared).await? {
        Outcome::Won(erased) => {
            give_back(deps, &erased).await;
            Deleted::Gone { bytes: erased.size_bytes }
        }
        Outcome::Lost(_) => Deleted::Not,
    })
}

/// Its uploader may upload as much again, where that has a limit. If it cannot be written down, it is only counted wrongly,
/// which a recount puts right.
async fn give_back(deps: &Deps, erased: &Erased) {
    if let Err(error) = deps.store.records.give_back_deleted(erased, deps.clock.now()).await {
        tracing::warn!(%error, "What a user has uploaded could not be counted down");
    }
}
