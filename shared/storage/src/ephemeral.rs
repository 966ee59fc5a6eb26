//! What may be forgotten: entries that expire. DynamoDB's time-to-live is only the broom; every reader checks the
//! expiry itself.

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use media_core::{Clock, Timestamp};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error,
    item::{attribute, number, text, time},
};

/// The attribute that holds an entry's value, as JSON.
const VALUE: &str = "value_json";

/// The table of what may be forgotten.
#[derive(Clone, Debug)]
pub struct Ephemeral {
    client: Client,
    table: String,
    clock: Clock,
}

/// An entry with the moment it stops being true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiring<T> {
    /// The value.
    pub value: T,
    /// From this moment on it is not believed.
    pub expires_at: Timestamp,
}

impl Ephemeral {
    pub(crate) fn new(client: Client, table: String, clock: Clock) -> Self {
        Self { client, table, clock }
    }

    /// The entry, unless there is none, it has expired, or it was written by a version that wrote it otherwise.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Expiring<T>>, Error> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(attribute::PK, text(key))
            .send()
            .await
            .map_err(|error| Error::call("GetItem", &error))?;
        let entry = found.item.as_ref().and_then(|item| {
            let expires_ms = item.get(attribute::EXPIRES_MS)?.as_n().ok()?.parse().ok()?;
            let value = serde_json::from_str(item.get(VALUE)?.as_s().ok()?).ok()?;
            Some(Expiring { value, expires_at: Timestamp(expires_ms) })
        });
        Ok(entry.filter(|entry| entry.expires_at > self.clock.now()))
    }

    /// Writes an entry over whatever was there.
    pub async fn put<T: Serialize>(&self, key: &str, entry: &Expiring<T>) -> Result<(), Error> {
        let value = serde_json::to_string(&entry.value).map_err(|error| Error::call("PutItem", &error))?;
        self.client
            .put_item()
            .table_name(&self.table)
            .item(attribute::PK, text(key))
            .item(VALUE, AttributeValue::S(value))
            .item(attribute::EXPIRES_MS, time(entry.expires_at))
            .item(attribute::TTL_S, number(entry.expires_at.as_secs()))
            .send()
            .await
            .map_err(|error| Error::call("PutItem", &error))?;
        Ok(())
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }
}
