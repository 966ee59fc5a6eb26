//! Which bytes of an object a request asks for.

use s3s::dto::Range;

/// Some bytes of an object: from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Whether it was asked for as a part of the object, so that the answer is a 206.
    pub(crate) partial: bool,
}

/// The range lies wholly beyond the object's end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unsatisfiable;

impl Window {
    pub(crate) fn whole(size_bytes: u64) -> Self {
        Self { start: 0, end: size_bytes, partial: false }
    }

    pub(crate) fn of(range: Option<Range>, size_bytes: u64) -> Result<Self, Unsatisfiable> {
        let Some(range) = range else {
            return Ok(Self::whole(size_bytes));
        };
        let bytes = range.check(size_bytes).map_err(|_| Unsatisfiable)?;
        Ok(Self { start: bytes.start, end: bytes.end, partial: true })
    }

    pub(crate) fn length(self) -> u64 {
        self.end - self.start
    }

    /// `bytes 0-4/10`; `None` for a whole object and for an empty part, which has no such form.
    pub(crate) fn content_range(self, size_bytes: u64) -> Option<String> {
        let last = self.end.checked_sub(1).filter(|_| self.partial && self.start < self.end)?;
        Some(format!("bytes {}-{last}/{size_bytes}", self.start))
    }
}

/// Whether S3 would heed this `Range`. It answers what it does not understand, and lists of ranges, with the
/// whole object.
pub(crate) fn is_heeded(value: &str) -> bool {
    Range::parse(value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(range: &str, expected: Option<(u64, u64)>) {
        let window = Window::of(Some(Range::parse(range).unwrap()), 10);
        assert_eq!(window.ok().map(|window| (window.start, window.end)), expected);
    }

    #[test]
    fn ranges_are_cut_to_the_object() {
        check("bytes=0-4", Some((0, 5)));
        check("bytes=8-100", Some((8, 10)));
        check("bytes=3-", Some((3, 10)));
        check("bytes=-4", Some((6, 10)));
        check("bytes=-100", Some((0, 10)));
        check("bytes=10-", None);
        check("bytes=-0", None);
    }

    #[test]
    fn a_part_says_where_it_lies_and_a_whole_does_not() {
        let part = Window { start: 2, end: 5, partial: true };
        assert_eq!(part.content_range(10).as_deref(), Some("bytes 2-4/10"));
        assert_eq!(Window::whole(10).content_range(10), None);
    }

    #[test]
    fn lists_and_nonsense_are_not_heeded() {
        assert!(is_heeded("bytes=0-1"));
        for ignored in ["bytes=0-1,3-4", "bytes=5-2", "items=0-1", "bytes", ""] {
            assert!(!is_heeded(ignored), "{ignored}");
        }
    }
}
