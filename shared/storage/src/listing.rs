//! Lists of what is known, page by page: a user's media by the index, everything by a scan, and records by their names.
//!
//! Nothing here holds more than a page. Who wants to go on keeps the [`Cursor`], which is text enough to be kept by a job.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use media_core::{
    Mxc, Record, ServerName, Timestamp, UserId, clock::jittered, limits::POLL_FIRST, limits::SCAN_PAGE,
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Records,
    item::{self, BY_USER, Item, MAIN, THUMBNAIL, attribute, media_key, text},
};

/// Records asked for at once; DynamoDB takes no more (`BatchGetItem`).
const BATCH: usize = 100;

/// How often what DynamoDB left out of a batch is asked for again before that is a fault.
const BATCH_ATTEMPTS: u32 = 8;

/// What is read of an item to measure it; the bytes of small thumbnails are left where they are.
const MEASURED: &str = "pk, sk, user_id, created_ms, size_bytes";

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it. A page may be empty and not be the last.
    pub found: Vec<T>,
    /// Where the next one begins; `None` after the last.
    pub next: Option<Cursor>,
}

/// Where a list goes on: the key of what was read last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pk: String,
    sk: String,
    /// In a user's list: whose, and where in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_index: Option<(String, String)>,
}

/// A piece of media in its user's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// Its name.
    pub mxc: Mxc,
    /// When its name was given out.
    pub created_at: Timestamp,
}

/// What one item of the table takes up, for counting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Whose media it is, or of whose media it is a thumbnail: the server's name.
    pub origin: String,
    /// Who uploaded it; `None` for other servers' media and for thumbnails.
    pub user: Option<String>,
    /// When its name was given out; `None` for thumbnails.
    pub created_at: Option<Timestamp>,
    /// Its bytes; none while they have not come.
    pub size_bytes: u64,
}

impl Measured {
    /// Whether this is a thumbnail and no media by itself.
    #[must_use]
    pub fn is_thumbnail(&self) -> bool {
        self.created_at.is_none()
    }
}

impl Records {
    /// The names of a user's media by age, `limit` of them, or up to a megabyte, which is some thousands.
    pub async fn of_user(
        &self,
        user: &UserId,
        newest_first: bool,
        limit: Option<i32>,
        after: Option<&Cursor>,
    ) -> Result<Page<Owned>, Error> {
        let page = self
            .client()
            .query()
            .table_name(self.table())
            .index_name(BY_USER)
            .key_condition_expression("user_id = :user")
            .expression_attribute_values(":user", text(user.as_str()))
            .scan_index_forward(!newest_first)
            .set_limit(limit)
            .set_exclusive_start_key(after.map(Cursor::to_key))
            .send()
            .await
            .map_err(|error| Error::call("Query", &error))?;
        let found = page.items().iter().filter(|found| is_media(found)).map(item::to_owned_media);
        Ok(Page { found: found.collect::<Result<_, _>>()?, next: next(page.last_evaluated_key())? })
    }

    /// The records of these names, in no order that means anything; what has none is left out.
    pub async fn get_many(&self, names: &[Mxc]) -> Result<Vec<Record>, Error> {
        self.get_in_batches(names, false).await
    }

    /// The same as they are at this moment, at twice the price.
    pub(crate) async fn get_many_latest(&self, names: &[Mxc]) -> Result<Vec<Record>, Error> {
        self.get_in_batches(names, true).await
    }

    async fn get_in_batches(&self, names: &[Mxc], consistent: bool) -> Result<Vec<Record>, Error> {
        // DynamoDB refuses a batch that says a name twice.
        let mut seen = HashSet::with_capacity(names.len());
        let names: Vec<_> = names.iter().filter(|name| seen.insert(*name)).collect();
        let mut records = Vec::with_capacity(names.len());
        for batch in names.chunks(BATCH) {
            self.get_batch(batch, consistent, &mut records).await?;
        }
        Ok(records)
    }

    /// Every record, or those of one server's media, in no order: what [`SCAN_PAGE`] items hold of them, or a megabyte.
    ///
    /// A record that cannot be read is passed over and logged, or one would stand in the way of all that come after it.
    pub async fn scan(
        &self,
        origin: Option<&ServerName>,
        after: Option<&Cursor>,
    ) -> Result<Page<Record>, Error> {
        let (found, next) =
            self.scan_items("sk = :main AND begins_with(pk, :media)", None, origin, after).await?;
        let records = found.iter().filter_map(|found| match item::to_record(found) {
            Ok(record) => Some(record),
            Err(error) => {
                tracing::warn!(%error, "A record was passed over");
                None
            }
        });
        Ok(Page { found: records.collect(), next })
    }

