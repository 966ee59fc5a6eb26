//! What retention decided of a record is carried out, under the condition that it still holds.

use media_core::{Mxc, Timestamp, retain::Fate};

use crate::{Error, Outcome, Store, erase::Erased, guards::Spared};

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried {
    /// It is gone, with all it had.
    Gone(Erased),
    /// It stays: so it was decided, or it was asked for, protected or hidden meanwhile, or another was quicker.
    Stays,
}

impl Store {
    /// Carries out what was decided of a record at `now`. Doing it twice, or two at once, changes nothing more.
    ///
    /// Whoever waited may have come in this very moment after all: then it was asked for today, and stays.
    pub async fn carry_out(&self, mxc: &Mxc, fate: Fate, now: Timestamp) -> Result<Carried, Error> {
        let unless_used = |since| Spared { protected: true, quarantined: true, used_since: Some(since) };
        let spared = match fate {
            Fate::Stay => return Ok(Carried::Stays),
            Fate::UnreadWord => {
                self.records.unbar(mxc).await?;
                return Ok(Carried::Stays);
            }
            Fate::Unused { since } => unless_used(since),
            // A name that was hidden or protected and never filled is nothing to keep.
            Fate::Waited => Spared { used_since: Some(now.day()), ..Spared::default() },
            Fate::HalfDeleted => Spared::default(),
        };
        Ok(match self.erase_unless(mxc, &spared).await? {
            Outcome::Won(erased) => Carried::Gone(erased),
            Outcome::Lost(_) => Carried::Stays,
        })
    }
}
