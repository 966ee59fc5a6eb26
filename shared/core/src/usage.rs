//! What is counted of one user's uploads, and whether one more is within what they may.
//!
//! Nothing here counts by itself: a caller loads a [`Usage`], asks for the one after a [`Count`], and writes that under the
//! condition that nobody has counted meanwhile. Every count has a name and is remembered for a while, so that a write
//! that meets itself changes nothing, and so that a recount knows which uploads are on their way.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use crate::{
    allowance::{Allowance, Window},
    clock::Timestamp,
    limits::{COUNT_MEMORY, MAX_REMEMBERED_COUNTS, WINDOW_STEPS},
};

/// What one user has here, and what they uploaded lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in all.
    pub bytes: u64,
    /// Files in all.
    pub files: u64,
    /// What was uploaded in each step of each window.
    pub lately: Vec<Step>,
    /// The latest counts, oldest first.
    pub counts: Vec<Count>,
}

/// What was uploaded in one step of a window. A window rolls on in [`WINDOW_STEPS`] of its own length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Of which window.
    pub period: Duration,
    /// The how-manieth step since the Unix epoch.
    pub number: u64,
    /// How much.
    pub bytes: u64,
}

/// Something that changes what a user has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The object that the upload brings, or brought ([`crate::Content::brought_as`]): no white space is in its key.
    pub of: String,
    /// Which of its changes.
    pub what: What,
    /// Bytes more, or less.
    pub bytes: i64,
    /// Files more, or less.
    pub files: i64,
    /// When the upload began, or the deletion ended.
    pub at: Timestamp,
}

/// Each happens once to one upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// An upload begins.
    Begun,
    /// Its bytes are here, and more or fewer than were counted.
    Measured,
    /// It came to nothing.
    Returned,
    /// Media was deleted.
    Deleted,
}

/// Why an upload is not within what its user may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// They have as many bytes as they may; or this is more than they ever may have.
    Bytes,
    /// They have as many files as they may.
    Files,
    /// Too much within a time: there will be room after this long.
    Lately(Duration),
}

/// What follows from a count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// This is to be written.
    Changed(Usage),
    /// It was counted already.
    Same,
}

impl Count {
    /// An upload begins, of so many bytes as far as is known.
    #[must_use]
    pub fn begun(of: &str, bytes: u64, at: Timestamp) -> Self {
        Self { of: of.to_owned(), what: What::Begun, bytes: signed(bytes), files: 1, at }
    }

    /// The bytes of an upload are here: `bytes` of them, where `counted` were counted.
    #[must_use]
    pub fn measured(&self, bytes: u64, counted: u64) -> Self {
        let bytes = signed(bytes).saturating_sub(signed(counted));
        Self { what: What::Measured, bytes, files: 0, ..self.clone() }
    }

    /// An upload came to nothing, of which `counted` bytes were counted.
    #[must_use]
    pub fn returned(&self, counted: u64) -> Self {
        Self { what: What::Returned, bytes: -signed(counted), files: -1, ..self.clone() }
    }

    /// Media was deleted. What was uploaded lately stays so: deleting is no way to upload more within a time.
    #[must_use]
    pub fn deleted(brought_as: &str, bytes: u64, at: Timestamp) -> Self {
        Self { of: brought_as.to_owned(), what: What::Deleted, bytes: -signed(bytes), files: -1, at }
    }

    fn is(&self, other: &Self) -> bool {
        self.of == other.of && self.what == other.what
    }
}

impl Usage {
    /// What it is after `count`, if that is within `allowance`. What takes away always is.
    ///
    /// # Errors
    /// [`Over`] what is the first limit that is in the way; those that deleting helps against before those that waiting does.
    pub fn after(&self, count: &Count, allowance: &Allowance, now: Timestamp) -> Result<After, Over> {
        if self.counts.iter().any(|there| there.is(count)) {
            return Ok(After::Same);
        }
        let mut after = Self {
            bytes: self.bytes.saturating_add_signed(count.bytes),
            files: self.files.saturating_add_signed(count.files),
            lately: self.lately_counting(count, &allowance.windows, now),
            counts: self.counts.clone(),
        };
        after.is_within(allowance, count, now)?;
        after.counts.push(count.clone());
        after.forget(now);
        Ok(After::Changed(after))
    }

