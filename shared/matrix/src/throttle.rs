//! How often one caller may ask, and how much others may send because of them.

use std::time::Duration;

use media_core::{
    Rate, Refusal,
    admit::is_named_by,
    limits::{REMOTE_HEAD_ROOM_BYTES, Rates},
};
use storage::{Ephemeral, Meter, Outcome};

use crate::{Caller, Result};

/// Counts callers in the table of what may be forgotten, so that all processes count alike. What has no rate is not
/// counted and costs nothing.
#[derive(Clone, Debug)]
pub struct Throttle {
    /// Where the counts are kept.
    pub ephemeral: Ephemeral,
    /// The rates.
    pub rates: Rates,
    /// Users who are not counted, such as a bridge's: names with `*` for any letters.
    pub unlimited: Vec<String>,
}

impl Throttle {
    /// Counts a media id that is to be created.
    pub async fn create(&self, caller: &Caller) -> Result<()> {
        self.take("create", self.rates.create, caller).await
    }

    /// Counts an upload.
    pub async fn upload(&self, caller: &Caller) -> Result<()> {
        self.take("upload", self.rates.upload, caller).await
    }

    /// Counts a download or a thumbnail.
    pub async fn read(&self, caller: &Caller) -> Result<()> {
        self.take("read", self.rates.read, caller).await
    }

    /// Whether another server's media may be fetched for this caller: there must be room for a little, since nobody knows
    /// yet how large it is. What came is charged in full ([`Self::charge_remote`]).
    pub async fn room_for_remote(&self, caller: &Caller) -> Result<()> {
        let Some(rate) = self.remote_rate(caller) else { return Ok(()) };
        let meter = Meter { of: REMOTE_BYTES, who: &caller.to_string(), rate };
        admitted(&self.ephemeral.room(&meter, REMOTE_HEAD_ROOM_BYTES).await?)
    }

    /// Charges what was fetched to whoever it was fetched for, by their name as [`Caller`] writes it.
    pub async fn charge_remote(&self, who: &str, bytes: u64) -> Result<(), storage::Error> {
        let Some(rate) = self.rates.remote_bytes else { return Ok(()) };
        self.ephemeral.charge(&Meter { of: REMOTE_BYTES, who, rate }, bytes).await
    }

    /// Whether this caller's limits are not to be applied.
    #[must_use]
    pub fn is_unlimited(&self, caller: &Caller) -> bool {
        match caller {
            Caller::User(user) => self.unlimited.iter().any(|pattern| is_named_by(pattern, user.as_str())),
            Caller::Address(_) => false,
        }
    }

    /// The name that remote bytes are charged to; `None` when they are not counted.
    #[must_use]
    pub fn charged_to(&self, caller: &Caller) -> Option<String> {
        self.remote_rate(caller).map(|_| caller.to_string())
    }

    fn remote_rate(&self, caller: &Caller) -> Option<Rate> {
        self.rates.remote_bytes.filter(|_| !self.is_unlimited(caller))
    }

    async fn take(&self, of: &'static str, rate: Option<Rate>, caller: &Caller) -> Result<()> {
        let Some(rate) = rate.filter(|_| !self.is_unlimited(caller)) else { return Ok(()) };
        let who = caller.to_string();
        admitted(&self.ephemeral.take(&Meter { of, who: &who, rate }, 1).await?)
    }
}

const REMOTE_BYTES: &str = "remote_bytes";

fn admitted(outcome: &Outcome<(), Duration>) -> Result<()> {
    match *outcome {
        Outcome::Won(()) => Ok(()),
        Outcome::Lost(retry_after) => Err(Refusal::LimitExceeded { retry_after }.into()),
    }
}
