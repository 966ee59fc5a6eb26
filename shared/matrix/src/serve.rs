//! Real HTTP for whatever hands out bytes itself: entity tags, conditions, ranges (RFC 9110, sections 8.8, 13 and 14).

use std::{borrow::Cow, ops::Range};

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};
use storage::Verb;

/// What a request says about the copy it has and the part that it wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Whether the answer is for a `HEAD`, which has the headers alone.
    pub is_head: bool,
    matching: Option<String>,
    none_match: Option<String>,
    if_range: Option<String>,
    range: Option<String>,
}

/// What of the bytes is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slice {
    /// All of them: 200.
    Whole,
    /// From the first up to, not including, the end: 206.
    Part(Range<u64>),
    /// None, since the caller has them: 304.
    NotModified,
    /// None, since the caller wants other bytes: 412.
    PreconditionFailed,
    /// None, since there are none there: 416.
    Unsatisfiable,
}

impl Wanted {
    /// For which method a link has to be signed that the caller can follow.
    #[must_use]
    pub fn verb(&self) -> Verb {
        if self.is_head { Verb::Head } else { Verb::Get }
    }

    /// Reads the headers of a request. Several lines of one header are one list.
    #[must_use]
    pub fn read(method: &Method, headers: &HeaderMap) -> Self {
        let is_head = method == Method::HEAD;
        let read = |name: HeaderName| {
            // What is no text still asks for something: it matches nothing, rather than asking for nothing.
            let text = |line: &HeaderValue| String::from_utf8_lossy(line.as_bytes()).into_owned();
            let lines: Vec<_> = headers.get_all(name).iter().map(text).collect();
            if lines.is_empty() { None } else { Some(lines.join(",")) }
        };
        Self {
            is_head,
            matching: read(header::IF_MATCH),
            none_match: read(header::IF_NONE_MATCH),
            if_range: read(header::IF_RANGE),
            // Ranges are for GET alone (RFC 9110, section 14.2).
            range: read(header::RANGE).filter(|_| !is_head),
        }
    }

    /// What is answered of `length` bytes under the strong entity tag `etag`, with its quotes; `None` where nobody knows
    /// yet what the bytes are. In the order of RFC 9110, section 13.2.2; without dates, since none are given out.
    #[must_use]
    pub fn of(&self, etag: Option<&str>, length: u64) -> Slice {
        let fails =
            |tags: &str| !tags_of(tags).any(|tag| tag.is_any || (!tag.is_weak && Some(tag.opaque) == etag));
        if self.matching.as_deref().is_some_and(fails) {
            return Slice::PreconditionFailed;
        }
        // Weakness does not matter for a copy that is only to be used again (section 13.1.2).
        let has = |tags: &str| tags_of(tags).any(|tag| tag.is_any || Some(tag.opaque) == etag);
        if self.none_match.as_deref().is_some_and(has) {
            return Slice::NotModified;
        }
        let Some(range) = self.range.as_deref().filter(|_| self.continues(etag)) else {
            return Slice::Whole;
        };
        match Bytes::parse(range) {
            None => Slice::Whole,
            Some(bytes) => bytes.within(length).map_or(Slice::Unsatisfiable, Slice::Part),
        }
    }

    /// Whether a part is of the same bytes that the caller has the others of: only a strong tag says so, and a date never
    /// does here (section 13.1.5).
    fn continues(&self, etag: Option<&str>) -> bool {
        self.if_range.as_deref().is_none_or(|said| Some(said.trim()) == etag)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Wanted {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::read(&parts.method, &parts.headers))
    }
}

/// One range of a `Range` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bytes {
    /// From here to the end.
    From(u64),
    /// From the first to the last, both included.
    Between(u64, u64),
    /// So many at the end.
    Last(u64),
}

impl Bytes {
    /// Reads `bytes=0-499`, `bytes=500-` or `bytes=-500`. `None` for what may be ignored, so that the whole is answered:
    /// other units, nonsense, and lists, which a server need not answer (RFC 9110, section 14.2).
    #[must_use]
    pub fn parse(range: &str) -> Option<Self> {
        let (unit, set) = range.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = set.trim().split_once('-')?;
        match (first.is_empty(), last.is_empty()) {
            (true, true) => None,
            (true, false) => Some(Self::Last(digits(last)?)),
            (false, true) => Some(Self::From(digits(first)?)),
            (false, false) => {
                let (first, last) = (digits(first)?, digits(last)?);
                (first <= last).then_some(Self::Between(first, last))
            }
        }
    }

    /// The part of `length` bytes that this is, never an empty one; `None` when it lies wholly beyond them.
    #[must_use]
    pub fn within(self, length: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first) => first..length,
            Self::Between(first, last) => first..length.min(last.saturating_add(1)),
            Self::Last(count) => length.saturating_sub(count)..length,
        };
        (!range.is_empty()).then_some(range)
    }
}

/// A number of any length: what is too large is as large as can be, which is beyond every end.
fn digits(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// An entity tag of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag<'a> {
    /// `*`, which is every tag.
    is_any: bool,
    is_weak: bool,
    /// With its quotes.
    opaque: &'a str,
}

