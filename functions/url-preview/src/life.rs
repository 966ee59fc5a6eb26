//! How long what was made of a page is given out without looking at the page again.

use std::time::Duration;

/// For a page that does not say (Synapse's).
const USUAL: Duration = Duration::from_hours(1);

/// For a page that does not want to be kept, or could not be had: whoever posts a link in a room has all its readers ask.
pub(crate) const LEAST: Duration = Duration::from_mins(5);

/// For a page that says it stays the same for ever (Synapse's).
pub(crate) const MOST: Duration = Duration::from_hours(24);

/// The life of a preview of which `said` this much, or of a failure.
pub(crate) fn of(is_made: bool, said: Option<Duration>) -> Duration {
    if is_made { said.unwrap_or(USUAL).clamp(LEAST, MOST) } else { LEAST }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_heard_within_bounds() {
        for (said, expected) in [
            (None, USUAL),
            (Some(Duration::ZERO), LEAST),
            (Some(Duration::from_mins(90)), Duration::from_mins(90)),
            (Some(Duration::MAX), MOST),
        ] {
            assert_eq!(of(true, said), expected, "{said:?}");
        }
        assert_eq!(of(false, Some(MOST)), LEAST);
    }
}
