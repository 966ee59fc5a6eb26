//! What may stay and what has to go: retention's decisions, one record at a time, and how much of a walk may be deleted.
//!
//! Nothing here deletes. Whoever does repeats the condition in the write itself (`storage::guards::Spared`), since a record
//! that was looked at may be asked for in the next moment.

use ruma_common::ServerName;

use crate::{
    clock::{Day, Timestamp},
    limits::RUBBISH_AFTER,
    record::{Record, State},
};

/// How long what is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Other servers' media that nobody asked for, in days; `None`: for ever. It can be fetched again.
    pub remote_days: Option<u32>,
    /// Our own that nobody asked for, in days; `None`: for ever. It cannot.
    pub local_days: Option<u32>,
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Stay,
    /// It goes, with all it has: nobody asked for it on this day or later.
    Unused {
        /// The first day of those on which it would have been spared.
        since: Day,
    },
    /// It goes: whoever it waited for will not come any more.
    Waited,
    /// Somebody began to delete it and may have died: the deletion is ended.
    HalfDeleted,
    /// A ban left word for an upload that died.
    UnreadWord,
}

/// Decides about a record, as it is known at `now`; `ours` is the name of this server.
///
/// What an administrator protects or hides stays (as in Synapse): the one is wanted, and the other is evidence. Media that
/// was never asked for counts from the day it came.
#[must_use]
pub fn decide(record: &Record, ours: &ServerName, now: Timestamp, keep: Retention) -> Fate {
    let is_rubbish = |since: Timestamp| since + RUBBISH_AFTER <= now;
    match &record.state {
        State::Stored(_) if record.protected || record.quarantined_by.is_some() => Fate::Stay,
        State::Stored(_) => {
            let is_ours = record.mxc.origin == ours;
            let days = if is_ours { keep.local_days } else { keep.remote_days };
            match days.map(|days| first_kept(now, days)) {
                Some(since) if last_used(record) < since => Fate::Unused { since },
                _ => Fate::Stay,
            }
        }
        State::Reserved(reservation) if is_rubbish(reservation.expires_at) => Fate::Waited,
        State::Fetching(lease) if is_rubbish(lease.expires_at) => Fate::Waited,
        State::Failed(failure) if is_rubbish(failure.retry_at) => Fate::Waited,
        State::Barred if is_rubbish(record.created_at) => Fate::UnreadWord,
        State::Deleting(_) => Fate::HalfDeleted,
        // Of what is being scanned somebody is asked, or will be again.
        State::Reserved(_) | State::Scanning(_) | State::Fetching(_) | State::Failed(_) | State::Barred => {
            Fate::Stay
        }
    }
}

/// The earliest day whose accesses keep something for `days` days. Today's and yesterday's always do: the day of an access
/// is written once, and clocks may differ.
#[must_use]
pub fn first_kept(now: Timestamp, days: u32) -> Day {
    Day(now.day().0.saturating_sub(days.max(1)))
}

/// The last day on which somebody asked for it, or the day it came.
#[must_use]
pub fn last_used(record: &Record) -> Day {
    record.last_access.unwrap_or_else(|| record.created_at.day())
}

/// How much one walk may delete: no more than so many, and no more than a part of all it has seen.
///
/// A wrong setting, a clock that jumped or a table that came back from a backup would otherwise cost everything at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brake {
    /// Deletions in one walk.
    pub most: u64,
    /// Percent of what was seen, from [`Brake::FREE`] on.
    pub percent: u64,
}

/// What a walk has seen and deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records that were looked at.
    pub seen: u64,
    /// Of these, those that had to go.
    pub gone: u64,
}

impl Brake {
    /// So many may go whatever part of all they are: a small server forgets all of its few.
    pub const FREE: u64 = 100;

    /// Whether one more may go.
    #[must_use]
    pub fn holds(self, Tally { seen, gone }: Tally) -> bool {
        let is_too_much = gone >= Self::FREE && gone.saturating_mul(100) >= seen.saturating_mul(self.percent);
        gone >= self.most || is_too_much
    }
}

