//! The condition behind each write: the concurrency of the whole product, on one page.
//!
//! There is no read-then-write anywhere without one of these. Losing is an outcome, not an error: the loser learns the
//! winner from what DynamoDB had (`ALL_OLD`). The SDK retries calls whose answer was lost, so a write may meet *itself*;
//! each guard says how it recognises its own hand.

use std::{borrow::Cow, collections::HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use media_core::{
    Content, Day, Mxc, Record, Sha256, State, Timestamp, Usage, UserId,
    limits::CLOCK_SKEW,
    mxc::random_name,
    record::{Failure, Lease, Picture},
    thumbnail::Thumbnail,
};

use crate::{
    Error, Records,
    item::{self, Item, MAIN, attribute, hash_key, media_key, number, state, text, time, user_key},
    quarantine_changes::QuarantineChange,
    references::{Ban, Blob, Reference},
    usage,
};

/// A media id must be new. Own hand: brought as the same object, or the same reservation by the same user at the same
/// moment.
const RESERVE: &str = "attribute_not_exists(pk)";

/// Where a ban was first, the record that it waited for takes its place, own hand as [`RESERVE`]; or nothing does, when it
/// turns out that none will come.
const UNBAR: &str = "media_state = :barred";

/// A reservation is filled once, by whoever made it, while it lives. Own hand: the object that it came as, used once.
const COMPLETE: &str = "media_state = :reserved AND user_id = :user AND expires_ms > :now";

/// A remote item is free, or its last failure is old enough, or its holder is dead, or the claim is mine already.
const CLAIM: &str = "attribute_not_exists(pk) \
    OR (media_state = :failed AND retry_ms <= :now) \
    OR (media_state = :fetching AND lease_until_ms <= :dead) \
    OR (media_state = :fetching AND lease_by = :attempt)";

/// What was fetched is stored, its failure noted, or the lease renewed, under the latest claim only. Own hand: of what is
/// stored the object that it came as; a failure or a renewal that meets itself writes the same again.
const HOLDS_LEASE: &str = "media_state = :fetching AND fence = :fence AND lease_by = :attempt";

/// A thumbnail is recorded once, but over those of an object that the record no longer has. Own hand: it is the very same
/// thumbnail.
const ADD_THUMBNAIL: &str = "attribute_not_exists(source_key) OR source_key <> :source";

/// Access is noted once a day.
const TOUCH: &str =
    "attribute_exists(pk) AND (attribute_not_exists(last_access_day) OR last_access_day < :today)";

/// What `ingest` found is noted of the very object it read, while it is there. Own hand: writes the same again.
const SAME_OBJECT: &str = "object_key = :object_key AND media_state = :stored";

/// What was held is shown, or hidden, once it was scanned. Own hand: it is no longer held, whoever did it.
const END_SCAN: &str = "media_state = :scanning AND brought_as = :brought_as";

/// What went straight to S3 gets its digest and the object that it shares from now on, once. Own hand: it has them.
const SETTLE: &str = "object_key = :object_key AND media_state = :stored AND joining_sha256 = :digest";

/// Of equal bytes there is one object, that of whoever was first. Every write to a blob changes `touched`, which is how a
/// deletion learns that somebody came between. An object that was left and is being deleted never comes back, not even by
/// a call that was on its way all the while. Own hand: writes the same again.
const JOIN: &str = "attribute_not_exists(left_key) OR left_key <> :own";

/// The same for bytes that went straight to S3, whose record is there already: as nobody has touched the blob since that
/// record was seen. Own hand: `touched`.
const JOIN_UNTOUCHED: &str = "touched = :seen AND (attribute_not_exists(left_key) OR left_key <> :own)";

/// The same where there was no blob.
const JOIN_FIRST: &str = "attribute_not_exists(pk)";

/// An object that turned out to be missing is replaced by whoever found that and joined last. Own hand: the object.
const REPLACE: &str = "object_key = :missing AND touched = :seen";

/// A blob's object is left to be deleted as it was seen without references: whoever joined since has touched it. Own hand:
/// it is left; whoever lost looks again and sees that.
const LEAVE: &str = "object_key = :object_key AND touched = :seen";

/// A blob without object and ban is forgotten as it was seen, after its object is gone. Own hand: it is gone.
const FORGET: &str =
    "touched = :seen AND attribute_not_exists(object_key) AND attribute_not_exists(banned_by)";

/// A ban meets each record that has the bytes, or is about to, and spares what is protected. A name that has other bytes by
/// now is left alone. Own hand: writes the same again.
const QUARANTINE_BYTES: &str = "attribute_exists(pk) \
    AND (attribute_not_exists(is_protected) OR is_protected = :no) \
    AND (attribute_not_exists(brought_as) OR brought_as = :brought_as)";

/// A ban leaves word where the record of an upload under way will be written. Own hand: it is there.
const BAR: &str = "attribute_not_exists(pk)";

/// What is here is marked to be deleted. The record stays until all else is gone, so that whoever finds it ends what
/// another began; no other guard here holds for it. A name that waits under a ban is not here.
const DELETE: &str = "attribute_exists(pk) AND media_state <> :barred";

/// Of what nobody has begun to delete, that which is spared stays.
const DELETION_BEGAN: &str = "media_state = :deleting";

/// Nothing is left but the record of the deletion. Own hand: it is gone.
const DELETED: &str = "media_state = :deleting";

/// Only what is here can be hidden, and what is protected is spared.
const QUARANTINE: &str =
    "attribute_exists(pk) AND (attribute_not_exists(is_protected) OR is_protected = :no)";

/// Only what is here can be released or protected.
const PRESENT: &str = "attribute_exists(pk)";

/// A user has fewer pending uploads than the limit, or this one is counted already. A set, not a counter: adding the
/// same member again changes nothing, so a retry cannot count twice.
const PENDING: &str = "attribute_not_exists(pending_uploads) \
    OR size(pending_uploads) < :limit \
    OR contains(pending_uploads, :entry)";

/// Writes that hold whatever is there; they stand here because others are guarded against them.
const UNGUARDED: &str = "";

/// Characters of the random names by which a write knows its own hand: enough that two never meet.
const HAND_CHARS: usize = 24;

/// What a user has is counted as it was seen: whoever met another decides anew. Own hand: each count has a name, and whoever
/// lost finds it among those that are remembered.
const COUNT_AS_SEEN: &str = "counted_by = :seen";

/// The same where nobody has counted yet.
const COUNT_FIRST: &str = "attribute_not_exists(counted_by)";

/// A change of the feed takes the next number, which nobody has taken. Own hand: the change's random name.
const NEXT_CHANGE: &str = "attribute_not_exists(pk)";

/// How a guarded write ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<W, L> {
    /// The condition held, and this is what was written.
    Won(W),
    /// It did not, and this is what was there.
    Lost(L),
}

