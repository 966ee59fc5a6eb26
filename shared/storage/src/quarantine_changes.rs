//! What was hidden and shown again, in the order in which it was decided: for whoever has to act on it elsewhere.
//!
//! The feed is durable and its numbers have no gaps, because each is taken by a guarded write
//! ([`Records::note_quarantine_change`]). A change is noted *before* the record is changed: a crash between the two leaves
//! a change that has not happened, and whoever asks again makes it happen; the other way round it would never be told.

use aws_sdk_dynamodb::types::AttributeValue;
use media_core::{Mxc, Timestamp, limits::QUARANTINE_CHANGES_PAGE, mxc::random_name};

use crate::{
    Error, Records,
    item::{self, QUARANTINE_CHANGES, attribute, quarantine_change_sort_key, text},
};

/// Characters of the name by which a change knows itself when it meets itself.
const HAND_CHARS: usize = 24;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineChange {
    /// Which media.
    pub mxc: Mxc,
    /// Hidden, or shown again.
    pub quarantined: bool,
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    pub(crate) hand: String,
}

impl QuarantineChange {
    /// A change that was decided now.
    #[must_use]
    pub fn new(mxc: &Mxc, quarantined: bool, by: &str, at: Timestamp) -> Self {
        Self { mxc: mxc.clone(), quarantined, at, by: by.to_owned(), hand: random_name(HAND_CHARS) }
    }
}

impl Records {
    /// The changes after number `after` (the first has number 1), up to [`QUARANTINE_CHANGES_PAGE`], each with its number.
    pub async fn quarantine_changes(&self, after: u64) -> Result<Vec<(u64, QuarantineChange)>, Error> {
        let page = self
            .client()
            .query()
            .table_name(self.table())
            .key_condition_expression("pk = :pk AND sk > :after")
            .expression_attribute_values(":pk", text(QUARANTINE_CHANGES))
            .expression_attribute_values(":after", text(quarantine_change_sort_key(after)))
            .consistent_read(true)
            .limit(QUARANTINE_CHANGES_PAGE)
            .send()
            .await
            .map_err(|error| Error::call("Query", &error))?;
        page.items().iter().map(item::to_quarantine_change).collect()
    }

    /// The number of the latest change; 0 when there is none.
    pub async fn last_quarantine_change(&self) -> Result<u64, Error> {
        let page = self
            .client()
            .query()
            .table_name(self.table())
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(QUARANTINE_CHANGES))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(1)
            .send()
            .await
            .map_err(|error| Error::call("Query", &error))?;
        match page.items().first().and_then(|found| found.get(attribute::SK)) {
            None => Ok(0),
            Some(AttributeValue::S(number)) => {
                number.parse().map_err(|_| Error::item(QUARANTINE_CHANGES, "`sk` is no number"))
            }
            Some(_) => Err(Error::item(QUARANTINE_CHANGES, "`sk` is no text")),
        }
    }
}
