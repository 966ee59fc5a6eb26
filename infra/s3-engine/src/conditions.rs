//! The conditions of a request: `If-Match` and its kin, judged against the object that is there (RFC 9110,
//! section 13; S3's own rules for writes).

use http::{HeaderMap, HeaderName, header};

use crate::error::Error;
use crate::times::parse_http_date;

/// What a request demands of the object, as far as it could be understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    matching: Option<Tags>,
    none_match: Option<Tags>,
    /// Unix seconds.
    modified_since: Option<u64>,
    /// Unix seconds.
    unmodified_since: Option<u64>,
    range: Option<IfRange>,
}

/// What becomes of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Proceed,
    NotModified,
    Failed,
}

/// Entity tags without quotes and weakness: S3 has only strong ones.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    Any,
    These(Vec<String>),
}

/// What a range is only good for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum IfRange {
    Tag(String),
    /// Unix seconds.
    Date(u64),
    /// Neither: it can never hold.
    Never,
}

impl Conditions {
    /// Takes the conditions out of a request, so that nobody else judges them by other rules.
    pub(crate) fn take_from(headers: &mut HeaderMap) -> Self {
        Self {
            matching: take(headers, &header::IF_MATCH).map(|value| Tags::parse(&value)),
            none_match: take(headers, &header::IF_NONE_MATCH).map(|value| Tags::parse(&value)),
            modified_since: take(headers, &header::IF_MODIFIED_SINCE).and_then(|v| parse_http_date(&v)),
            unmodified_since: take(headers, &header::IF_UNMODIFIED_SINCE).and_then(|v| parse_http_date(&v)),
            range: take(headers, &header::IF_RANGE).map(|value| IfRange::parse(&value)),
        }
    }

    /// Judges a read in the order of RFC 9110, section 13.2.2.
    pub(crate) fn judge_read(&self, etag: &str, modified_ms: u64) -> Verdict {
        let modified = modified_ms / 1000;
        let failed = match (&self.matching, self.unmodified_since) {
            (Some(tags), _) => !tags.contain(etag),
            (None, Some(since)) => modified > since,
            (None, None) => false,
        };
        let unmodified = match (&self.none_match, self.modified_since) {
            (Some(tags), _) => tags.contain(etag),
            (None, Some(since)) => modified <= since,
            (None, None) => false,
        };
        match (failed, unmodified) {
            (true, _) => Verdict::Failed,
            (false, true) => Verdict::NotModified,
            (false, false) => Verdict::Proceed,
        }
    }

    /// Whether a range may be given of this object, or only the whole (RFC 9110, section 13.1.5).
    pub(crate) fn allow_range(&self, etag: &str, modified_ms: u64) -> bool {
        match &self.range {
            None => true,
            Some(IfRange::Tag(tag)) => tag == etag,
            Some(IfRange::Date(date)) => *date == modified_ms / 1000,
            Some(IfRange::Never) => false,
        }
    }

    /// Judges a write over the object with this ETag, or over nothing.
    pub(crate) fn judge_write(&self, current: Option<&str>) -> Result<(), Error> {
        match (&self.none_match, current) {
            // S3 knows only the asterisk here.
            (Some(Tags::These(_)), _) => return Err(Error::ConditionNotOffered),
            (Some(Tags::Any), Some(_)) => return Err(Error::PreconditionFailed),
            _ => {}
        }
        match (&self.matching, current) {
            (Some(_), None) => Err(Error::NoSuchKey),
            (Some(tags), Some(etag)) if !tags.contain(etag) => Err(Error::PreconditionFailed),
            _ => Ok(()),
        }
    }
}

impl Tags {
    /// Quotes may be missing, as they may be for S3. No tag of S3's has a comma in it.
    fn parse(value: &str) -> Self {
        if value.trim() == "*" {
            return Self::Any;
        }
        Self::These(value.split(',').map(|tag| bare_tag(tag).to_owned()).collect())
    }

    fn contain(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|tag| tag == etag),
        }
    }
}

impl IfRange {
    fn parse(value: &str) -> Self {
        let value = value.trim();
        if value.starts_with('"') {
            return Self::Tag(bare_tag(value).to_owned());
        }
        parse_http_date(value).map_or(Self::Never, Self::Date)
    }
}

/// An entity tag without its quotes and its mark of weakness.
pub(crate) fn bare_tag(tag: &str) -> &str {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"')
}

