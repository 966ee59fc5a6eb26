//! How often, or how much: a rate with room for a burst, kept as one moment for each caller.
//!
//! This is the generic cell rate algorithm in its form of virtual scheduling (ITU-T I.371): every unit takes a caller's
//! bucket some time to drain, and what is remembered is when the bucket will be empty. A full bucket takes nothing more.

use std::{fmt, num::NonZeroU64, str::FromStr, time::Duration};

use crate::clock::Timestamp;

const MICROS_PER_SECOND: u64 = 1_000_000;

/// So many units a second in the long run, and so many at once. A unit is a request or a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// What drains in a second.
    pub per_second: NonZeroU64,
    /// What a bucket holds.
    pub burst: NonZeroU64,
}

/// A moment in microseconds since the Unix epoch: fine enough for a rate of thousands a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Micros(pub u64);

/// Whether a bucket takes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does, and will be empty at this moment.
    Taken(Micros),
    /// It is too full, and will take it after this long.
    Full(Duration),
}

impl Rate {
    /// A rate; `None` when either number is zero.
    #[must_use]
    pub const fn new(per_second: u64, burst: u64) -> Option<Self> {
        match (NonZeroU64::new(per_second), NonZeroU64::new(burst)) {
            (Some(per_second), Some(burst)) => Some(Self { per_second, burst }),
            _ => None,
        }
    }

    /// Puts `units` at `now` into a bucket that will be empty at `empty_at`, if they fit.
    #[must_use]
    pub fn put(self, units: u64, empty_at: Micros, now: Micros) -> Verdict {
        let latest = self.latest(units, now);
        match empty_at.0.checked_sub(latest.0) {
            None | Some(0) => Verdict::Taken(self.filled(units, empty_at, now)),
            Some(too_full) => Verdict::Full(Duration::from_micros(too_full)),
        }
    }

    /// When a bucket that would be empty at `empty_at` is, once `units` were put into it at `now`, whether or not they
    /// fit.
    #[must_use]
    pub fn filled(self, units: u64, empty_at: Micros, now: Micros) -> Micros {
        Micros(empty_at.max(now).0.saturating_add(self.drain_us(units)))
    }

    /// The latest emptying moment of a bucket that takes `units` at `now`.
    #[must_use]
    pub fn latest(self, units: u64, now: Micros) -> Micros {
        let room = self.drain_us(self.burst.get()).saturating_sub(self.drain_us(units));
        Micros(now.0.saturating_add(room))
    }

    /// How long `units` take to drain, in microseconds, rounded up.
    #[must_use]
    pub fn drain_us(self, units: u64) -> u64 {
        let micros =
            (u128::from(units) * u128::from(MICROS_PER_SECOND)).div_ceil(self.per_second.get().into());
        u64::try_from(micros).unwrap_or(u64::MAX)
    }
}

impl From<Timestamp> for Micros {
    fn from(at: Timestamp) -> Self {
        Self(at.0.saturating_mul(1000))
    }
}

/// `10/50`: ten a second, fifty at once.
impl FromStr for Rate {
    type Err = NoRate;

    fn from_str(text: &str) -> Result<Self, NoRate> {
        let (per_second, burst) = text.split_once('/').ok_or(NoRate)?;
        let number = |text: &str| text.trim().parse().map_err(|_| NoRate);
        Self::new(number(per_second)?, number(burst)?).ok_or(NoRate)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.per_second, self.burst)
    }
}

/// What is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a rate is written as units a second, a slash, and units at once, such as 10/50")]
pub struct NoRate;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = Micros(1_800_000_000_000_000);

    fn rate() -> Rate {
        Rate::new(10, 50).unwrap()
    }

    #[test]
    fn a_burst_fits_and_one_more_waits_for_its_turn() {
        let mut empty_at = Micros(0);
        for _ in 0..50 {
            let Verdict::Taken(then) = rate().put(1, empty_at, NOW) else { panic!("it fits") };
            empty_at = then;
        }
        assert_eq!(rate().put(1, empty_at, NOW), Verdict::Full(Duration::from_millis(100)));
        let later = Micros(NOW.0 + 100_000);
        assert!(matches!(rate().put(1, empty_at, later), Verdict::Taken(_)));
        assert!(matches!(rate().put(2, empty_at, later), Verdict::Full(_)));
    }

    #[test]
    fn a_bucket_that_was_left_alone_is_empty_and_no_more() {
        let long_ago = Micros(NOW.0 - 1_000_000_000);
        assert_eq!(rate().put(1, long_ago, NOW), Verdict::Taken(Micros(NOW.0 + 100_000)));
    }

    #[test]
    fn what_is_larger_than_a_bucket_needs_an_empty_one_and_blocks_it_for_long() {
        assert!(matches!(rate().put(51, NOW, NOW), Verdict::Taken(_)), "an empty bucket takes anything");
        assert!(matches!(rate().put(51, Micros(NOW.0 + 1), NOW), Verdict::Full(_)));
        let overfull = rate().filled(1000, NOW, NOW);
        assert_eq!(rate().put(1, overfull, NOW), Verdict::Full(Duration::from_millis(95_100)));
    }

    #[test]
    fn rates_are_written_and_read() {
        assert_eq!("10/50".parse(), Ok(rate()));
        assert_eq!(rate().to_string(), "10/50");
        for nonsense in ["", "10", "0/50", "10/0", "-1/5", "a/b", "10/50/60"] {
            assert_eq!(nonsense.parse::<Rate>(), Err(NoRate), "{nonsense}");
        }
    }

    #[test]
    fn enormous_numbers_saturate() {
        let slow = Rate::new(1, u64::MAX).unwrap();
        assert_eq!(slow.put(u64::MAX, NOW, NOW), Verdict::Taken(Micros(u64::MAX)));
    }
}