impl<W, L> Outcome<W, L> {
    /// Whether the condition held.
    pub fn is_won(&self) -> bool {
        matches!(self, Self::Won(_))
    }
}

/// Bytes that came for a name that waited for them.
#[derive(Clone, Copy, Debug)]
pub struct Arrived<'a> {
    /// What they are.
    pub content: &'a Content,
    /// When.
    pub at: Timestamp,
    /// Whether only the authenticated paths show them ([`media_core::Legacy::is_frozen`]).
    pub authenticated: bool,
    /// Who banned these bytes, or what found them to be bad: then nobody sees them.
    pub quarantined_by: Option<&'a str>,
    /// Whether nobody gets them before they are scanned ([`Records::end_scan`]).
    pub is_held: bool,
}

impl Arrived<'_> {
    fn attributes(&self) -> Vec<(&'static str, AttributeValue)> {
        let is = if self.is_held { state::SCANNING } else { state::STORED };
        let mut attributes = item::of_content(self.content, is);
        attributes.push((attribute::AUTHENTICATED, AttributeValue::Bool(self.authenticated)));
        attributes.push((attribute::LAST_ACCESS_DAY, number(self.at.day())));
        attributes.extend(self.quarantined_by.map(|by| (attribute::QUARANTINED_BY, text(by))));
        attributes
    }
}

/// What is not to be deleted, whoever else wants it gone. The default spares nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spared {
    /// What an administrator protects.
    pub protected: bool,
    /// What is hidden: evidence, perhaps.
    pub quarantined: bool,
    /// What somebody asked for on this day or later.
    pub used_since: Option<Day>,
}

/// What is counted of a user, and by which hand it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) usage: Usage,
    by: Option<String>,
}

impl Seen {
    pub(crate) fn read(item: &Item) -> Self {
        let usage = Usage {
            bytes: item::number_in(item, attribute::STORED_BYTES).unwrap_or(0),
            files: item::number_in(item, attribute::STORED_FILES).unwrap_or(0),
            lately: usage::all_in(item, attribute::LATELY),
            counts: usage::all_in(item, attribute::COUNTS),
        };
        Self { usage, by: item::text_in(item, attribute::COUNTED_BY) }
    }

    /// Whether somebody has counted, in this way or, when there were bytes only, in that of before.
    pub(crate) fn is_counted(&self) -> bool {
        self.by.is_some() || self.usage.bytes > 0
    }
}

/// One place among a user's pending uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The reserved name's id.
    pub media_id: String,
    /// When the place is free again, upload or not.
    pub expires_at: Timestamp,
}

impl Records {
    /// Writes a record under a new name, reserved or stored. Of several callers with one name exactly one wins.
    ///
    /// A ban on its bytes may have been quicker and left word ([`State::Barred`]): then the record is born hidden.
    pub async fn reserve(&self, record: &Record) -> Result<Outcome<(), Record>, Error> {
        let lost = self.put_if(item::of_record(record), RESERVE, []).await?;
        match lost.as_ref().map(item::to_record).transpose()? {
            Some(Record { state: State::Barred, quarantined_by, .. }) => {
                self.reserve_hidden(&Record { quarantined_by, ..record.clone() }).await
            }
            Some(there) if !is_own_hand(&there, record) => Ok(Outcome::Lost(there)),
            _ => Ok(Outcome::Won(())),
        }
    }

