//! What may be forgotten: entries that expire. DynamoDB's time-to-live is only the broom; every reader checks the
//! expiry itself.
//!
//! Whatever is written here is written over, but for the one guard, which stands beside it as others do in
//! [`crate::guards`].

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::put_item::PutItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use media_core::{Clock, Timestamp, mxc::random_name};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error, Outcome,
    item::{attribute, number, text, time},
};

/// The attribute that holds an entry's value, as JSON.
const VALUE: &str = "value_json";

/// An entry is new, or the one there has expired and was not swept yet. Own hand: the value, a random name.
const ABSENT: &str = "attribute_not_exists(pk) OR expires_ms <= :now";

/// Characters of that name: enough that two never meet.
const HAND_CHARS: usize = 24;
/// What is there is still what was seen, or nothing that anybody believes. Own hand: the very same value.
const REPLACE: &str =
    "attribute_not_exists(pk) OR expires_ms <= :now OR value_json = :seen OR value_json = :value";

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
        self.get_once(key, false).await
    }

    /// The same as it is at this moment: for whoever is about to write it again.
    pub async fn get_latest<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Expiring<T>>, Error> {
        self.get_once(key, true).await
    }

    async fn get_once<T: DeserializeOwned>(
        &self,
        key: &str,
        consistent: bool,
    ) -> Result<Option<Expiring<T>>, Error> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(attribute::PK, text(key))
            .consistent_read(consistent)
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
        let value = json(&entry.value)?;
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

    /// Leaves a mark until `expires_at`. Of several callers exactly one wins; for the others it was there already.
    pub async fn put_if_absent(
        &self,
        key: &str,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Outcome<(), ()>, Error> {
        let hand = AttributeValue::S(format!("\"{}\"", random_name(HAND_CHARS)));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(attribute::PK, text(key))
            .item(VALUE, hand.clone())
            .item(attribute::EXPIRES_MS, time(expires_at))
            .item(attribute::TTL_S, number(expires_at.as_secs()))
            .condition_expression(ABSENT)
            .expression_attribute_values(":now", time(now))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match put.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(Outcome::Won(())),
            Err(PutItemError::ConditionalCheckFailedException(failed)) => {
                // An engine that cannot say what was there is not asked again: a mark of this very moment that is taken
                // for somebody else's costs less than a call.
                let is_own = failed.item().and_then(|there| there.get(VALUE)) == Some(&hand);
                Ok(if is_own { Outcome::Won(()) } else { Outcome::Lost(()) })
            }
            Err(error) => Err(Error::call("PutItem", &error)),
        }
    }

    /// Writes an entry over what the caller has `seen`, or where nothing is believed any more. Of several callers who
    /// have seen the same exactly one wins, unless they write the same.
    pub async fn replace<T: Serialize>(
        &self,
        key: &str,
        seen: Option<&T>,
        entry: &Expiring<T>,
    ) -> Result<Outcome<(), ()>, Error> {
        let value = json(&entry.value)?;
        // No entry is empty, so that for somebody who has seen nothing this is true of none.
        let seen = seen.map(json).transpose()?.unwrap_or_default();
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(attribute::PK, text(key))
            .item(VALUE, AttributeValue::S(value.clone()))
            .item(attribute::EXPIRES_MS, time(entry.expires_at))
            .item(attribute::TTL_S, number(entry.expires_at.as_secs()))
            .condition_expression(REPLACE)
            .expression_attribute_values(":now", time(self.clock.now()))
            .expression_attribute_values(":seen", AttributeValue::S(seen))
            .expression_attribute_values(":value", AttributeValue::S(value))
            .send()
            .await;
        match put.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(Outcome::Won(())),
            Err(error) if error.is_conditional_check_failed_exception() => Ok(Outcome::Lost(())),
            Err(error) => Err(Error::call("PutItem", &error)),
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }
}

fn json<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::call("PutItem", &error))
}