/// The tags of `If-Match` and `If-None-Match`. A tag may hold commas; what is no tag is passed over.
fn tags_of(list: &str) -> impl Iterator<Item = Tag<'_>> {
    let mut rest = list;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return None;
            }
            if let Some(after) = rest.strip_prefix('*') {
                rest = after;
                return Some(Tag { is_any: true, is_weak: false, opaque: "*" });
            }
            let (is_weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
            let end = quoted.strip_prefix('"').and_then(|inner| inner.find('"'));
            match end {
                Some(end) => {
                    let (opaque, after) = quoted.split_at(end + 2);
                    rest = after;
                    return Some(Tag { is_any: false, is_weak, opaque });
                }
                None => rest = rest.split_once(',').map_or("", |(_, after)| after),
            }
        }
    })
}

/// The strong entity tag of what has this digest, or is named by it: the same bytes have the same tag.
#[must_use]
pub fn entity_tag(digest: impl std::fmt::Display) -> String {
    format!("\"{digest}\"")
}

/// `bytes 0-4/10`, for a 206; `bytes */10`, for a 416.
#[must_use]
pub fn content_range(part: Option<&Range<u64>>, length: u64) -> String {
    let part = part.map_or(Cow::Borrowed("*"), |part| format!("{}-{}", part.start, part.end - 1).into());
    format!("bytes {part}/{length}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETAG: &str = "\"abc\"";

    fn wanted(headers: &[(&'static str, &str)]) -> Wanted {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Wanted::read(&Method::GET, &map)
    }

    #[track_caller]
    fn check(headers: &[(&'static str, &str)], slice: &Slice) {
        assert_eq!(&wanted(headers).of(Some(ETAG), 10), slice);
    }

    #[test]
    fn a_copy_that_is_the_same_is_not_sent_again() {
        for list in ["\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*", "\"a,b\",W/\"abc\"", "nonsense, \"abc\""]
        {
            check(&[("if-none-match", list)], &Slice::NotModified);
        }
        check(&[("if-none-match", "\"x\""), ("if-none-match", "\"abc\"")], &Slice::NotModified);
        for list in ["\"x\"", "abc", "1", "", "\"abc", "\"x,\"abc\"\"x"] {
            check(&[("if-none-match", list)], &Slice::Whole);
        }
        assert_eq!(wanted(&[("if-none-match", "\"abc\"")]).of(None, 10), Slice::Whole);
    }

    #[test]
    fn whoever_wants_other_bytes_is_told() {
        check(&[("if-match", "\"x\"")], &Slice::PreconditionFailed);
        check(&[("if-match", "W/\"abc\"")], &Slice::PreconditionFailed);
        check(&[("if-match", "\"x\", \"abc\"")], &Slice::Whole);
        check(&[("if-match", "*")], &Slice::Whole);
    }

    #[test]
    fn one_range_is_cut_to_the_bytes() {
        for (range, part) in [
            ("bytes=0-4", 0..5),
            ("bytes=8-100", 8..10),
            ("bytes=3-", 3..10),
            ("bytes=-4", 6..10),
            ("bytes=-100", 0..10),
            ("Bytes=0-0", 0..1),
            ("bytes=0-99999999999999999999999", 0..10),
        ] {
            check(&[("range", range)], &Slice::Part(part));
        }
        for range in ["bytes=10-", "bytes=-0", "bytes=99999999999999999999-"] {
            check(&[("range", range)], &Slice::Unsatisfiable);
        }
        for ignored in
            ["bytes=0-1,3-4", "bytes=5-2", "items=0-1", "bytes", "bytes=", "bytes=-", "bytes=+1-2", ""]
        {
            check(&[("range", ignored)], &Slice::Whole);
        }
        assert_eq!(wanted(&[("range", "bytes=0-")]).of(Some(ETAG), 0), Slice::Unsatisfiable);
    }

    #[test]
    fn a_range_continues_only_what_it_was_begun_with() {
        let range = ("range", "bytes=2-");
        check(&[range, ("if-range", "\"abc\"")], &Slice::Part(2..10));
        for other in ["\"x\"", "W/\"abc\"", "Tue, 24 Nov 2026 14:41:42 GMT", "abc"] {
            check(&[range, ("if-range", other)], &Slice::Whole);
        }
    }

    #[test]
    fn a_condition_that_is_no_text_is_not_met_and_not_forgotten() {
        let asked = |name: HeaderName| {
            let sent = HeaderValue::from_bytes(b"\"\xe4\"").unwrap();
            let range = HeaderValue::from_static("bytes=2-");
            let headers = HeaderMap::from_iter([(name, sent), (header::RANGE, range)]);
            Wanted::read(&Method::GET, &headers).of(Some(ETAG), 10)
        };
        assert_eq!(asked(header::IF_MATCH), Slice::PreconditionFailed);
        assert_eq!(asked(header::IF_NONE_MATCH), Slice::Part(2..10));
        assert_eq!(asked(header::IF_RANGE), Slice::Whole);
    }

    #[test]
    fn a_head_has_no_ranges() {
        let headers = HeaderMap::from_iter([(header::RANGE, "bytes=0-1".parse().unwrap())]);
        let wanted = Wanted::read(&Method::HEAD, &headers);
        assert!(wanted.is_head);
        assert_eq!(wanted.of(Some(ETAG), 10), Slice::Whole);
    }

    #[test]
    fn parts_say_where_they_lie() {
        assert_eq!(content_range(Some(&(2..5)), 10), "bytes 2-4/10");
        assert_eq!(content_range(None, 10), "bytes */10");
    }
}