    /// What was counted of uploads that nobody has a record of: they are on their way, or died within [`COUNT_MEMORY`].
    /// `is_recorded` says whether the media of an upload was found.
    #[must_use]
    pub fn on_their_way(&self, is_recorded: impl Fn(&str) -> bool, now: Timestamp) -> (u64, u64) {
        let mut uploads = BTreeMap::<&str, (i64, i64)>::new();
        for count in self.counts.iter().filter(|count| count.is_fresh(now)) {
            let (bytes, files) = uploads.entry(&count.of).or_default();
            *bytes = bytes.saturating_add(count.bytes);
            *files = files.saturating_add(count.files);
        }
        let missing = uploads.into_iter().filter(|(of, _)| !is_recorded(of));
        missing.fold((0, 0), |(bytes, files), (_, (more_bytes, more_files))| {
            (bytes.saturating_add_signed(more_bytes.max(0)), files.saturating_add_signed(more_files.max(0)))
        })
    }

    /// Nobody who goes past no further limit is refused because a limit was lowered meanwhile.
    fn is_within(&self, allowance: &Allowance, count: &Count, now: Timestamp) -> Result<(), Over> {
        let more = u64::try_from(count.bytes).unwrap_or(0);
        if more > 0 && allowance.total_bytes.is_some_and(|limit| self.bytes > limit) {
            return Err(Over::Bytes);
        }
        if count.files > 0 && allowance.files.is_some_and(|limit| self.files > limit) {
            return Err(Over::Files);
        }
        // What no window ever has room for is not to be waited for.
        if allowance.windows.iter().any(|window| more > window.bytes) {
            return Err(Over::Bytes);
        }
        let waits = allowance.windows.iter().filter_map(|window| self.wait(window, now));
        match waits.max().filter(|_| more > 0) {
            Some(wait) => Err(Over::Lately(wait)),
            None => Ok(()),
        }
    }

    /// How long until as much has left the window that the rest is within it; `None`: it is.
    fn wait(&self, window: &Window, now: Timestamp) -> Option<Duration> {
        let mut steps: Vec<_> = self.lately.iter().filter(|step| step.period == window.period).collect();
        steps.sort_by_key(|step| step.number);
        let mut within: u64 = steps.iter().fold(0, |sum, step| sum.saturating_add(step.bytes));
        let mut wait = None;
        for step in steps {
            if within <= window.bytes {
                break;
            }
            within = within.saturating_sub(step.bytes);
            wait = Some(step.leaves_at().since(now));
        }
        wait
    }

    /// The steps that are still within their windows, with what `count` says.
    fn lately_counting(&self, count: &Count, windows: &[Window], now: Timestamp) -> Vec<Step> {
        let mut steps = self.lately.clone();
        steps.retain(|step| step.leaves_at() > now);
        // Whoever deletes does not know which windows there are.
        if count.what == What::Deleted {
            return steps;
        }
        steps.retain(|step| windows.iter().any(|window| window.period == step.period));
        for Window { period, .. } in windows {
            let number = Step::number_at(*period, count.at);
            let there = steps.iter_mut().find(|step| (step.period, step.number) == (*period, number));
            match there {
                Some(step) => step.bytes = step.bytes.saturating_add_signed(count.bytes),
                None if count.bytes > 0 => {
                    steps.push(Step { period: *period, number, bytes: count.bytes.unsigned_abs() });
                }
                None => {}
            }
        }
        steps.retain(|step| step.bytes > 0);
        steps
    }

    fn forget(&mut self, now: Timestamp) {
        self.counts.retain(|count| count.is_fresh(now));
        let too_many = self.counts.len().saturating_sub(MAX_REMEMBERED_COUNTS);
        self.counts.drain(..too_many);
    }
}

impl Count {
    fn is_fresh(&self, now: Timestamp) -> bool {
        now.since(self.at) < COUNT_MEMORY
    }
}

impl Step {
    fn number_at(period: Duration, at: Timestamp) -> u64 {
        at.0 / Self::millis(period)
    }

    /// When all that was uploaded in it has left the window.
    fn leaves_at(&self) -> Timestamp {
        Timestamp((self.number + 1).saturating_mul(Self::millis(self.period))) + self.period
    }

    fn millis(period: Duration) -> u64 {
        u64::try_from(period.as_millis() / u128::from(WINDOW_STEPS)).unwrap_or(u64::MAX).max(1)
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// As the user's item keeps it: `PERIOD_S NUMBER BYTES`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.period.as_secs(), self.number, self.bytes)
    }
}

