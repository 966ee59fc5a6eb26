//! `Content-Disposition`: what a browser may show by itself, and the file's name in a form that every reader parses.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{admit::clean_file_name, parameters::parameters};

/// The types a client may show by itself (client-server API, "Content repository", serving inline content). SVG, HTML,
/// JavaScript and PDF are left out on purpose.
const INLINE_TYPES: [&str; 26] = [
    "text/css",
    "text/plain",
    "text/csv",
    "application/json",
    "application/ld+json",
    "image/jpeg",
    "image/gif",
    "image/png",
    "image/apng",
    "image/webp",
    "image/avif",
    "video/mp4",
    "video/webm",
    "video/ogg",
    "video/quicktime",
    "audio/mp4",
    "audio/webm",
    "audio/aac",
    "audio/mpeg",
    "audio/ogg",
    "audio/wave",
    "audio/wav",
    "audio/x-wav",
    "audio/x-pn-wav",
    "audio/flac",
    "audio/x-flac",
];

/// What RFC 8187 leaves unencoded: `attr-char`.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The header's value for content of this type under this name: `inline` for the types above, else `attachment`.
///
/// A token is written bare, other printable ASCII as a quoted string, anything else as RFC 8187's `filename*` alone.
/// The value is ASCII and holds no control character, whatever the name was.
#[must_use]
pub fn content_disposition(content_type: &str, file_name: Option<&str>) -> String {
    let mut value = String::from(if is_inline(content_type) { "inline" } else { "attachment" });
    if let Some(name) = file_name.map(clean_file_name).filter(|name| !name.is_empty()) {
        push_file_name(&mut value, &name);
    }
    value
}

/// Whether a browser may show this type by itself; parameters and letter case do not matter.
#[must_use]
pub fn is_inline(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    INLINE_TYPES.iter().any(|safe| safe.eq_ignore_ascii_case(essence))
}

/// Reads the file name out of another server's header: `filename*` in UTF-8 first, else an ASCII `filename`.
///
/// What does not decode is ignored. The name is a label and never a path.
#[must_use]
pub fn file_name_of(disposition: &str) -> Option<String> {
    let (_, params) = disposition.split_once(';')?;
    let params: Vec<_> = parameters(params.chars()).collect();
    let find = |wanted: &str| {
        params.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
    };
    find("filename*")
        .and_then(|value| decode_extended(value))
        .or_else(|| find("filename").filter(|value| value.is_ascii()).cloned())
        .map(|name| clean_file_name(&name))
        .filter(|name| !name.is_empty())
}

fn push_file_name(value: &mut String, name: &str) {
    if name.bytes().all(is_token_byte) {
        let _ = write!(value, "; filename={name}");
    } else if name.is_ascii() {
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        let _ = write!(value, "; filename=\"{quoted}\"");
    } else {
        let _ = write!(value, "; filename*=utf-8''{}", utf8_percent_encode(name, NOT_ATTR_CHAR));
    }
}

/// RFC 9110 section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn decode_extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    percent_decode_str(encoded).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: &str) {
        let value = content_disposition("image/png", Some(name));
        assert_eq!(value, expected);
        assert_eq!(file_name_of(&value).as_deref(), Some(name), "read back");
    }

    #[test]
    fn every_kind_of_name_is_written_and_read_back() {
        check("ascii", "inline; filename=ascii");
        check("name with spaces", "inline; filename=\"name with spaces\"");
        check("name;with;semicolons", "inline; filename=\"name;with;semicolons\"");
        check("quo\"te\\", r#"inline; filename="quo\"te\\""#);
        check("\u{1F414}", "inline; filename*=utf-8''%F0%9F%90%94");
        check("a/b?c%d.png", "inline; filename=\"a/b?c%d.png\"");
        check("100%", "inline; filename=100%");
    }

    #[test]
    fn a_name_cannot_add_a_header() {
        let value = content_disposition("image/png", Some("a\r\nSet-Cookie: x\u{85}.png"));
        assert_eq!(value, "inline; filename=\"aSet-Cookie: x.png\"");
    }

    #[test]
    fn only_safe_types_are_shown_inline() {
        for safe in INLINE_TYPES {
            assert_eq!(content_disposition(safe, None), "inline");
        }
        assert!(is_inline("Text/Plain; charset=utf-8"));
        for unsafe_type in [
            "text/html",
            "image/svg+xml",
            "application/pdf",
            "application/javascript",
            "img/png",
            "",
            "text/plainx",
        ] {
            assert_eq!(content_disposition(unsafe_type, None), "attachment", "{unsafe_type}");
        }
    }

    #[test]
    fn other_servers_headers_are_read_with_patience() {
        for (header, expected) in [
            ("attachment; filename=a.png", Some("a.png")),
            ("ATTACHMENT;FILENAME=a.png", Some("a.png")),
            ("inline; filename=\"x.png\"; filename*=UTF-8''%e2%98%95", Some("☕")),
            ("inline; filename*=iso-8859-1''a; filename=b", Some("b")),
            ("inline; filename*=utf-8''%ff", None),
            ("inline; filename=\"open", Some("open")),
            ("inline", None),
            ("", None),
            ("inline; filename=", None),
            ("attachment; flag; filename=a.png", Some("a.png")),
        ] {
            assert_eq!(file_name_of(header).as_deref(), expected, "{header}");
        }
    }
}