    async fn reserve_hidden(&self, record: &Record) -> Result<Outcome<(), Record>, Error> {
        let barred = (":barred", text(state::BARRED));
        let lost = self.put_if(item::of_record(record), UNBAR, [barred]).await?;
        match lost.as_ref().map(item::to_record).transpose()? {
            Some(there) if !is_own_hand(&there, record) => Ok(Outcome::Lost(there)),
            _ => Ok(Outcome::Won(())),
        }
    }

    /// Turns a reservation into stored media. Of several callers exactly one wins; a loser deletes its own object.
    pub async fn complete(
        &self,
        mxc: &Mxc,
        user: &UserId,
        arrived: Arrived<'_>,
    ) -> Result<Outcome<(), Option<Record>>, Error> {
        let update = Update::of(COMPLETE)
            .set_all(arrived.attributes())
            .remove(&[attribute::EXPIRES_MS, attribute::STAGING_KEY])
            .value(":reserved", text(state::RESERVED))
            .value(":user", text(user.as_str()))
            .value(":now", time(arrived.at));
        self.store_content(mxc, arrived.content, update).await
    }

    /// Takes a remote item to fetch it. The winner holds the returned lease until `expires_at`.
    pub async fn claim(
        &self,
        mxc: &Mxc,
        attempt: &str,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Outcome<Lease, Option<Record>>, Error> {
        let update = Update::of(CLAIM)
            .set(attribute::STATE, text(state::FETCHING))
            .set(attribute::LEASE_BY, text(attempt))
            .set(attribute::LEASE_UNTIL_MS, time(expires_at))
            .expression("fence = if_not_exists(fence, :zero) + :one")
            .expression("created_ms = if_not_exists(created_ms, :now)")
            .value(":failed", text(state::FAILED))
            .value(":fetching", text(state::FETCHING))
            .value(":attempt", text(attempt))
            .value(":now", time(now))
            .value(":dead", time(now - CLOCK_SKEW))
            .value(":zero", number(0))
            .value(":one", number(1));
        Ok(match self.update_if(&media_key(mxc), update).await? {
            Outcome::Won(item) => match item::to_record(&item)?.state {
                State::Fetching(lease) => Outcome::Won(lease),
                _ => return Err(Error::item(&media_key(mxc), "a claim left no lease")),
            },
            Outcome::Lost(there) => Outcome::Lost(there.as_ref().map(item::to_record).transpose()?),
        })
    }

    /// Renews `lease` until `expires_at`, though it may have expired, as long as nobody else has claimed since.
    ///
    /// It races with a claim, and either order is right: a claim before it makes it lose, and a claim after it finds the
    /// lease alive. It races with its holder's own `store` and `fail`, after which there is no lease to renew, so a
    /// renewal that was still on its way changes nothing. A holder that dies renews no more: from then on its lease lives
    /// [`LEASE_LIFE`](media_core::limits::LEASE_LIFE) at most.
    pub async fn renew(
        &self,
        mxc: &Mxc,
        lease: &Lease,
        expires_at: Timestamp,
    ) -> Result<Outcome<(), Option<Record>>, Error> {
        let update = Update::holding(lease).set(attribute::LEASE_UNTIL_MS, time(expires_at));
        self.update_record(mxc, update).await
    }

    /// Stores what was fetched under `lease`, which counts as an access. Whoever lost the lease meanwhile loses, and
    /// deletes its own object.
    pub async fn store(
        &self,
        mxc: &Mxc,
        lease: &Lease,
        arrived: Arrived<'_>,
    ) -> Result<Outcome<(), Option<Record>>, Error> {
        let update = Update::holding(lease).set_all(arrived.attributes()).remove(&[
            attribute::LEASE_BY,
            attribute::LEASE_UNTIL_MS,
            attribute::FAILURE,
            attribute::ATTEMPTS,
            attribute::RETRY_MS,
        ]);
        self.store_content(mxc, arrived.content, update).await
    }

    /// Notes that the fetch under `lease` failed, and when anybody may try again.
    pub async fn fail(
        &self,
        mxc: &Mxc,
        lease: &Lease,
        failure: &Failure,
    ) -> Result<Outcome<(), Option<Record>>, Error> {
        let update = Update::holding(lease)
            .set(attribute::STATE, text(state::FAILED))
            .set(attribute::FAILURE, text(failure.reason.as_str()))
            .set(attribute::ATTEMPTS, number(failure.attempts))
            .set(attribute::RETRY_MS, time(failure.retry_at))
            .remove(&[attribute::LEASE_BY, attribute::LEASE_UNTIL_MS]);
        self.update_record(mxc, update).await
    }

    /// Records a thumbnail that was made of the object `source_key`. Losing is fine: the winner's is as good.
    pub async fn add_thumbnail(
        &self,
        mxc: &Mxc,
        source_key: &str,
        made: &Thumbnail,
    ) -> Result<Outcome<(), Thumbnail>, Error> {
        let source = (":source", text(source_key));
        let lost = self.put_if(item::of_thumbnail(mxc, source_key, made), ADD_THUMBNAIL, [source]).await?;
        match lost.as_ref().map(item::to_thumbnail).transpose()? {
            Some(there) if there != *made => Ok(Outcome::Lost(there)),
            _ => Ok(Outcome::Won(())),
        }
    }

    /// Notes that somebody asked for it today; at most one write per item and day.
    pub async fn touch(&self, mxc: &Mxc, now: Timestamp) -> Result<Outcome<(), Option<Record>>, Error> {
        let today = number(now.day());
        let update = Update::of(TOUCH).set(attribute::LAST_ACCESS_DAY, today.clone()).value(":today", today);
        self.update_record(mxc, update).await
    }

    /// Notes what `ingest` found in the bytes of `object_key`.
    pub async fn note_picture(
        &self,
        mxc: &Mxc,
        object_key: &str,
        found: Picture,
    ) -> Result<Outcome<(), Option<Record>>, Error> {
        self.update_record(mxc, Update::of_object(SAME_OBJECT, object_key).set_all(item::of_picture(found)))
            .await
    }

    /// Ends the holding of what was scanned: from now on it is as everything else that is here, or hidden by somebody. Whoever
    /// loses finds it scanned by another, or gone.
    pub async fn end_scan(
        &self,
        mxc: &Mxc,
        content: &Content,
        quarantined_by: Option<&str>,
    ) -> Result<Outcome<(), Option<Record>>, Error> {
        let update = Update::of(END_SCAN)
            .set(attribute::STATE, text(state::STORED))
            .set_all(quarantined_by.map(|by| (attribute::QUARANTINED_BY, text(by))).into_iter().collect())
            .value(":scanning", text(state::SCANNING))
            .value(":brought_as", text(&content.brought_as));
        self.update_record(mxc, update).await
    }

    /// Notes that the bytes of `object_key`, which had not passed through us, have this digest and are about to share an
    /// object. Their reference is there already.
    pub(crate) async fn begin_joining(
        &self,
        mxc: &Mxc,
        object_key: &str,
        sha256: &Sha256,
    ) -> Result<Outcome<(), Option<Record>>, Error> {
        let update = Update::of_object(SAME_OBJECT, object_key)
            .set(attribute::JOINING_SHA256, text(sha256.to_string()));
        self.update_record(mxc, update).await
    }

    /// Ends that: from now on `content` says what the bytes that came as its `brought_as` are.
    pub(crate) async fn settle(
        &self,
        mxc: &Mxc,
        content: &Content,
        quarantined_by: Option<&str>,
    ) -> Result<Outcome<(), Option<Record>>, Error> {
        let digest = text(content.sha256.map(|digest| digest.to_string()).unwrap_or_default());
        let update = Update::of_object(SETTLE, &content.brought_as)
            .set(attribute::OBJECT_KEY, text(&content.object_key))
            .set(attribute::SHA256, digest.clone())
            .set_all(quarantined_by.map(|by| (attribute::QUARANTINED_BY, text(by))).into_iter().collect())
            .remove(&[attribute::JOINING_SHA256])
            .value(":digest", digest);
        Ok(match self.update_record(mxc, update).await? {
            Outcome::Lost(Some(there)) if there.content() == Some(content) => Outcome::Won(()),
            outcome => outcome,
        })
    }

    /// Joins those who have these bytes: with the object that is there, or `own` as the first. The reference is there
    /// already.
    pub(crate) async fn join_blob(
        &self,
        sha256: &Sha256,
        own: &str,
        size_bytes: u64,
    ) -> Result<Outcome<Blob, ()>, Error> {
        let (_, update) = Update::joining(JOIN, own, size_bytes);
        self.update_blob(sha256, update.value(":own", text(own))).await
    }

    /// The same, unless the blob was touched since it was `seen`.
    pub(crate) async fn join_blob_as_seen(
        &self,
        sha256: &Sha256,
        own: &str,
        size_bytes: u64,
        seen: Option<&Blob>,
    ) -> Result<Outcome<Blob, ()>, Error> {
        let (touched, update) = match seen {
            Some(blob) => {
                let (touched, update) = Update::joining(JOIN_UNTOUCHED, own, size_bytes);
                (touched, update.value(":own", text(own)).value(":seen", text(&blob.touched)))
            }
            None => Update::joining(JOIN_FIRST, own, size_bytes),
        };
        Ok(match self.update_if(&hash_key(sha256), update).await? {
            Outcome::Won(item) => Outcome::Won(Blob::read(&item)),
            Outcome::Lost(there) => match there.map(|item| Blob::read(&item)) {
                Some(blob) if blob.touched == touched => Outcome::Won(blob),
                _ => Outcome::Lost(()),
            },
        })
    }

    /// Puts `own` in the place of the blob's object, which is missing.
    pub(crate) async fn replace_in_blob(
        &self,
        sha256: &Sha256,
        seen: &Blob,
        missing: &str,
        own: &str,
    ) -> Result<Outcome<(), ()>, Error> {
        let update = Update::touching(REPLACE, &random_name(HAND_CHARS))
            .set(attribute::OBJECT_KEY, text(own))
            .value(":missing", text(missing))
            .value(":seen", text(&seen.touched));
        Ok(match self.update_if(&hash_key(sha256), update).await? {
            Outcome::Lost(Some(there)) if Blob::read(&there).object_key.as_deref() == Some(own) => {
                Outcome::Won(())
            }
            Outcome::Won(_) => Outcome::Won(()),
            Outcome::Lost(_) => Outcome::Lost(()),
        })
    }

    /// Keeps an object out of the blob, which it may be about to join: whoever has seen the blob looks again.
    pub(crate) async fn keep_out_of_blob(&self, sha256: &Sha256, object_key: &str) -> Result<(), Error> {
        let update =
            Update::touching(UNGUARDED, &random_name(HAND_CHARS)).set(attribute::LEFT_KEY, text(object_key));
        self.update_if(&hash_key(sha256), update).await.map(drop)
    }

    /// Leaves the blob's object to be deleted, as the blob was `seen`; the winner learns what it is now.
    pub(crate) async fn leave_blob(
        &self,
        sha256: &Sha256,
        seen: &Blob,
        object_key: &str,
    ) -> Result<Outcome<Blob, ()>, Error> {
        let update = Update::touching(LEAVE, &random_name(HAND_CHARS))
            .set(attribute::LEFT_KEY, text(object_key))
            .remove(&[attribute::OBJECT_KEY, attribute::SIZE_BYTES])
            .value(":object_key", text(object_key))
            .value(":seen", text(&seen.touched));
        self.update_blob(sha256, update).await
    }

    /// Forgets a blob of which nothing is left, as it was `seen`.
    pub(crate) async fn forget_blob(&self, sha256: &Sha256, seen: &Blob) -> Result<(), Error> {
        self.delete_if(&hash_key(sha256), FORGET, [(":seen", text(&seen.touched))]).await.map(drop)
    }

    /// Notes that these bytes are banned, whether they are here or not. A later ban takes the place of an earlier.
    pub(crate) async fn note_ban(&self, sha256: &Sha256, ban: &Ban) -> Result<(), Error> {
        let update = Update::touching(UNGUARDED, &random_name(HAND_CHARS))
            .set(attribute::BANNED_BY, text(&ban.by))
            .set(attribute::BANNED_MS, time(ban.at));
        self.update_if(&hash_key(sha256), update).await.map(drop)
    }

    /// Lifts a ban: bytes that come from now on are as others. What was hidden stays hidden until it is released.
    pub async fn lift_ban(&self, sha256: &Sha256) -> Result<(), Error> {
        let update = Update::touching(PRESENT, &random_name(HAND_CHARS))
            .remove(&[attribute::BANNED_BY, attribute::BANNED_MS]);
        self.update_if(&hash_key(sha256), update).await.map(drop)
    }

    /// Hides what has the bytes that `reference` is about. The loser learns what is there instead: something protected, or
    /// a name that has other bytes by now.
    pub(crate) async fn quarantine_bytes(
        &self,
        reference: &Reference,
        by: &str,
    ) -> Result<Outcome<(), Option<Record>>, Error> {
        let update = Update::of(QUARANTINE_BYTES)
            .set(attribute::QUARANTINED_BY, text(by))
            .value(":no", AttributeValue::Bool(false))
            .value(":brought_as", text(&reference.brought_as));
        self.update_record(&reference.mxc, update).await
    }

    /// Leaves word for an upload under way that its bytes are banned. Whoever loses finds its record there.
    pub(crate) async fn bar(&self, mxc: &Mxc, ban: &Ban) -> Result<Outcome<(), Record>, Error> {
        let word = Record {
            mxc: mxc.clone(),
            state: State::Barred,
            created_at: ban.at,
            uploader: None,
            authenticated: true,
            quarantined_by: Some(ban.by.clone()),
            protected: false,
            last_access: None,
            picture: None,
        };
        let there = self.put_if(item::of_record(&word), BAR, []).await?;
        Ok(match there.as_ref().map(item::to_record).transpose()? {
            Some(there) if there.state != State::Barred => Outcome::Lost(there),
            _ => Outcome::Won(()),
        })
    }

    /// Takes that word back: no upload will come to read it.
    pub(crate) async fn unbar(&self, mxc: &Mxc) -> Result<(), Error> {
        self.delete_if(&media_key(mxc), UNBAR, [(":barred", text(state::BARRED))]).await.map(drop)
    }

    /// Marks what is here to be deleted, unless it is spared. Whoever wins, first or again, learns what is to be taken away;
    /// from then on nobody reads it.
    pub(crate) async fn begin_erasing(
        &self,
        mxc: &Mxc,
        spared: &Spared,
    ) -> Result<Outcome<Record, Option<Record>>, Error> {
        let update = spared
            .condition()
            .set(attribute::STATE, text(state::DELETING))
            .value(":barred", text(state::BARRED));
        Ok(match self.update_if(&media_key(mxc), update).await? {
            Outcome::Won(item) => Outcome::Won(item::to_record(&item)?),
            Outcome::Lost(there) => Outcome::Lost(there.as_ref().map(item::to_record).transpose()?),
        })
    }

    /// Removes the record of a deletion of which nothing else is left. Of several exactly one wins, unless its answer is
    /// lost.
    pub(crate) async fn end_erasing(&self, mxc: &Mxc) -> Result<Outcome<(), ()>, Error> {
        self.delete_if(&media_key(mxc), DELETED, [(":deleting", text(state::DELETING))]).await
    }

    /// Hides media from everybody; `by` says who decided it. Protected media is spared.
    pub async fn quarantine(&self, mxc: &Mxc, by: &str) -> Result<Outcome<(), Option<Record>>, Error> {
        let update = Update::of(QUARANTINE)
            .set(attribute::QUARANTINED_BY, text(by))
            .value(":no", AttributeValue::Bool(false));
        self.update_record(mxc, update).await
    }

    /// Shows hidden media again.
    pub async fn release(&self, mxc: &Mxc) -> Result<Outcome<(), Option<Record>>, Error> {
        self.update_record(mxc, Update::of(PRESENT).remove(&[attribute::QUARANTINED_BY])).await
    }

    /// Spares media from quarantine and retention, or no longer.
    pub async fn protect(&self, mxc: &Mxc, protected: bool) -> Result<Outcome<(), Option<Record>>, Error> {
        let update = Update::of(PRESENT).set(attribute::PROTECTED, AttributeValue::Bool(protected));
        self.update_record(mxc, update).await
    }

    /// Notes a change of quarantine under the next number, which it returns. Whoever loses a number tries the one after
    /// it, so there are no gaps.
    pub async fn note_quarantine_change(&self, change: &QuarantineChange) -> Result<u64, Error> {
        let mut number = self.last_quarantine_change().await? + 1;
        loop {
            match self.put_if(item::of_quarantine_change(number, change), NEXT_CHANGE, []).await? {
                None => return Ok(number),
                Some(there) if item::to_quarantine_change(&there)?.1.hand == change.hand => {
                    return Ok(number);
                }
                Some(_) => number += 1,
            }
        }
    }

    /// Takes one of a user's `limit` places for pending uploads. The loser learns which are taken, and until when.
    pub async fn take_pending(
        &self,
        user: &UserId,
        place: &Pending,
        limit: u32,
    ) -> Result<Outcome<(), Vec<Pending>>, Error> {
        let entry = place.entry();
        let update = Update::of(PENDING)
            .add(attribute::PENDING, AttributeValue::Ss(vec![entry.clone()]))
            .value(":limit", number(limit))
            .value(":entry", text(entry));
        Ok(match self.update_if(&user_key(user), update).await? {
            Outcome::Won(_) => Outcome::Won(()),
            Outcome::Lost(there) => {
                Outcome::Lost(there.map(|item| Pending::all_in(&item)).unwrap_or_default())
            }
        })
    }

    /// Gives places back: uploaded, or expired. Giving one back twice changes nothing.
    pub async fn free_pending(&self, user: &UserId, places: &[Pending]) -> Result<(), Error> {
        if places.is_empty() {
            return Ok(());
        }
        let entries = places.iter().map(Pending::entry).collect();
        self.client()
            .update_item()
            .table_name(self.table())
            .key(attribute::PK, text(user_key(user)))
            .key(attribute::SK, text(MAIN))
            .update_expression("DELETE pending_uploads :entries")
            .expression_attribute_values(":entries", AttributeValue::Ss(entries))
            .send()
            .await
            .map_err(|error| Error::call("UpdateItem", &error))?;
        Ok(())
    }

    /// Writes what a user has, unless somebody has counted since it was `seen`; the loser learns what there is now.
    pub(crate) async fn write_usage(
        &self,
        user: &UserId,
        seen: &Seen,
        usage: &Usage,
    ) -> Result<Outcome<(), Seen>, Error> {
        let hand = random_name(HAND_CHARS);
        let update = match &seen.by {
            Some(by) => Update::of(COUNT_AS_SEEN).value(":seen", text(by)),
            None => Update::of(COUNT_FIRST),
        };
        let update = update
            .set(attribute::COUNTED_BY, text(&hand))
            .set(attribute::STORED_BYTES, number(usage.bytes))
            .set(attribute::STORED_FILES, number(usage.files))
            .set(attribute::LATELY, texts(&usage.lately))
            .set(attribute::COUNTS, texts(&usage.counts));
        Ok(match self.update_if(&user_key(user), update).await? {
            Outcome::Won(_) => Outcome::Won(()),
            Outcome::Lost(there) => match there.as_ref().map(Seen::read).unwrap_or_default() {
                there if there.by.as_ref() == Some(&hand) => Outcome::Won(()),
                there => Outcome::Lost(there),
            },
        })
    }

    async fn store_content(
        &self,
        mxc: &Mxc,
        content: &Content,
        update: Update,
    ) -> Result<Outcome<(), Option<Record>>, Error> {
        Ok(match self.update_record(mxc, update).await? {
            Outcome::Lost(Some(there))
                if there.kept().is_some_and(|is| is.brought_as == content.brought_as) =>
            {
                Outcome::Won(())
            }
            outcome => outcome,
        })
    }

    async fn update_record(&self, mxc: &Mxc, update: Update) -> Result<Outcome<(), Option<Record>>, Error> {
        Ok(match self.update_if(&media_key(mxc), update).await? {
            Outcome::Won(_) => Outcome::Won(()),
            Outcome::Lost(there) => Outcome::Lost(there.as_ref().map(item::to_record).transpose()?),
        })
    }

    async fn update_blob(&self, sha256: &Sha256, update: Update) -> Result<Outcome<Blob, ()>, Error> {
        Ok(match self.update_if(&hash_key(sha256), update).await? {
            Outcome::Won(item) => Outcome::Won(Blob::read(&item)),
            Outcome::Lost(_) => Outcome::Lost(()),
        })
    }

    /// Puts an item unless `condition` fails; then returns what was there.
    async fn put_if<const N: usize>(
        &self,
        item: Item,
        condition: &str,
        values: [(&str, AttributeValue); N],
    ) -> Result<Option<Item>, Error> {
        let key = |name| match item.get(name) {
            Some(AttributeValue::S(key)) => key.clone(),
            _ => String::new(),
        };
        let (pk, sk) = (key(attribute::PK), key(attribute::SK));
        let put = self
            .client()
            .put_item()
            .table_name(self.table())
            .set_item(Some(item))
            .condition_expression(condition)
            .set_expression_attribute_values(of_values(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match put.map_err(aws_sdk_dynamodb::error::SdkError::into_service_error) {
            Ok(_) => Ok(None),
            Err(error) => match lost_item(&error, condition_failure_of_put(&error))? {
                Some(there) => Ok(Some(there)),
                // An engine that cannot say what was there is asked again.
                None => self.get_item(&pk, &sk, true).await,
            },
        }
    }

    async fn update_if(&self, pk: &str, update: Update) -> Result<Outcome<Item, Option<Item>>, Error> {
        let updated = self
            .client()
            .update_item()
            .table_name(self.table())
            .key(attribute::PK, text(pk))
            .key(attribute::SK, text(MAIN))
            .update_expression(update.update_expression())
            .set_condition_expression(Some(update.condition.into_owned()).filter(|is| !is.is_empty()))
            .set_expression_attribute_values(Some(update.values).filter(|values| !values.is_empty()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match updated.map_err(aws_sdk_dynamodb::error::SdkError::into_service_error) {
            Ok(updated) => Ok(Outcome::Won(updated.attributes.unwrap_or_default())),
            Err(error) => match lost_item(&error, condition_failure_of_update(&error))? {
                Some(there) => Ok(Outcome::Lost(Some(there))),
                None => Ok(Outcome::Lost(self.get_item(pk, MAIN, true).await?)),
            },
        }
    }

    /// Deletes the main item of a partition unless `condition` fails.
    async fn delete_if<const N: usize>(
        &self,
        pk: &str,
        condition: &str,
        values: [(&str, AttributeValue); N],
    ) -> Result<Outcome<(), ()>, Error> {
        let deleted = self
            .client()
            .delete_item()
            .table_name(self.table())
            .key(attribute::PK, text(pk))
            .key(attribute::SK, text(MAIN))
            .condition_expression(condition)
            .set_expression_attribute_values(of_values(values))
            .send()
            .await;
        match deleted.map_err(aws_sdk_dynamodb::error::SdkError::into_service_error) {
            Ok(_) => Ok(Outcome::Won(())),
            Err(error) if error.is_conditional_check_failed_exception() => Ok(Outcome::Lost(())),
            Err(error) => Err(Error::call("DeleteItem", &error)),
        }
    }
}

impl Spared {
    /// Deletion's condition. What another has begun to delete is past being spared.
    fn condition(&self) -> Update {
        let no = || AttributeValue::Bool(false);
        let mut clauses = Vec::new();
        let mut values = Vec::new();
        if self.protected {
            clauses.push("(attribute_not_exists(is_protected) OR is_protected = :no)");
            values.push((":no", no()));
        }
        if self.quarantined {
            clauses.push("attribute_not_exists(quarantined_by)");
        }
        if let Some(day) = self.used_since {
            clauses.push("(attribute_not_exists(last_access_day) OR last_access_day < :since)");
            values.push((":since", number(day)));
        }
        if clauses.is_empty() {
            return Update::of(DELETE);
        }
        values.push((":deleting", text(state::DELETING)));
        let condition = format!("{DELETE} AND ({DELETION_BEGAN} OR {})", clauses.join(" AND "));
        values.into_iter().fold(Update::of(condition), |update, (name, value)| update.value(name, value))
    }
}

impl Pending {
    fn entry(&self) -> String {
        format!("{}:{}", self.expires_at.0, self.media_id)
    }

    fn all_in(item: &Item) -> Vec<Self> {
        let Some(AttributeValue::Ss(entries)) = item.get(attribute::PENDING) else {
            return Vec::new();
        };
        entries
            .iter()
            .filter_map(|entry| {
                let (expires, media_id) = entry.split_once(':')?;
                Some(Self { media_id: media_id.to_owned(), expires_at: Timestamp(expires.parse().ok()?) })
            })
            .collect()
    }
}

/// One update expression, put together clause by clause.
struct Update {
    condition: Cow<'static, str>,
    set: Vec<String>,
    add: Vec<String>,
    remove: Vec<&'static str>,
    values: HashMap<String, AttributeValue>,
}

impl Update {
    fn of(condition: impl Into<Cow<'static, str>>) -> Self {
        Self {
            condition: condition.into(),
            set: Vec::new(),
            add: Vec::new(),
            remove: Vec::new(),
            values: HashMap::new(),
        }
    }

    fn holding(lease: &Lease) -> Self {
        Self::of(HOLDS_LEASE)
            .value(":fetching", text(state::FETCHING))
            .value(":fence", number(lease.fence))
            .value(":attempt", text(&lease.held_by))
    }

    /// Of a record that has an object.
    fn of_object(condition: &'static str, object_key: &str) -> Self {
        Self::of(condition).value(":object_key", text(object_key)).value(":stored", text(state::STORED))
    }

    /// Of a blob: whoever has seen it before sees that it was touched.
    fn touching(condition: &'static str, hand: &str) -> Self {
        Self::of(condition).set(attribute::TOUCHED, text(hand))
    }

    /// Of a blob that somebody joins, and by which hand.
    fn joining(condition: &'static str, own: &str, size_bytes: u64) -> (String, Self) {
        let hand = random_name(HAND_CHARS);
        let update = Self::touching(condition, &hand)
            .expression("object_key = if_not_exists(object_key, :first)")
            .expression("size_bytes = if_not_exists(size_bytes, :size)")
            .value(":first", text(own))
            .value(":size", number(size_bytes));
        (hand, update)
    }

    fn set(mut self, name: &str, value: AttributeValue) -> Self {
        self.set.push(format!("{name} = :set_{name}"));
        self.value(&format!(":set_{name}"), value)
    }

    fn set_all(self, attributes: Vec<(&'static str, AttributeValue)>) -> Self {
        attributes.into_iter().fold(self, |update, (name, value)| update.set(name, value))
    }

    fn add(mut self, name: &str, value: AttributeValue) -> Self {
        self.add.push(format!("{name} :add_{name}"));
        self.value(&format!(":add_{name}"), value)
    }

    fn expression(mut self, assignment: &str) -> Self {
        self.set.push(assignment.to_owned());
        self
    }

    fn remove(mut self, names: &[&'static str]) -> Self {
        self.remove.extend(names);
        self
    }

    fn value(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    fn update_expression(&self) -> String {
        let clause = |verb: &str, parts: String| {
            if parts.is_empty() { parts } else { format!("{verb} {parts} ") }
        };
        let mut expression = clause("SET", self.set.join(", "));
        expression += &clause("ADD", self.add.join(", "));
        expression += &clause("REMOVE", self.remove.join(", "));
        expression
    }
}

fn of_values<const N: usize>(values: [(&str, AttributeValue); N]) -> Option<HashMap<String, AttributeValue>> {
    (N > 0).then(|| values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn texts(list: &[impl ToString]) -> AttributeValue {
    AttributeValue::L(list.iter().map(|one| text(one.to_string())).collect())
}

/// Whether the record that is there is the one that this very write put there, before its answer was lost.
fn is_own_hand(there: &Record, mine: &Record) -> bool {
    if let (Some(there), Some(mine)) = (there.kept(), mine.kept()) {
        return there.brought_as == mine.brought_as;
    }
    match (&there.state, &mine.state) {
        (State::Reserved(_), State::Reserved(_)) => {
            there.uploader == mine.uploader && there.created_at == mine.created_at
        }
        _ => false,
    }
}

/// What a failed condition found: the item, or nothing known of it. Any other failure is a fault.
#[expect(
    clippy::option_option,
    reason = "outer: was it the condition? inner: does the engine say what was there?"
)]
fn lost_item<E: std::error::Error>(
    error: &E,
    failed_on: Option<Option<&Item>>,
) -> Result<Option<Item>, Error> {
    match failed_on {
        Some(there) => Ok(there.cloned()),
        None => Err(Error::call("conditional write", error)),
    }
}

#[expect(clippy::option_option, reason = "see `lost_item`")]
fn condition_failure_of_put(
    error: &aws_sdk_dynamodb::operation::put_item::PutItemError,
) -> Option<Option<&Item>> {
    use aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException as Failed;
    if let Failed(failed) = error { Some(failed.item()) } else { None }
}

#[expect(clippy::option_option, reason = "see `lost_item`")]
fn condition_failure_of_update(
    error: &aws_sdk_dynamodb::operation::update_item::UpdateItemError,
) -> Option<Option<&Item>> {
    use aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException as Failed;
    if let Failed(failed) = error { Some(failed.item()) } else { None }
}
