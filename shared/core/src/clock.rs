//! The time, real or chosen.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rand::RngExt as _;

const MILLIS_OF_DAY: u64 = 86_400_000;

/// Where every part of the repository reads the time, so that a test can choose it.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    /// The system's time plus this many milliseconds, moved by [`Clock::advance`].
    Shifted(Arc<AtomicU64>),
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that runs with the system's and can be moved forward. All clones move together.
    #[must_use]
    pub fn movable() -> Self {
        Self(Source::Shifted(Arc::default()))
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::system(),
            Source::Shifted(by) => Timestamp(Timestamp::system().0 + by.load(Ordering::SeqCst)),
        }
    }

    /// Moves a movable clock forward; the system's clock stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Source::Shifted(shift) = &self.0 {
            shift.fetch_add(millis(by), Ordering::SeqCst);
        }
    }
}

/// A moment, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The UTC day that this moment is in.
    #[must_use]
    pub fn day(self) -> Day {
        Day(u32::try_from(self.0 / MILLIS_OF_DAY).unwrap_or(u32::MAX))
    }

    /// Whole seconds since the epoch, as DynamoDB's time-to-live attribute wants them.
    #[must_use]
    pub fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// How long from `earlier` until this moment; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This moment as the standard library writes it.
    #[must_use]
    pub fn to_system_time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one door to the system's time")]
    fn system() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(millis(since_epoch))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis(by)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(millis(by)))
    }
}

/// A UTC day, counted from the Unix epoch. Last access is kept by day, so that reading a popular picture all day
/// writes once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub u32);

impl Day {
    /// Its first moment.
    #[must_use]
    pub const fn starts(self) -> Timestamp {
        Timestamp(self.0 as u64 * MILLIS_OF_DAY)
    }

    /// The first moment of the day after it.
    #[must_use]
    pub const fn ends(self) -> Timestamp {
        Timestamp((self.0 as u64 + 1) * MILLIS_OF_DAY)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A quarter more or less, by chance, so that those who began to wait together do not all come back together.
#[must_use]
pub fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.75..1.25))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_movable_clock_moves_with_all_its_clones() {
        let clock = Clock::movable();
        let before = clock.clone().now();
        clock.clone().advance(Duration::from_hours(24));
        assert!(clock.now().since(before) >= Duration::from_hours(24));
        assert_eq!(clock.now().day().0, before.day().0 + 1);
    }

    #[test]
    fn time_never_runs_below_zero() {
        assert_eq!(Timestamp(5) - Duration::from_secs(1), Timestamp(0));
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
    }
}
