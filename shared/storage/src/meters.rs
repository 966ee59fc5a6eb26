//! Who has asked how often: one bucket for each caller and each kind of thing, shared by all processes.
//!
//! A bucket is one entry of the table of what may be forgotten, with one number: when it will be empty
//! ([`media_core::rate`]). Concurrency is decided by the conditions below, as in [`crate::guards`]. The SDK repeats calls
//! whose answer was lost, so a caller may, rarely, be counted twice: at these stakes that is not worth a token.

use std::time::Duration;

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use media_core::{
    Clock, Rate,
    rate::{Micros, Verdict},
};

use crate::{
    Ephemeral, Error, Outcome,
    item::{Item, attribute, number, text},
};

/// When a bucket will be empty, in microseconds since the Unix epoch.
const EMPTY_US: &str = "empty_us";

/// The bucket is not empty, and what is put into it fits.
const FITS: &str = "empty_us BETWEEN :now AND :latest";

/// The bucket is empty, or there is none yet.
const IS_EMPTY: &str = "attribute_not_exists(pk) OR empty_us < :now";

/// How often a put is tried again that met others; then the caller counts as too fast, which is true.
const TRIES: usize = 8;

/// When a caller may come back who met so many others of their own.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// What is counted for a caller. The caller's name must not be a secret: it is the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter<'a> {
    /// What is counted.
    pub of: &'static str,
    /// Of whom.
    pub who: &'a str,
    /// How fast it drains and how much it holds.
    pub rate: Rate,
}

/// How a conditional put into a bucket ended.
enum Put {
    Done,
    /// The condition did not hold, and this is when the bucket will be empty.
    Met(Micros),
}

impl Ephemeral {
    /// Puts `units` into a bucket if they fit: one call when the bucket is in use, two when it is not. Who loses learns
    /// after how long they will fit.
    pub async fn take(&self, meter: &Meter<'_>, units: u64) -> Result<Outcome<(), Duration>, Error> {
        self.fill(meter, units, false).await
    }

    /// Puts `units` into a bucket whether or not they fit: what was used already is charged in full.
    pub async fn charge(&self, meter: &Meter<'_>, units: u64) -> Result<(), Error> {
        self.fill(meter, units, true).await.map(drop)
    }

    /// Whether `units` would fit, without putting them in: one read.
    pub async fn room(&self, meter: &Meter<'_>, units: u64) -> Result<Outcome<(), Duration>, Error> {
        let found = self
            .client()
            .get_item()
            .table_name(self.table())
            .key(attribute::PK, text(meter.key()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::call("GetItem", &error))?;
        let empty_at = found.item.as_ref().map_or(Micros(0), empty_at);
        Ok(match meter.rate.put(units, empty_at, now(self.clock())) {
            Verdict::Taken(_) => Outcome::Won(()),
            Verdict::Full(retry_after) => Outcome::Lost(retry_after),
        })
    }

    async fn fill(
        &self,
        meter: &Meter<'_>,
        units: u64,
        always: bool,
    ) -> Result<Outcome<(), Duration>, Error> {
        let rate = meter.rate;
        for _ in 0..TRIES {
            let now = now(self.clock());
            let latest = if always { Micros(u64::MAX >> 1) } else { rate.latest(units, now) };
            let more = number(rate.drain_us(units));
            let sum = "SET empty_us = empty_us + :more, ttl_s = :ttl";
            let values =
                [(":now", number(now.0)), (":latest", number(latest.0)), (":more", more), meter.ttl(now)];
            let met = match self.put_into(meter, sum, FITS, values).await? {
                Put::Done => return Ok(Outcome::Won(())),
                Put::Met(empty_at) => empty_at,
            };
            match rate.put(units, met, now) {
                Verdict::Full(retry_after) if !always => return Ok(Outcome::Lost(retry_after)),
                // It was emptied or filled between our clock and the call, and is tried again.
                _ if met >= now => continue,
                _ => {}
            }
            let filled = rate.filled(units, met, now);
            let anew = "SET empty_us = :filled, ttl_s = :ttl";
            let values = [(":now", number(now.0)), (":filled", number(filled.0)), meter.ttl(now)];
            if let Put::Done = self.put_into(meter, anew, IS_EMPTY, values).await? {
                return Ok(Outcome::Won(()));
            }
        }
        Ok(Outcome::Lost(BUSY_RETRY))
    }

    async fn put_into(
        &self,
        meter: &Meter<'_>,
        update: &str,
        condition: &str,
        values: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) -> Result<Put, Error> {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let updated = self
            .client()
            .update_item()
            .table_name(self.table())
            .key(attribute::PK, text(meter.key()))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match updated {
            Ok(_) => Ok(Put::Done),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Put::Met(failed.item().map_or(Micros(0), empty_at)))
                }
                _ => Err(Error::call("UpdateItem", &error)),
            },
        }
    }
}

impl Meter<'_> {
    fn key(&self) -> String {
        format!("R#{}#{}", self.of, self.who)
    }

    /// Forgotten once it is empty for certain, also when others fill it meanwhile.
    fn ttl(&self, now: Micros) -> (&'static str, AttributeValue) {
        let full_us = self.rate.drain_us(self.rate.burst.get());
        (":ttl", number(now.0.saturating_add(full_us.saturating_mul(2)) / 1_000_000))
    }
}

fn now(clock: &Clock) -> Micros {
    clock.now().into()
}

fn empty_at(item: &Item) -> Micros {
    let number = item.get(EMPTY_US).and_then(|value| value.as_n().ok());
    Micros(number.and_then(|digits| digits.parse().ok()).unwrap_or(0))
}
