//! Times between Unix milliseconds, HTTP dates and the protocol's own type.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use s3s::dto::{Timestamp, TimestampFormat};

/// The machine's clock, in Unix milliseconds.
#[expect(clippy::disallowed_methods, reason = "this is the default of the clock that everything else asks")]
pub(crate) fn machine_now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A duration in whole milliseconds, as far as they can be counted.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Unix milliseconds as the protocol's time.
pub(crate) fn timestamp(unix_ms: u64) -> Timestamp {
    Timestamp::from(UNIX_EPOCH + Duration::from_millis(unix_ms))
}

/// `2026-11-24T14:41:42.123Z`.
pub(crate) fn iso8601(unix_ms: u64) -> String {
    formatted(unix_ms, TimestampFormat::DateTime)
}

/// `Tue, 24 Nov 2026 14:41:42 GMT` (RFC 9110, section 5.6.7).
pub(crate) fn http_date(unix_ms: u64) -> String {
    formatted(unix_ms, TimestampFormat::HttpDate)
}

/// Unix seconds of an HTTP date in its preferred form; `None` for anything else, which RFC 9110 has us ignore.
pub(crate) fn parse_http_date(text: &str) -> Option<u64> {
    let parsed = Timestamp::parse(TimestampFormat::HttpDate, text.trim()).ok()?;
    unix_seconds(&parsed)
}

/// Unix seconds of a signature's moment, `20261124T144142Z`; `None` for anything else.
pub(crate) fn parse_signing_date(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T')?;
    let (year, month, day) = (date.get(..4)?, date.get(4..6)?, date.get(6..)?);
    let (hour, minute, second) = (time.get(..2)?, time.get(2..4)?, time.get(4..)?);
    let spelled = format!("{year}-{month}-{day}T{hour}:{minute}:{second}");
    unix_seconds(&Timestamp::parse(TimestampFormat::DateTime, &spelled).ok()?)
}

/// Unix seconds of the protocol's time; `None` before 1970.
pub(crate) fn unix_seconds(time: &Timestamp) -> Option<u64> {
    let mut text = Vec::new();
    time.format(TimestampFormat::EpochSeconds, &mut text).ok()?;
    let text = String::from_utf8(text).ok()?;
    text.split('.').next()?.parse().ok()
}

fn formatted(unix_ms: u64, format: TimestampFormat) -> String {
    let mut text = Vec::new();
    // Writing to memory cannot fail, and a year beyond 9999 has no form: nothing is then the honest answer.
    let _ = timestamp(unix_ms).format(format, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_of_a_signature_is_read() {
        assert_eq!(parse_signing_date("20261124T144142Z"), Some(1_795_531_302));
        for nonsense in ["", "T", "20261124", "20261124T144142", "2026112ßT144142Z", "20261324T144142Z"] {
            assert_eq!(parse_signing_date(nonsense), None, "{nonsense}");
        }
    }
}
