//! To which trace a piece of work belongs, as W3C and as X-Ray write it.
//!
//! <https://www.w3.org/TR/trace-context/>; X-Ray's header is in AWS's developer guide, "Tracing header". Only the trace's
//! id and whether it is sampled are carried on; `tracestate`, free text of whoever asks, is not.

use std::fmt;

/// A trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Never zero.
    id: u128,
    /// Whether whoever asks keeps what it records.
    sampled: bool,
}

/// The length of version 00: the four fields and three dashes between them.
const TRACEPARENT_CHARS: usize = 55;

impl Trace {
    /// A new one, of which nobody keeps anything yet.
    #[must_use]
    pub fn random() -> Self {
        Self { id: rand::random::<u128>().max(1), sampled: false }
    }

    /// Reads a `traceparent`; `None` for what W3C calls invalid. Later versions are read as far as they are like this one.
    #[must_use]
    pub fn parse(traceparent: &str) -> Option<Self> {
        let (known, rest) = traceparent.split_at_checked(TRACEPARENT_CHARS)?;
        let mut fields = known.split('-');
        let (version, id) = (hex(fields.next()?, 2)?, hex(fields.next()?, 32)?);
        let (parent, flags) = (hex(fields.next()?, 16)?, hex(fields.next()?, 2)?);
        let goes_on_well = match version {
            0xff => false,
            0 => rest.is_empty(),
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        (goes_on_well && id != 0 && parent != 0 && fields.next().is_none())
            .then_some(Self { id, sampled: flags & 1 == 1 })
    }

    /// Reads what X-Ray says, such as `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`.
    #[must_use]
    pub fn parse_x_ray(header: &str) -> Option<Self> {
        let field = |wanted: &str| {
            let mut fields = header.split(';').filter_map(|field| field.trim().split_once('='));
            fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
        };
        let (begun, chance) = field("Root")?.strip_prefix("1-")?.split_once('-')?;
        let id = hex(begun, 8)? << 96 | hex(chance, 24)?;
        (id != 0).then_some(Self { id, sampled: field("Sampled") == Some("1") })
    }

    /// The `traceparent` of a call made on its behalf, each with an id of its own.
    #[must_use]
    pub fn child(&self) -> String {
        let span = rand::random::<u64>().max(1);
        format!("00-{self}-{span:016x}-{:02x}", u8::from(self.sampled))
    }
}

/// The trace's id, as logs and X-Ray's console find it: 32 hexadecimal digits.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.id)
    }
}

/// Exactly so many digits, all of them small.
fn hex(digits: &str, chars: usize) -> Option<u128> {
    let small = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if small && digits.len() == chars { u128::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_traceparent_is_read_as_w3c_says() {
        let read = |text: &str| Trace::parse(text).map(|trace| (trace.to_string(), trace.sampled));
        for (text, sampled) in [
            (format!("00-{ID}-00f067aa0ba902b7-01"), true),
            (format!("00-{ID}-00f067aa0ba902b7-00"), false),
            // Bits that this version does not know.
            (format!("00-{ID}-00f067aa0ba902b7-ff"), true),
            (format!("cc-{ID}-00f067aa0ba902b7-01"), true),
            (format!("cc-{ID}-00f067aa0ba902b7-01-what-comes-later"), true),
        ] {
            assert_eq!(read(&text), Some((ID.to_owned(), sampled)), "{text}");
        }
        for text in [
            String::new(),
            format!("00-{ID}"),
            format!("ff-{ID}-00f067aa0ba902b7-01"),
            format!("00-{ID}-00f067aa0ba902b7-01-more"),
            format!("cc-{ID}-00f067aa0ba902b7-01.more"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{ID}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", ID.to_uppercase()),
            format!("00-{ID}-00f067aa0ba902b7-1"),
            format!("00-{ID}-00f067aa0ba902b7-é"),
            format!("00_{ID}_00f067aa0ba902b7_01"),
            format!("00--{}-00f067aa0ba902b7-01", &ID[1..]),
        ] {
            assert_eq!(read(&text), None, "{text}");
        }
    }

    #[test]
    fn x_rays_header_names_the_same_trace() {
        let read = |text: &str| Trace::parse_x_ray(text).map(|trace| (trace.to_string(), trace.sampled));
        let id = "5759e988bd862e3fe1be46a994272793";
        let root = "Root=1-5759e988-bd862e3fe1be46a994272793";
        for (text, sampled) in [
            (root.to_owned(), false),
            (format!("{root};Parent=53995c3f42cd8ad8;Sampled=1"), true),
            (format!("Self=1-x-y; {root}; Sampled=0; Lineage=a:1"), false),
        ] {
            assert_eq!(read(&text), Some((id.to_owned(), sampled)), "{text}");
        }
        for text in ["", "Root=", "Root=1-5759e988", "Root=2-5759e988-bd862e3fe1be46a994272793", "Sampled=1"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_call_belongs_to_the_trace_and_has_an_id_of_its_own() {
        let trace = Trace::parse(&format!("00-{ID}-00f067aa0ba902b7-01")).unwrap();
        let (one, two) = (trace.child(), trace.child());
        assert_eq!((Trace::parse(&one), Trace::parse(&two)), (Some(trace), Some(trace)));
        assert!(one != two && !one.contains("00f067aa0ba902b7"), "{one} {two}");
        let fresh = Trace::random();
        assert_eq!(Trace::parse(&fresh.child()), Some(fresh));
        assert_ne!(fresh, Trace::random());
    }
}
