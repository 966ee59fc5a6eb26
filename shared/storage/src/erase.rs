//! Deletion: everything of one piece of media goes, and its bytes when nobody else has them.
//!
//! The record is marked first: from then on nobody reads it, and no write but deletion's holds for it. Then its thumbnails
//! go, what never left `staging/`, its reference, its bytes and their thumbnails, and last the record. So whoever is
//! stopped half-way leaves a record that says what is still to be taken away, and whoever deletes it again ends that:
//! every step may be done twice, and by two at once. What is another server's can be fetched anew afterwards.
//!
//! Readers who were given a link meet a missing object from the moment it is gone. A thumbnail that was being made
//! meanwhile may be left without anybody who knows of it, until the retention sweep.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use media_core::{Mxc, OwnedUserId, Record, State, limits::DELETIONS_IN_FLIGHT, record::Remains};

use crate::{Error, Outcome, Records, Store, guards::Spared, item::media_key};

/// What was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// Who had uploaded it, if it was ours.
    pub uploader: Option<OwnedUserId>,
    /// How many bytes it had; 0 when they had never come.
    pub size_bytes: u64,
    /// The object that they came as; `None` when they had not.
    pub brought_as: Option<String>,
    /// Whether nobody has these bytes any more: else they stay for those who do.
    pub bytes_are_gone: bool,
    /// Whether it was this caller who ended the deletion: of several at once one, so that what was counted to the uploader
    /// is given back once.
    pub ended_it: bool,
}

impl Store {
    /// Deletes media, whatever it is and however far it has come. The loser learns what is there: nothing, or word of a ban
    /// for an upload under way ([`State::Barred`]).
    pub async fn erase(&self, mxc: &Mxc) -> Result<Outcome<Erased, Option<Record>>, Error> {
        self.erase_unless(mxc, &Spared::default()).await
    }

    /// The same, but of what is spared: that stays as it is, and the loser learns it.
    pub async fn erase_unless(
        &self,
        mxc: &Mxc,
        spared: &Spared,
    ) -> Result<Outcome<Erased, Option<Record>>, Error> {
        match self.records.begin_erasing(mxc, spared).await? {
            Outcome::Won(Record { state: State::Deleting(remains), uploader, .. }) => {
                let bytes_are_gone = self.take_apart(mxc, &remains).await?;
                let ended_it = self.records.end_erasing(mxc).await?.is_won();
                let Remains { size_bytes, brought_as, .. } = remains;
                Ok(Outcome::Won(Erased { uploader, size_bytes, brought_as, bytes_are_gone, ended_it }))
            }
            Outcome::Won(_) => Err(Error::item(&media_key(mxc), "a deletion left it as it was")),
            Outcome::Lost(there) => Ok(Outcome::Lost(there)),
        }
    }

    /// Takes away all but the record. Whether nobody has the bytes any more.
    async fn take_apart(&self, mxc: &Mxc, remains: &Remains) -> Result<bool, Error> {
        self.records.remove_thumbnails(mxc).await?;
        if let Some(key) = &remains.staging_key {
            self.blobs.delete(key).await?;
        }
        let (Some(object_key), Some(brought_as)) = (&remains.object_key, &remains.brought_as) else {
            return Ok(true);
        };
        let Some(sha256) = &remains.sha256 else {
            // Nobody can share what nobody has hashed: whoever does now finds the record marked.
            self.blobs.delete_with_thumbnails(object_key).await?;
            return Ok(true);
        };
        self.records.remove_reference(sha256, mxc, brought_as).await?;
        if remains.joining {
            self.records.keep_out_of_blob(sha256, object_key).await?;
        }
        self.release(sha256, [object_key.as_str(), brought_as.as_str()]).await
    }
}

impl Records {
    async fn remove_thumbnails(&self, mxc: &Mxc) -> Result<(), Error> {
        let pk = media_key(mxc);
        let keys = self.thumbnail_sort_keys(mxc).await?;
        let deletions: Vec<_> = keys.iter().map(|sk| self.delete_item(&pk, sk)).collect();
        stream::iter(deletions).buffer_unordered(DELETIONS_IN_FLIGHT).try_collect().await
    }
}
