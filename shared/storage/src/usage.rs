//! What each user has here: counted with each upload where it is limited, and recounted from their media.
//!
//! A count is a read and a write that is guarded by the read ([`crate::guards`]): whoever meets another looks at what that
//! one wrote, and decides anew. What a crash left counted, and what was here before anybody counted, a recount puts right.

use std::{collections::HashSet, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use media_core::{
    Allowance, Clock, Record, State, Timestamp, Usage, UserId,
    limits::{COUNT_ATTEMPTS, RECOUNT_PAGE},
    record::Remains,
    usage::{After, Count, Over},
};

use crate::{
    Error, Outcome, Records,
    erase::Erased,
    guards::Seen,
    item::{Item, MAIN, user_key},
    listing::Page,
};

/// How a user's media adds up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bytes in all.
    pub bytes: u64,
    /// Files in all.
    pub files: u64,
}

/// When to come back to a user whom so many count to that one has not got through.
const BUSY_RETRY: Duration = Duration::from_secs(1);

impl Records {
    /// What is counted of a user at this moment; `None` when nobody has counted yet.
    pub async fn usage(&self, user: &UserId) -> Result<Option<Usage>, Error> {
        let seen = self.seen_usage(user).await?;
        Ok(seen.is_counted().then_some(seen.usage))
    }

    /// Counts something to a user, if it is within what they may. Counting the same twice counts it once.
    pub async fn count(
        &self,
        user: &UserId,
        count: &Count,
        allowance: &Allowance,
        now: Timestamp,
    ) -> Result<Outcome<(), Over>, Error> {
        let mut seen = self.seen_usage(user).await?;
        for _ in 0..COUNT_ATTEMPTS {
            let after = match seen.usage.after(count, allowance, now) {
                Ok(After::Changed(after)) => after,
                Ok(After::Same) => return Ok(Outcome::Won(())),
                Err(over) => return Ok(Outcome::Lost(over)),
            };
            match self.write_usage(user, &seen, &after).await? {
                Outcome::Won(()) => return Ok(Outcome::Won(())),
                Outcome::Lost(there) => seen = there,
            }
        }
        Ok(Outcome::Lost(Over::Lately(BUSY_RETRY)))
    }

    /// Gives back to its uploader what was counted of media that is deleted, where anything is counted. Of several who
    /// deleted it at once one gives back, and doing so again changes nothing.
    pub async fn give_back_deleted(&self, erased: &Erased, now: Timestamp) -> Result<(), Error> {
        let (Some(user), Some(brought_as), true) = (&erased.uploader, &erased.brought_as, erased.ended_it)
        else {
            return Ok(());
        };
        if self.usage(user).await?.is_none() {
            return Ok(());
        }
        let count = Count::deleted(brought_as, erased.size_bytes, now);
        // What takes away is within every allowance; where too many count at once, a recount puts it right.
        self.count(user, &count, &Allowance::default(), now).await.map(drop)
    }

    /// Counts a user's media anew, all of it, a page at a time, and what is on its way. The loser met another who counted
    /// meanwhile: nothing is changed, and a later recount may be luckier.
    ///
    /// What was uploaded lately stays as it was counted: it passes by itself.
    pub async fn recount(&self, user: &UserId, clock: &Clock) -> Result<Outcome<Totals, ()>, Error> {
        let seen = self.seen_usage(user).await?;
        let mut walk = Walk::new(&seen.usage);
        let mut from = None;
        loop {
            let Page { found, next } = self.of_user(user, false, Some(RECOUNT_PAGE), from.as_ref()).await?;
            let names: Vec<_> = found.into_iter().map(|owned| owned.mxc).collect();
            // As they are at this moment: the index may be a little behind.
            for record in self.get_many_latest(&names).await? {
                walk.meet(&record);
            }
            if next.is_none() {
                break;
            }
            from = next;
        }
        let totals = walk.totals(clock.now());
        let recounted = Usage { bytes: totals.bytes, files: totals.files, ..seen.usage.clone() };
        Ok(match self.write_usage(user, &seen, &recounted).await? {
            Outcome::Won(()) => Outcome::Won(totals),
            Outcome::Lost(_) => Outcome::Lost(()),
        })
    }

    async fn seen_usage(&self, user: &UserId) -> Result<Seen, Error> {
        let item = self.get_item(&user_key(user), MAIN, true).await?;
        Ok(item.as_ref().map(Seen::read).unwrap_or_default())
    }
}

/// What a recount has met so far. Of the media it remembers no more than the counts are about.
struct Walk<'a> {
    usage: &'a Usage,
    totals: Totals,
    recorded: HashSet<String>,
}

impl<'a> Walk<'a> {
    fn new(usage: &'a Usage) -> Self {
        Self { usage, totals: Totals::default(), recorded: HashSet::new() }
    }

    fn meet(&mut self, record: &Record) {
        let (brought_as, size_bytes) = match &record.state {
            State::Stored(content) | State::Scanning(content) => (&content.brought_as, content.size_bytes),
            // Its deletion gives back when it has ended.
            State::Deleting(Remains { brought_as: Some(key), size_bytes, .. }) => (key, *size_bytes),
            _ => return,
        };
        self.totals.bytes = self.totals.bytes.saturating_add(size_bytes);
        self.totals.files += 1;
        if self.usage.counts.iter().any(|count| count.of == *brought_as) {
            self.recorded.insert(brought_as.clone());
        }
    }

    fn totals(&self, now: Timestamp) -> Totals {
        let (bytes, files) = self.usage.on_their_way(|of| self.recorded.contains(of), now);
        Totals {
            bytes: self.totals.bytes.saturating_add(bytes),
            files: self.totals.files.saturating_add(files),
        }
    }
}

/// Reads a list of texts, of which those that cannot be read come from a later version.
pub(crate) fn all_in<T: std::str::FromStr>(item: &Item, name: &str) -> Vec<T> {
    let Some(AttributeValue::L(list)) = item.get(name) else { return Vec::new() };
    list.iter().filter_map(|text| text.as_s().ok()?.parse().ok()).collect()
}
