//! One stored copy for equal bytes, without counters and without transactions.
//!
//! Whoever brings bytes writes an object of their own, then a reference, then joins the blob: the first one's object is
//! everybody's. The record comes last and names that object; one's own is spare then, and `ingest` takes it away. Whoever
//! lets bytes go takes the reference away, looks at the blob, looks for other references, and leaves the object only if
//! nobody has touched the blob meanwhile; then it is deleted. So of one who comes and one who goes either the one who
//! goes sees the other's reference, or finds the blob touched, or the one who comes finds no object and brings the new
//! one. What dies half-way leaves rubbish.
//!
//! Before an object of one's own is given up for another's, that one is looked at: a restored table or a hand in the
//! bucket may have left a blob without its object, and so may a call that was on its way for longer than all of this.
//! The steps of all this are tried in thousands of orders by `tests/it/orders.rs`.

use std::collections::BTreeSet;

use media_core::{Content, Mxc, Record, Sha256, limits::BLOB_ATTEMPTS};

use crate::{
    Error, Key, Outcome, Store, Written,
    blobs::Blobs,
    references::{Ban, Blob},
};

/// What became of bytes that were brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The object that has them.
    pub object_key: String,
    /// The ban on them, if there is one: the record is to be born hidden, or refused.
    pub ban: Option<Ban>,
}

impl Store {
    /// Makes the bytes that were `written` as `key` those of `mxc`: reference, then blob. The record is the caller's to
    /// write; whoever cannot write it calls [`Store::let_go`].
    pub async fn join(&self, mxc: &Mxc, key: &Key, written: &Written) -> Result<Joined, Error> {
        let Written { size_bytes, sha256 } = written;
        let own = key.to_string();
        self.records.add_reference(sha256, mxc, &own).await?;
        for _ in 0..BLOB_ATTEMPTS {
            let Outcome::Won(blob) = self.records.join_blob(sha256, &own, *size_bytes).await? else {
                return Err(Error::object(&own, "it was deleted while it was stored"));
            };
            if let Some(joined) = self.agree(sha256, &blob, &own, *size_bytes).await? {
                return Ok(joined);
            }
        }
        Err(Error::object(&own, "its bytes were replaced too often at once"))
    }

    /// The same for bytes that went straight to S3, whose record was there before their digest was known. Returns what the
    /// record says from now on; `None` when it is being deleted, or gone.
    ///
    /// The record says first that it is about to join, so that a deletion knows which blob to touch; and joins only as the
    /// blob was before the record was seen to be there. Until the retention sweep the object that they came as stays:
    /// signed links may lead to it.
    pub async fn join_later(
        &self,
        mxc: &Mxc,
        content: &Content,
        sha256: Sha256,
    ) -> Result<Option<Content>, Error> {
        let (records, own) = (&self.records, content.brought_as.as_str());
        records.add_reference(&sha256, mxc, own).await?;
        if let Outcome::Lost(there) = records.begin_joining(mxc, own, &sha256).await? {
            return self.settled_by_another(mxc, content, sha256, there).await;
        }
        for _ in 0..BLOB_ATTEMPTS {
            let seen = records.blob(&sha256).await?;
            let there = records.get_latest(mxc).await?;
            if there.as_ref().and_then(Record::content) != Some(content) {
                return self.settled_by_another(mxc, content, sha256, there).await;
            }
            let size_bytes = content.size_bytes;
            let joined = records.join_blob_as_seen(&sha256, own, size_bytes, seen.as_ref()).await?;
            let Outcome::Won(blob) = joined else { continue };
            let Some(Joined { object_key, ban }) = self.agree(&sha256, &blob, own, size_bytes).await? else {
                continue;
            };
            let shared = Content { object_key, sha256: Some(sha256), ..content.clone() };
            return match records.settle(mxc, &shared, ban.as_ref().map(|ban| ban.by.as_str())).await? {
                Outcome::Won(()) => Ok(Some(shared)),
                Outcome::Lost(there) => self.settled_by_another(mxc, content, sha256, there).await,
            };
        }
        Err(Error::object(own, "its bytes came and went too often at once"))
    }

