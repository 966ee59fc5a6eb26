//! `Range`, `If-Range`, `If-None-Match` and `If-Match`: a part always lies within the bytes, it is the one that was asked
//! for, and the headers decide one after the other.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use matrix::serve::{Bytes, Slice, Wanted, content_range};

/// The tag of the bytes that are asked for.
pub const ETAG: &str = "\"abc\"";

/// The headers that decide, in the order in which they do and in which [`hold`] takes their values.
const HEADERS: [HeaderName; 4] = [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_RANGE, header::RANGE];

/// Takes the first line as how many bytes there are, and up to four more as the headers of a request: an empty line is
/// none.
///
/// # Panics
/// When something does not hold.
pub fn hold(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut lines = text.split('\n');
    let Some(length) = lines.next().and_then(|line| line.parse().ok()) else { return };
    let values: [&str; 4] = std::array::from_fn(|_| lines.next().unwrap_or_default());
    the_headers_decide_one_after_the_other(values, length);
    a_range_is_the_one_that_was_asked_for(values[3], length);
    for list in [values[0], values[1]] {
        a_list_may_come_in_several_lines(list, values[2]);
        only_what_names_the_tag_matches(list);
    }
}

/// What the whole request gets is what the first of its headers that decides says by itself.
///
/// # Panics
/// When it does not hold.
pub fn the_headers_decide_one_after_the_other(values: [&str; 4], length: u64) {
    let [matching, none_match, if_range, range] = values;
    for etag in [Some(ETAG), None] {
        let of = |values| asked(values).of(etag, length);
        let all = of(values);
        let alone = [of([matching, "", "", ""]), of(["", none_match, "", ""]), of(["", "", if_range, range])];
        let decisive = alone.iter().find(|slice| **slice != Slice::Whole).cloned();
        assert_eq!(all, decisive.unwrap_or(Slice::Whole), "{values:?}");
        let is_continued = header_value(if_range).is_none() || Some(if_range.trim()) == etag;
        let by_range = of(["", "", "", range]);
        assert_eq!(alone[2], if is_continued { by_range } else { Slice::Whole }, "{values:?}");
        let head = Wanted::read(&Method::HEAD, &headers(values)).of(etag, length);
        assert_eq!(head, of([matching, none_match, "", ""]), "a HEAD has no ranges");
    }
}

/// Judged by the grammar (RFC 9110, section 14.1.2).
///
/// # Panics
/// When it does not hold.
pub fn a_range_is_the_one_that_was_asked_for(range: &str, length: u64) {
    let slice = asked(["", "", "", range]).of(Some(ETAG), length);
    match &slice {
        Slice::Part(part) => {
            assert!(part.start < part.end && part.end <= length, "{part:?} of {length}");
            let said = content_range(Some(part), length);
            let last = part.end - 1;
            assert_eq!(said, format!("bytes {}-{last}/{length}", part.start));
            // Asking for what was given gives the same.
            assert_eq!(Bytes::Between(part.start, last).within(length).as_ref(), Some(part));
        }
        Slice::Whole | Slice::Unsatisfiable => {}
        other => panic!("{other:?} is no answer to {range:?}"),
    }
    let understood = header_value(range).and_then(|_| asked_for(range));
    let expected = match understood {
        None => Slice::Whole,
        Some((first, last)) => {
            let length = u128::from(length);
            let (first, end) = match (first, last) {
                (Some(first), last) => {
                    (first, last.map_or(length, |last| length.min(last.saturating_add(1))))
                }
                (None, last) => (length.saturating_sub(last.unwrap_or_default()), length),
            };
            let byte = |at: u128| u64::try_from(at).expect("it is within the length");
            if first < end { Slice::Part(byte(first)..byte(end)) } else { Slice::Unsatisfiable }
        }
    };
    assert_eq!(slice, expected, "{range:?} of {length}");
}

/// Several lines of one header are one list.
///
/// # Panics
/// When it does not hold.
pub fn a_list_may_come_in_several_lines(one: &str, other: &str) {
    let (Some(first), Some(second)) = (header_value(one), header_value(other)) else { return };
    let mut lines = HeaderMap::new();
    lines.append(header::IF_NONE_MATCH, first);
    lines.append(header::IF_NONE_MATCH, second);
    let joined = format!("{one},{other}");
    assert_eq!(Wanted::read(&Method::GET, &lines), asked(["", &joined, "", ""]), "{joined:?}");
}

/// Nothing matches but the tag itself or the asterisk; a weak tag is as good for a copy and no good for a condition.
///
/// # Panics
/// When it does not hold.
pub fn only_what_names_the_tag_matches(list: &str) {
    let is_copy = |list: &str| asked(["", list, "", ""]).of(Some(ETAG), 1) == Slice::NotModified;
    let is_met = |list: &str| asked([list, "", "", ""]).of(Some(ETAG), 1) == Slice::Whole;
    let is_sent = header_value(list).is_some();
    assert!(!is_copy(list) || list.contains(ETAG) || list.contains('*'), "{list:?}");
    assert!(!is_met(list) || !is_sent || is_copy(list), "what is met is a copy: {list:?}");
    // After a whole list of tags, the tag itself is one more.
    if is_sent && is_list_of_tags(list) {
        assert!(is_copy(&format!("{list}, W/{ETAG}")) && is_copy(&format!("{ETAG},{list}")), "{list:?}");
        assert!(is_met(&format!("{list} , {ETAG}")), "{list:?}");
        assert_eq!(is_met(&format!("{list}, W/{ETAG}")), is_met(list), "{list:?}");
    }
}

fn asked(values: [&str; 4]) -> Wanted {
    Wanted::read(&Method::GET, &headers(values))
}

fn headers(values: [&str; 4]) -> HeaderMap {
    let sent = HEADERS.into_iter().zip(values);
    sent.filter_map(|(name, value)| Some((name, header_value(value)?))).collect()
}

/// What can be sent, of any letters but controls. Nothing is no header.
fn header_value(value: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(value).ok().filter(|value| !value.is_empty())
}

/// The first and the last position of a single range, of which one may be missing; `None` for what may be ignored.
fn asked_for(range: &str) -> Option<(Option<u128>, Option<u128>)> {
    let (unit, set) = range.split_once('=')?;
    let (first, last) = set.trim().split_once('-')?;
    let number = |digits: &str| match digits {
        "" => Some(None),
        _ if !digits.chars().all(|digit| digit.is_ascii_digit()) => None,
        // Numbers beyond every length are all the same.
        _ => Some(Some(digits.parse::<u64>().unwrap_or(u64::MAX).into())),
    };
    let (first, last) = (number(first)?, number(last)?);
    let is_range = match (first, last) {
        (None, None) => false,
        (Some(first), Some(last)) => first <= last,
        _ => true,
    };
    (is_range && unit.trim().eq_ignore_ascii_case("bytes")).then_some((first, last))
}

/// `1#( [ "W/" ] DQUOTE *etagc DQUOTE )` (RFC 9110, section 8.8.3), of ASCII.
fn is_list_of_tags(list: &str) -> bool {
    let mut rest = list;
    loop {
        let quoted = rest.strip_prefix("W/").unwrap_or(rest);
        let Some((opaque, after)) = quoted.strip_prefix('"').and_then(|inner| inner.split_once('"')) else {
            return false;
        };
        if !opaque.bytes().all(|byte| byte == b'!' || (b'#'..=b'~').contains(&byte)) {
            return false;
        }
        let after = after.trim_matches([' ', '\t']);
        match after.strip_prefix(',') {
            Some(more) => rest = more.trim_matches([' ', '\t']),
            None => return after.is_empty(),
        }
    }
}