/// Whether an object that nobody names is rubbish: old enough that no upload can be about to name it, no link lead to it.
#[must_use]
pub fn is_orphan(put_at: Timestamp, now: Timestamp) -> bool {
    now.since(put_at) >= RUBBISH_AFTER
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ruma_common::owned_server_name;

    use super::*;
    use crate::record::{Content, Failure, FailureReason, Lease, Remains, Reservation};

    const DAY: Duration = Duration::from_hours(24);

    fn now() -> Timestamp {
        Timestamp(0) + DAY * 1000
    }

    fn record(origin: &str, state: State) -> Record {
        Record {
            mxc: format!("mxc://{origin}/abc").parse().unwrap(),
            state,
            created_at: Timestamp(0) + DAY * 900,
            uploader: None,
            authenticated: true,
            quarantined_by: None,
            protected: false,
            last_access: None,
            picture: None,
        }
    }

    fn stored() -> State {
        State::Stored(Content {
            object_key: "originals/x".into(),
            brought_as: "originals/x".into(),
            content_type: "image/png".into(),
            size_bytes: 1,
            sha256: None,
            upload_name: None,
        })
    }

    #[track_caller]
    fn check(record: &Record, keep: Retention, expected: Fate) {
        assert_eq!(decide(record, &owned_server_name!("ours.example"), now(), keep), expected);
    }

    #[test]
    fn media_goes_when_nobody_asked_for_it_and_ours_only_when_that_is_wanted() {
        let keep = Retention { remote_days: Some(30), local_days: None };
        let since = Day(970);
        let mut theirs = record("theirs.example", stored());
        check(&theirs, keep, Fate::Unused { since });
        theirs.last_access = Some(Day(969));
        check(&theirs, keep, Fate::Unused { since });
        theirs.last_access = Some(Day(970));
        check(&theirs, keep, Fate::Stay);
        let ours = record("ours.example", stored());
        check(&ours, keep, Fate::Stay);
        check(&ours, Retention { remote_days: None, local_days: Some(99) }, Fate::Unused { since: Day(901) });
        check(&ours, Retention { remote_days: None, local_days: Some(100) }, Fate::Stay);
    }

    #[test]
    fn what_was_used_yesterday_stays_whatever_is_set() {
        let mut theirs = record("theirs.example", stored());
        theirs.last_access = Some(Day(999));
        check(&theirs, Retention { remote_days: Some(0), local_days: None }, Fate::Stay);
    }

    #[test]
    fn what_is_protected_or_hidden_stays() {
        let keep = Retention { remote_days: Some(1), local_days: Some(1) };
        let theirs = record("theirs.example", stored());
        check(&Record { protected: true, ..theirs.clone() }, keep, Fate::Stay);
        check(&Record { quarantined_by: Some("@a:b".into()), ..theirs }, keep, Fate::Stay);
    }

    #[test]
    fn who_waits_in_vain_goes_a_day_later() {
        let reserved = |expires_at| State::Reserved(Reservation { expires_at, staging_key: None });
        let fetching = |expires_at| State::Fetching(Lease { fence: 1, held_by: "a".into(), expires_at });
        let failed =
            |retry_at| State::Failed(Failure { reason: FailureReason::NotFound, attempts: 1, retry_at });
        let (late, young) = (now() - DAY, now() - DAY + Duration::from_millis(1));
        let keep = Retention::default();
        let states: [fn(Timestamp) -> State; 3] = [reserved, fetching, failed];
        for of in states {
            check(&record("ours.example", of(late)), keep, Fate::Waited);
            check(&record("ours.example", of(young)), keep, Fate::Stay);
        }
        check(&record("ours.example", State::Deleting(Remains::default())), keep, Fate::HalfDeleted);
        check(&record("ours.example", State::Barred), keep, Fate::UnreadWord);
        check(&Record { created_at: young, ..record("ours.example", State::Barred) }, keep, Fate::Stay);
    }

    #[test]
    fn a_walk_stops_at_its_most_and_when_it_would_take_too_much() {
        let brake = Brake { most: 1000, percent: 50 };
        for (seen, gone, holds) in
            [(10, 10, false), (99, 99, false), (100, 100, true), (201, 100, false), (10_000, 1000, true)]
        {
            assert_eq!(brake.holds(Tally { seen, gone }), holds, "{gone} of {seen}");
        }
    }

    #[test]
    fn an_object_is_an_orphan_after_a_day() {
        assert!(!is_orphan(now() - DAY + Duration::from_millis(1), now()));
        assert!(is_orphan(now() - DAY, now()));
        assert!(!is_orphan(now() + DAY, now()), "a clock that goes ahead");
    }
}