fn take(headers: &mut HeaderMap, name: &HeaderName) -> Option<String> {
    // What is no text still asks for something: it matches nothing, rather than asking for nothing.
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let values: Vec<String> = headers.get_all(name).iter().map(text).collect();
    headers.remove(name);
    if values.is_empty() { None } else { Some(values.join(",")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tue, 24 Nov 2026 14:41:42 GMT, and half a second.
    const MODIFIED_MS: u64 = 1_795_531_302_500;
    const MODIFIED: &str = "Tue, 24 Nov 2026 14:41:42 GMT";
    const BEFORE: &str = "Tue, 24 Nov 2026 14:41:41 GMT";

    fn asked(headers: &[(&'static str, &str)]) -> Conditions {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let conditions = Conditions::take_from(&mut map);
        assert!(map.is_empty(), "conditions are taken out");
        conditions
    }

    #[track_caller]
    fn check_read(headers: &[(&'static str, &str)], verdict: Verdict) {
        assert_eq!(asked(headers).judge_read("abc", MODIFIED_MS), verdict);
    }

    #[test]
    fn reads_are_judged_by_tag() {
        check_read(&[], Verdict::Proceed);
        check_read(&[("if-match", "\"abc\"")], Verdict::Proceed);
        check_read(&[("if-match", "abc")], Verdict::Proceed);
        check_read(&[("if-match", "*")], Verdict::Proceed);
        check_read(&[("if-match", "\"x\", \"y\"")], Verdict::Failed);
        check_read(&[("if-none-match", "\"x\", W/\"abc\"")], Verdict::NotModified);
        check_read(&[("if-none-match", "\"x\""), ("if-none-match", "\"abc\"")], Verdict::NotModified);
        check_read(&[("if-none-match", "*")], Verdict::NotModified);
        check_read(&[("if-none-match", "\"x\"")], Verdict::Proceed);
    }

    #[test]
    fn reads_are_judged_by_date() {
        check_read(&[("if-modified-since", MODIFIED)], Verdict::NotModified);
        check_read(&[("if-modified-since", BEFORE)], Verdict::Proceed);
        check_read(&[("if-modified-since", "yesterday")], Verdict::Proceed);
        check_read(&[("if-unmodified-since", MODIFIED)], Verdict::Proceed);
        check_read(&[("if-unmodified-since", BEFORE)], Verdict::Failed);
    }

    #[test]
    fn a_tag_outweighs_a_date() {
        check_read(&[("if-match", "\"abc\""), ("if-unmodified-since", BEFORE)], Verdict::Proceed);
        check_read(&[("if-none-match", "\"x\""), ("if-modified-since", MODIFIED)], Verdict::Proceed);
    }

    #[test]
    fn a_condition_that_is_no_text_is_not_met_and_not_forgotten() {
        check_read(&[("if-match", "\"ä\"")], Verdict::Failed);
        check_read(&[("if-none-match", "\"ä\"")], Verdict::Proceed);
        assert!(!asked(&[("if-range", "\"ä\"")]).allow_range("abc", MODIFIED_MS));
        assert!(matches!(
            asked(&[("if-match", "ä")]).judge_write(Some("abc")),
            Err(Error::PreconditionFailed)
        ));
    }

    #[test]
    fn writes_are_judged_by_what_is_there() {
        let new_only = asked(&[("if-none-match", "*")]);
        assert!(new_only.judge_write(None).is_ok());
        assert!(matches!(new_only.judge_write(Some("abc")), Err(Error::PreconditionFailed)));
        let over_abc = asked(&[("if-match", "\"abc\"")]);
        assert!(over_abc.judge_write(Some("abc")).is_ok());
        assert!(matches!(over_abc.judge_write(Some("x")), Err(Error::PreconditionFailed)));
        assert!(matches!(over_abc.judge_write(None), Err(Error::NoSuchKey)));
        let odd = asked(&[("if-none-match", "\"abc\"")]);
        assert!(matches!(odd.judge_write(None), Err(Error::ConditionNotOffered)));
    }

    #[test]
    fn a_range_is_given_only_of_what_it_was_begun_with() {
        assert!(asked(&[]).allow_range("abc", MODIFIED_MS));
        assert!(asked(&[("if-range", "\"abc\"")]).allow_range("abc", MODIFIED_MS));
        assert!(!asked(&[("if-range", "\"x\"")]).allow_range("abc", MODIFIED_MS));
        assert!(asked(&[("if-range", MODIFIED)]).allow_range("abc", MODIFIED_MS));
        assert!(!asked(&[("if-range", BEFORE)]).allow_range("abc", MODIFIED_MS));
        assert!(!asked(&[("if-range", "W/\"abc\"")]).allow_range("abc", MODIFIED_MS));
    }
}