/// What is none comes from a later version, and does not count.
impl FromStr for Step {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let mut words = text.split(' ');
        let period = Duration::from_secs(next(&mut words)?);
        Ok(Self { period, number: next(&mut words)?, bytes: next(&mut words)? })
    }
}

/// As the user's item keeps it: `OF WHAT BYTES FILES AT_MS`.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            What::Begun => "begun",
            What::Measured => "measured",
            What::Returned => "returned",
            What::Deleted => "deleted",
        };
        write!(f, "{} {what} {} {} {}", self.of, self.bytes, self.files, self.at.0)
    }
}

impl FromStr for Count {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let mut words = text.split(' ');
        let of = next(&mut words)?;
        let what = match words.next() {
            Some("begun") => What::Begun,
            Some("measured") => What::Measured,
            Some("returned") => What::Returned,
            Some("deleted") => What::Deleted,
            _ => return Err(Unreadable),
        };
        let (bytes, files) = (next(&mut words)?, next(&mut words)?);
        Ok(Self { of, what, bytes, files, at: Timestamp(next(&mut words)?) })
    }
}

/// A step or a count that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a step nor a count")]
pub struct Unreadable;

fn next<'a, T: FromStr>(words: &mut impl Iterator<Item = &'a str>) -> Result<T, Unreadable> {
    words.next().and_then(|word| word.parse().ok()).ok_or(Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 60 * 60 * 1000;

    fn allowance(total_bytes: Option<u64>, files: Option<u64>, windows: &[(u64, u64)]) -> Allowance {
        let window = |&(hours, bytes)| Window { period: Duration::from_hours(hours), bytes };
        let windows = windows.iter().map(window).collect();
        Allowance { total_bytes, files, windows, ..Allowance::default() }
    }

    fn begun(of: &str, bytes: u64, at: u64) -> Count {
        Count::begun(of, bytes, Timestamp(at))
    }

    /// Counts, or says what is in the way.
    fn count(usage: &mut Usage, count: &Count, allowance: &Allowance, now: u64) -> Result<(), Over> {
        if let After::Changed(after) = usage.after(count, allowance, Timestamp(now))? {
            *usage = after;
        }
        Ok(())
    }

    #[test]
    fn bytes_and_files_are_taken_up_to_the_limit_and_not_beyond() {
        let (mut usage, may) = (Usage::default(), allowance(Some(10), Some(3), &[]));
        assert_eq!(count(&mut usage, &begun("a", 10, 0), &may, 0), Ok(()));
        assert_eq!(count(&mut usage, &begun("b", 1, 0), &may, 0), Err(Over::Bytes));
        assert_eq!(count(&mut usage, &begun("c", 0, 0), &may, 0), Ok(()));
        assert_eq!(count(&mut usage, &begun("d", 0, 0), &may, 0), Ok(()));
        assert_eq!(count(&mut usage, &begun("e", 0, 0), &may, 0), Err(Over::Files));
        assert_eq!((usage.bytes, usage.files), (10, 3));
    }

    #[test]
    fn what_is_counted_twice_counts_once_and_what_came_to_nothing_not_at_all() {
        let (mut usage, may) = (Usage::default(), allowance(Some(100), None, &[(24, 100)]));
        let upload = begun("a", 60, 0);
        for _ in 0..2 {
            count(&mut usage, &upload, &may, 0).unwrap();
        }
        assert_eq!((usage.bytes, usage.files), (60, 1));
        for _ in 0..2 {
            count(&mut usage, &upload.returned(60), &may, 5).unwrap();
        }
        assert_eq!((usage.bytes, usage.files, usage.lately.len()), (0, 0, 0));
    }

    #[test]
    fn an_upload_that_turns_out_larger_is_judged_again() {
        let (mut usage, may) = (Usage::default(), allowance(Some(10), None, &[]));
        let upload = begun("a", 0, 0);
        count(&mut usage, &upload, &may, 0).unwrap();
        assert_eq!(count(&mut usage, &upload.measured(11, 0), &may, 0), Err(Over::Bytes));
        count(&mut usage, &upload.measured(9, 0), &may, 0).unwrap();
        assert_eq!((usage.bytes, usage.files), (9, 1));
        let shorter = begun("b", 1, 0);
        count(&mut usage, &shorter, &may, 0).unwrap();
        count(&mut usage, &shorter.measured(0, 1), &may, 0).unwrap();
        assert_eq!((usage.bytes, usage.files), (9, 2));
    }

    #[test]
    fn a_window_says_when_enough_has_left_it_and_is_right() {
        let (mut usage, may) = (Usage::default(), allowance(None, None, &[(24, 100)]));
        count(&mut usage, &begun("a", 60, 0), &may, 0).unwrap();
        count(&mut usage, &begun("b", 40, 6 * HOUR), &may, 6 * HOUR).unwrap();
        let now = 12 * HOUR;
        let wait_for = |usage: &Usage, bytes| match usage.after(&begun("c", bytes, now), &may, Timestamp(now))
        {
            Err(Over::Lately(wait)) => wait,
            other => panic!("{other:?}"),
        };
        // The first leaves an hour late, which is a step; for more than it leaves room for, the second must leave, too.
        assert_eq!(wait_for(&usage, 60), Duration::from_hours(13));
        assert_eq!(wait_for(&usage, 61), Duration::from_hours(19));
        assert_eq!(usage.after(&begun("c", 101, now), &may, Timestamp(now)), Err(Over::Bytes), "never");
        let then = now + 13 * HOUR;
        let mut just_before = usage.clone();
        assert!(count(&mut just_before, &begun("c", 60, then - 1), &may, then - 1).is_err());
        assert_eq!(count(&mut usage, &begun("c", 60, then), &may, then), Ok(()));
    }

    #[test]
    fn deleting_makes_room_in_all_but_not_within_a_time() {
        let (mut usage, may) = (Usage::default(), allowance(Some(100), None, &[(24, 100)]));
        count(&mut usage, &begun("a", 100, 0), &may, 0).unwrap();
        assert_eq!(count(&mut usage, &begun("b", 1, 0), &may, 0), Err(Over::Bytes));
        let deleted = Count::deleted("a", 100, Timestamp(0));
        count(&mut usage, &deleted, &Allowance::default(), 0).unwrap();
        assert_eq!((usage.bytes, usage.files), (0, 0));
        assert!(matches!(count(&mut usage, &begun("b", 1, 0), &may, 0), Err(Over::Lately(_))));
        assert_eq!(usage.on_their_way(|_| false, Timestamp(1)), (0, 0), "neither on its way nor here");
    }

    #[test]
    fn counts_are_remembered_for_a_while_and_not_all() {
        let (mut usage, may) = (Usage::default(), allowance(None, None, &[(24, u64::MAX)]));
        for upload in 0..200 {
            count(&mut usage, &begun(&format!("upload{upload}"), 1, upload), &may, upload).unwrap();
        }
        assert_eq!((usage.files, usage.counts.len()), (200, MAX_REMEMBERED_COUNTS));
        assert_eq!(usage.lately.len(), 1);
        let later = 10 * 24 * HOUR;
        count(&mut usage, &begun("late", 1, later), &may, later).unwrap();
        assert_eq!((usage.counts.len(), usage.lately.len()), (1, 1));
    }

    #[test]
    fn a_recount_knows_what_is_on_its_way() {
        let (mut usage, may) = (Usage::default(), Allowance::default());
        let (recorded, on_its_way, failed) = (begun("a", 1, 0), begun("b", 10, 0), begun("c", 100, 0));
        for upload in [&recorded, &on_its_way, &failed] {
            count(&mut usage, upload, &may, 0).unwrap();
        }
        count(&mut usage, &on_its_way.measured(11, 10), &may, 0).unwrap();
        count(&mut usage, &failed.returned(100), &may, 0).unwrap();
        let is_recorded = |of: &str| of == "a";
        assert_eq!(usage.on_their_way(is_recorded, Timestamp(1)), (11, 1));
        assert_eq!(usage.on_their_way(is_recorded, Timestamp(25 * HOUR)), (0, 0), "it died");
    }

    #[test]
    fn steps_and_counts_survive_being_written_and_read() {
        let step = Step { period: Duration::from_hours(24), number: 7, bytes: u64::MAX };
        assert_eq!(step.to_string().parse(), Ok(step));
        let upload = begun("originals/a-_b", 5, 9);
        for count in
            [upload.measured(2, 5), upload.returned(5), Count::deleted("remote/x", 3, Timestamp(1)), upload]
        {
            assert_eq!(count.to_string().parse(), Ok(count));
        }
        for nonsense in ["", "a", "a begun 1", "a counted 1 1 1", "x 1 1"] {
            assert!(nonsense.parse::<Count>().is_err() && nonsense.parse::<Step>().is_err(), "{nonsense:?}");
        }
    }
}
