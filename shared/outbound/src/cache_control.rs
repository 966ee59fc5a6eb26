//! For how long a reply may be kept, as its headers say (RFC 9111).

use std::time::Duration;

use http::{HeaderMap, header};
use media_core::Timestamp;

/// The life that the headers name: `None` when they name none, zero when they forbid keeping.
///
/// `Cache-Control` goes before `Expires` (RFC 9111 section 5.3); an `Expires` that is no date is in the past.
pub(crate) fn life(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let directives = || {
        let values = headers.get_all(header::CACHE_CONTROL).iter();
        values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim)
    };
    let says = |word: &str| directives().any(|directive| directive.eq_ignore_ascii_case(word));
    if says("no-store") || says("no-cache") {
        return Some(Duration::ZERO);
    }
    let max_age = directives().find_map(|directive| {
        let (name, seconds) = directive.split_once('=')?;
        let seconds = seconds.trim_matches('"').parse().ok()?;
        name.eq_ignore_ascii_case("max-age").then_some(Duration::from_secs(seconds))
    });
    max_age.or_else(|| {
        let expires = headers.get(header::EXPIRES)?.to_str().ok().and_then(http_date).unwrap_or_default();
        Some(expires.since(now))
    })
}

/// Reads the one form of a date that may be sent, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_weekday, date) = text.trim().split_once(", ")?;
    let mut words = date.split(' ');
    let day: u64 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let year: u64 = words.next()?.parse().ok().filter(|year| (1970..10_000).contains(year))?;
    let mut clock = words.next()?.splitn(3, ':').map(|part| part.parse::<u64>().ok());
    let (hours, minutes, seconds) = (clock.next()??, clock.next()??, clock.next()??);
    let is_possible = (1..=31).contains(&day) && hours < 24 && minutes < 60 && seconds < 61;
    if words.next() != Some("GMT") || !is_possible {
        return None;
    }
    let days = days_before(year, month) + day - 1;
    Some(Timestamp((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000))
}

/// Days from the epoch to the first of a month, counted from 0.
fn days_before(year: u64, month: usize) -> u64 {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let this_year_leaps = leap_days(year) > leap_days(year - 1);
    let leap_day = u64::from(month >= 2 && this_year_leaps);
    (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969) + BEFORE[month] + leap_day
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1994-11-06 08:49:37 UTC, the example of RFC 9110.
    const EXAMPLE: Timestamp = Timestamp(784_111_777_000);

    fn check(headers: &[(&'static str, &'static str)], expected: Option<u64>) {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), http::HeaderValue::from_static(value)))
            .collect();
        assert_eq!(life(&headers, EXAMPLE), expected.map(Duration::from_secs), "{headers:?}");
    }

    #[test]
    fn headers_say_how_long() {
        check(&[], None);
        check(&[("cache-control", "public, Max-Age=60")], Some(60));
        check(&[("cache-control", "max-age=\"60\"")], Some(60));
        check(&[("cache-control", "max-age=60"), ("cache-control", "no-store")], Some(0));
        check(&[("cache-control", "no-cache, max-age=60")], Some(0));
        check(&[("cache-control", "max-age=soon")], None);
        check(&[("expires", "Sun, 06 Nov 1994 08:50:37 GMT")], Some(60));
        check(&[("expires", "Sun, 06 Nov 1994 08:49:00 GMT")], Some(0));
        check(&[("expires", "0")], Some(0));
        check(&[("expires", "0"), ("cache-control", "max-age=5")], Some(5));
    }

    #[test]
    fn dates_are_counted_right() {
        for (text, millis) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(EXAMPLE.0)),
            ("Tue, 29 Feb 2000 12:00:00 GMT", Some(951_825_600_000)),
            ("Wed, 01 Mar 2000 00:00:00 GMT", Some(951_868_800_000)),
            ("Tue, 24 Nov 2026 15:16:20 GMT", Some(1_795_533_380_000)),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 06 Foo 1994 08:49:37 GMT", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("", None),
        ] {
            assert_eq!(http_date(text), millis.map(Timestamp), "{text}");
        }
    }
}
