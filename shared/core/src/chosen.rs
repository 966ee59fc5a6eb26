//! Which records an administrator's order is about, when they say "what nobody asked for since".

use crate::{access::Origin, clock::Timestamp, limits::CLOCK_SKEW, record::Record};

/// Whether nobody has asked for this since `before`, as far as is known at `now`.
///
/// An access is known by its day alone. Other servers' media, which can be fetched again, counts as asked for when the day
/// began; our own, which cannot, when it ended, or now if it has not. So a purge of "everything up to now" means everything,
/// and one of "up to the third at noon" spares what one of our users looked at on the third.
#[must_use]
pub fn is_unused_since(record: &Record, origin: Origin, before: Timestamp, now: Timestamp) -> bool {
    let Some(day) = record.last_access else { return record.created_at < before };
    match origin {
        Origin::Remote => day.starts().max(record.created_at) < before,
        Origin::Local => day.ends().min(now) < before + CLOCK_SKEW,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        clock::Day,
        record::{Reservation, State},
    };

    const NOW: Timestamp = Day(100).starts();

    fn record(last_access: Option<Day>) -> Record {
        Record {
            mxc: "mxc://example.org/abc".parse().unwrap(),
            state: State::Reserved(Reservation { expires_at: NOW, staging_key: None }),
            created_at: Day(10).starts(),
            uploader: None,
            authenticated: true,
            quarantined_by: None,
            protected: false,
            last_access,
            picture: None,
        }
    }

    fn check(last_access: Option<u32>, origin: Origin, before: Timestamp, now: Timestamp, expected: bool) {
        let unused = is_unused_since(&record(last_access.map(Day)), origin, before, now);
        assert_eq!(unused, expected, "{last_access:?} {origin:?} {before:?}");
    }

    #[test]
    fn what_was_never_asked_for_is_as_old_as_its_record() {
        for origin in [Origin::Local, Origin::Remote] {
            check(None, origin, Day(10).starts(), NOW, false);
            check(None, origin, Timestamp(Day(10).starts().0 + 1), NOW, true);
        }
    }

    #[test]
    fn within_a_day_ours_is_spared_and_others_is_not() {
        let noon = Day(20).starts() + Duration::from_hours(12);
        check(Some(20), Origin::Local, noon, NOW, false);
        check(Some(20), Origin::Remote, noon, NOW, true);
        check(Some(19), Origin::Local, noon, NOW, true);
        check(Some(21), Origin::Remote, noon, NOW, false);
    }

    #[test]
    fn up_to_now_means_everything() {
        let now = Day(20).starts() + Duration::from_hours(12);
        check(Some(20), Origin::Local, now, now + Duration::from_millis(50), true);
        check(Some(20), Origin::Local, now - Duration::from_hours(1), now, false);
    }
}