    /// Takes bytes away again that no record will name: the reference of `mxc`, what it brought, and what nobody else has.
    pub async fn let_go(&self, mxc: &Mxc, content: &Content) -> Result<(), Error> {
        match &content.sha256 {
            Some(sha256) => {
                self.records.remove_reference(sha256, mxc, &content.brought_as).await?;
                // A ban that saw the reference may have left word for the record.
                self.records.unbar(mxc).await?;
                let objects = [Some(content.object_key.as_str()), content.spare_object()];
                self.release(sha256, objects.into_iter().flatten()).await.map(drop)
            }
            None => self.blobs.delete(&content.object_key).await,
        }
    }

    /// Deletes `objects` with their thumbnails, but for the one that others share; and that one, too, when they are gone
    /// meanwhile. One's own reference is gone already. Whether nobody has these bytes any more.
    pub(crate) async fn release(
        &self,
        sha256: &Sha256,
        objects: impl IntoIterator<Item = &str>,
    ) -> Result<bool, Error> {
        let blob = self.leave(sha256).await?;
        let kept = blob.as_ref().and_then(|blob| blob.object_key.as_deref());
        let left = blob.as_ref().filter(|_| kept.is_none()).and_then(|blob| blob.left_key.as_deref());
        let mut going: BTreeSet<&str> = objects.into_iter().filter(|key| Some(*key) != kept).collect();
        going.extend(left);
        for object_key in going {
            self.blobs.delete_with_thumbnails(object_key).await?;
        }
        let Some(empty) = blob.as_ref().filter(|_| kept.is_none()) else { return Ok(kept.is_none()) };
        // Only now: until its object is gone the blob keeps calls away that are late.
        self.records.forget_blob(sha256, empty).await?;
        Ok(true)
    }

    /// Leaves the blob's object if nobody shares it. Returns what the blob is then: with the object that is kept, or
    /// without one, and whoever joins next brings an object of their own. `None`: nobody ever joined.
    async fn leave(&self, sha256: &Sha256) -> Result<Option<Blob>, Error> {
        for _ in 0..BLOB_ATTEMPTS {
            let Some(blob) = self.records.blob(sha256).await? else { return Ok(None) };
            let Some(object_key) = &blob.object_key else { return Ok(Some(blob)) };
            if self.records.is_shared(sha256).await? {
                return Ok(Some(blob));
            }
            if let Outcome::Won(left) = self.records.leave_blob(sha256, &blob, object_key).await? {
                return Ok(Some(left));
            }
        }
        Err(Error::item(&sha256.to_string(), "its bytes came and went too often at once"))
    }

    /// What whoever joined is to do with the blob's object: share it, if it is there; or else bring their own in its place,
    /// and `None` when another did.
    async fn agree(
        &self,
        sha256: &Sha256,
        blob: &Blob,
        own: &str,
        size_bytes: u64,
    ) -> Result<Option<Joined>, Error> {
        let ban = blob.ban.clone();
        let theirs = blob.object_key.as_deref().unwrap_or(own);
        let is_there = theirs == own || self.blobs.size_of(theirs).await? == Some(size_bytes);
        if is_there {
            return Ok(Some(Joined { object_key: theirs.to_owned(), ban }));
        }
        tracing::error!(object.key = %theirs, "The object that equal bytes share is missing; it is replaced");
        Ok(match self.records.replace_in_blob(sha256, blob, theirs, own).await? {
            Outcome::Won(()) => Some(Joined { object_key: own.to_owned(), ban }),
            Outcome::Lost(()) => None,
        })
    }

    /// What the record says that another settled, or `None`: then it is going, and nothing may be left of it.
    async fn settled_by_another(
        &self,
        mxc: &Mxc,
        content: &Content,
        sha256: Sha256,
        there: Option<Record>,
    ) -> Result<Option<Content>, Error> {
        let settled = there.as_ref().and_then(Record::content);
        if let Some(settled) = settled.filter(|settled| settled.brought_as == content.brought_as) {
            return Ok(Some(settled.clone()));
        }
        // The same arrival may be handled twice at once, and the other be about to join.
        self.records.keep_out_of_blob(&sha256, &content.brought_as).await?;
        self.let_go(mxc, &Content { sha256: Some(sha256), ..content.clone() }).await?;
        Ok(None)
    }
}

impl Blobs {
    /// Deletes an object, after its thumbnails: whoever finds it can end what another began.
    pub(crate) async fn delete_with_thumbnails(&self, object_key: &str) -> Result<(), Error> {
        self.delete_all(&Key::thumbnails_of(object_key)).await?;
        self.delete(object_key).await
    }
}
