//! The condition behind each write: the concurrency of the whole product, on one page.
//!
//! There is no read-then-write anywhere without one of these. Losing is an outcome, not an error: the loser learns the
//! winner from what DynamoDB had (`ALL_OLD`). The SDK retries calls whose answer was lost, so a write may meet *itself*;
//! each guard says how it recognises its own hand.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use media_core::{
    Content, Mxc, Record, Sha256, State, Timestamp, UserId,
    limits::CLOCK_SKEW,
    record::{Failure, Lease, Picture},
    thumbnail::Thumbnail,
};

use crate::{
    Error, Records,
    item::{self, Item, MAIN, attribute, media_key, number, state, text, time},
};

/// A media id must be new. Own hand: the same object, or the same reservation by the same user at the same moment.
const RESERVE: &str = "attribute_not_exists(pk)";

/// A reservation is filled once, by whoever made it, while it lives. Own hand: the object key, used once.
const COMPLETE: &str = "media_state = :reserved AND user_id = :user AND expires_ms > :now";

/// A remote item is free, or its last failure is old enough, or its holder is dead, or the claim is mine already.
const CLAIM: &str = "attribute_not_exists(pk) \
    OR (media_state = :failed AND retry_ms <= :now) \
    OR (media_state = :fetching AND lease_until_ms <= :dead) \
    OR (media_state = :fetching AND lease_by = :attempt)";

/// What was fetched is stored, its failure noted, or the lease renewed, under the latest claim only. Own hand: of what is
/// stored the object key; a failure or a renewal that meets itself writes the same again.
const HOLDS_LEASE: &str = "media_state = :fetching AND fence = :fence AND lease_by = :attempt";

/// A thumbnail is recorded once. Own hand: it is the very same thumbnail.
const ADD_THUMBNAIL: &str = "attribute_not_exists(pk)";

/// Access is noted once a day.
const TOUCH: &str =
    "attribute_exists(pk) AND (attribute_not_exists(last_access_day) OR last_access_day < :today)";

/// What `ingest` found is noted of the very object it read.
const SAME_OBJECT: &str = "object_key = :object_key";

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

/// What a user has uploaded stays within the limit. A repeated call counts twice, which `retention` puts right.
const WITHIN_QUOTA: &str = "attribute_not_exists(stored_bytes) OR stored_bytes <= :room";

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
}

impl Arrived<'_> {
    fn attributes(&self) -> Vec<(&'static str, AttributeValue)> {
        let mut attributes = item::of_content(self.content);
        attributes.push((attribute::AUTHENTICATED, AttributeValue::Bool(self.authenticated)));
        attributes.push((attribute::LAST_ACCESS_DAY, number(self.at.day())));
        attributes
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
    pub async fn reserve(&self, record: &Record) -> Result<Outcome<(), Record>, Error> {
        let lost = self.put_if(item::of_record(record), RESERVE).await?;
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

    /// Records a thumbnail. Losing is fine: the winner's is as good.
    pub async fn add_thumbnail(&self, mxc: &Mxc, made: &Thumbnail) -> Result<Outcome<(), Thumbnail>, Error> {
        let lost = self.put_if(item::of_thumbnail(mxc, made), ADD_THUMBNAIL).await?;
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
        let update =
            Update::of(SAME_OBJECT).set_all(item::of_picture(found)).value(":object_key", text(object_key));
        self.update_record(mxc, update).await
    }

    /// Notes the digest of the bytes of `object_key`, which had not passed through us. Its reference is there already.
    pub async fn note_digest(
        &self,
        mxc: &Mxc,
        object_key: &str,
        sha256: &Sha256,
    ) -> Result<Outcome<(), Option<Record>>, Error> {
        let update = Update::of(SAME_OBJECT)
            .set(attribute::SHA256, text(sha256.to_string()))
            .value(":object_key", text(object_key));
        self.update_record(mxc, update).await
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

    /// Counts `bytes` to what a user has uploaded, if that stays within `limit`.
    pub async fn take_bytes(&self, user: &UserId, bytes: u64, limit: u64) -> Result<Outcome<(), ()>, Error> {
        let Some(room) = limit.checked_sub(bytes) else { return Ok(Outcome::Lost(())) };
        let update =
            Update::of(WITHIN_QUOTA).add(attribute::STORED_BYTES, number(bytes)).value(":room", number(room));
        Ok(match self.update_if(&user_key(user), update).await? {
            Outcome::Won(_) => Outcome::Won(()),
            Outcome::Lost(_) => Outcome::Lost(()),
        })
    }

    /// Takes such a count back: the upload came to nothing.
    pub async fn give_bytes_back(&self, user: &UserId, bytes: u64) -> Result<(), Error> {
        let less = AttributeValue::N(format!("-{bytes}"));
        let update = Update::of(PRESENT).add(attribute::STORED_BYTES, less);
        self.update_if(&user_key(user), update).await.map(drop)
    }

    async fn store_content(
        &self,
        mxc: &Mxc,
        content: &Content,
        update: Update,
    ) -> Result<Outcome<(), Option<Record>>, Error> {
        Ok(match self.update_record(mxc, update).await? {
            Outcome::Lost(Some(there))
                if there.content().is_some_and(|is| is.object_key == content.object_key) =>
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

    /// Puts an item unless `condition` fails; then returns what was there.
    async fn put_if(&self, item: Item, condition: &str) -> Result<Option<Item>, Error> {
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
            .condition_expression(update.condition)
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
    condition: &'static str,
    set: Vec<String>,
    add: Vec<String>,
    remove: Vec<&'static str>,
    values: HashMap<String, AttributeValue>,
}

impl Update {
    fn of(condition: &'static str) -> Self {
        Self { condition, set: Vec::new(), add: Vec::new(), remove: Vec::new(), values: HashMap::new() }
    }

    fn holding(lease: &Lease) -> Self {
        Self::of(HOLDS_LEASE)
            .value(":fetching", text(state::FETCHING))
            .value(":fence", number(lease.fence))
            .value(":attempt", text(&lease.held_by))
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

fn user_key(user: &UserId) -> String {
    format!("U#{user}")
}

/// Whether the record that is there is the one that this very write put there, before its answer was lost.
fn is_own_hand(there: &Record, mine: &Record) -> bool {
    match (&there.state, &mine.state) {
        (State::Stored(there), State::Stored(mine)) => there.object_key == mine.object_key,
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