    /// What all media and its thumbnails take up, or one server's: page by page as [`Self::scan`].
    pub async fn measure(
        &self,
        origin: Option<&ServerName>,
        after: Option<&Cursor>,
    ) -> Result<Page<Measured>, Error> {
        let filter = "(sk = :main OR begins_with(sk, :thumbnail)) AND begins_with(pk, :media)";
        let (found, next) = self.scan_items(filter, Some(MEASURED), origin, after).await?;
        Ok(Page { found: found.iter().filter_map(item::to_measured).collect(), next })
    }

    async fn scan_items(
        &self,
        filter: &str,
        attributes: Option<&str>,
        origin: Option<&ServerName>,
        after: Option<&Cursor>,
    ) -> Result<(Vec<Item>, Option<Cursor>), Error> {
        let prefix = origin.map_or_else(|| "M#".to_owned(), |origin| format!("M#{origin}#"));
        let thumbnail = filter.contains(":thumbnail").then(|| (":thumbnail".to_owned(), text(THUMBNAIL)));
        let values = [(":media".to_owned(), text(prefix)), (":main".to_owned(), text(MAIN))];
        let page = self
            .client()
            .scan()
            .table_name(self.table())
            .filter_expression(filter)
            .set_expression_attribute_values(Some(values.into_iter().chain(thumbnail).collect()))
            .set_projection_expression(attributes.map(ToOwned::to_owned))
            .limit(SCAN_PAGE)
            .set_exclusive_start_key(after.map(Cursor::to_key))
            .send()
            .await
            .map_err(|error| Error::call("Scan", &error))?;
        let next = next(page.last_evaluated_key())?;
        Ok((page.items.unwrap_or_default(), next))
    }

    async fn get_batch(&self, names: &[&Mxc], consistent: bool, into: &mut Vec<Record>) -> Result<(), Error> {
        let mut wanted: Vec<Item> = names
            .iter()
            .map(|mxc| {
                let key = [(attribute::PK, text(media_key(mxc))), (attribute::SK, text(MAIN))];
                key.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            })
            .collect();
        let mut pause = POLL_FIRST;
        for _ in 0..BATCH_ATTEMPTS {
            let keys =
                KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(consistent).build();
            let keys = keys.map_err(|error| Error::call("BatchGetItem", &error))?;
            let got = self.client().batch_get_item().request_items(self.table(), keys).send().await;
            let mut got = got.map_err(|error| Error::call("BatchGetItem", &error))?;
            let items = got.responses.as_mut().and_then(|tables| tables.remove(self.table()));
            for found in items.unwrap_or_default() {
                into.push(item::to_record(&found)?);
            }
            let left = got.unprocessed_keys.as_mut().and_then(|tables| tables.remove(self.table()));
            wanted = left.map(|keys| keys.keys).unwrap_or_default();
            if wanted.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
        Err(Error::item(self.table(), "DynamoDB goes on leaving records out of a batch"))
    }
}

impl Cursor {
    fn to_key(&self) -> Item {
        let in_table = [(attribute::PK, text(&self.pk)), (attribute::SK, text(&self.sk))];
        let in_index = self.in_index.iter().flat_map(|(user, created)| {
            [(attribute::USER_ID, text(user)), (attribute::CREATED_MS, AttributeValue::N(created.clone()))]
        });
        in_table.into_iter().chain(in_index).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

fn next(key: Option<&HashMap<String, AttributeValue>>) -> Result<Option<Cursor>, Error> {
    let Some(key) = key else { return Ok(None) };
    let (string, number) = (
        |name: &str| key.get(name).and_then(|value| value.as_s().ok()).cloned(),
        |name: &str| key.get(name).and_then(|value| value.as_n().ok()).cloned(),
    );
    let (Some(pk), Some(sk)) = (string(attribute::PK), string(attribute::SK)) else {
        return Err(Error::item("a page", "it ends in a key that is none of this table's"));
    };
    let in_index = string(attribute::USER_ID).zip(number(attribute::CREATED_MS));
    Ok(Some(Cursor { pk, sk, in_index }))
}

fn is_media(found: &Item) -> bool {
    let starts =
        |name, with| matches!(found.get(name), Some(AttributeValue::S(key)) if key.starts_with(with));
    starts(attribute::PK, "M#") && starts(attribute::SK, MAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_being_kept() {
        for in_index in [None, Some(("@a:example.org".to_owned(), "17".to_owned()))] {
            let cursor = Cursor { pk: "M#example.org#a".into(), sk: "A".into(), in_index };
            let kept = serde_json::to_string(&cursor).unwrap();
            assert_eq!(serde_json::from_str::<Cursor>(&kept).unwrap(), cursor);
            assert_eq!(next(Some(&cursor.to_key())).unwrap(), Some(cursor));
        }
        assert_eq!(next(None).unwrap(), None);
    }
}
