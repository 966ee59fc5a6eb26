//! `Content-Disposition`: every name survives being written, none can change the header, and any header can be read.

use http::HeaderValue;
use media_core::{
    admit::clean_file_name,
    disposition::{content_disposition, file_name_of, is_inline},
    limits::MAX_FILE_NAME_BYTES,
};

/// Takes the first line as a type and the rest as a name, and all of it as another server's header.
///
/// # Panics
/// When something does not hold.
pub fn hold(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (content_type, name) = text.split_once('\n').unwrap_or(("image/png", text));
    any_name_is_written_and_read_back(content_type, name);
    any_header_gives_a_clean_name(text);
}

/// # Panics
/// When it does not hold.
pub fn any_name_is_written_and_read_back(content_type: &str, name: &str) {
    let written = content_disposition(content_type, Some(name));
    assert!(written.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{written:?}");
    assert!(HeaderValue::try_from(&written).is_ok(), "{written:?}");
    let parameter = match written.strip_prefix("inline") {
        Some(rest) if is_inline(content_type) => rest,
        _ => written.strip_prefix("attachment").expect("what is not inline is an attachment"),
    };
    let clean = clean_file_name(name);
    assert_eq!(is_one_parameter(parameter), !clean.is_empty(), "{written:?}");
    assert!(!clean.is_empty() || parameter.is_empty(), "{written:?}");
    assert_eq!(file_name_of(&written).unwrap_or_default(), clean, "{written:?}");
}

/// What is read from any header can be kept and be written again.
///
/// # Panics
/// When it does not hold.
pub fn any_header_gives_a_clean_name(header: &str) {
    let Some(name) = file_name_of(header) else { return };
    assert!((1..=MAX_FILE_NAME_BYTES).contains(&name.len()), "{name:?}");
    assert!(!name.contains(char::is_control), "{name:?}");
    assert_eq!(clean_file_name(&name), name);
    any_name_is_written_and_read_back("image/png", &name);
}

/// Whether this is exactly `; filename=token`, `; filename="quoted string"` or `; filename*=utf-8''encoded` (RFC 6266
/// section 4.1, RFC 8187 section 3.2), and nothing could be taken for another parameter.
fn is_one_parameter(text: &str) -> bool {
    if let Some(encoded) = text.strip_prefix("; filename*=utf-8''") {
        let mut left = encoded.bytes();
        while let Some(byte) = left.next() {
            let is_fine = match byte {
                b'%' => left.next().is_some_and(is_upper_hex) && left.next().is_some_and(is_upper_hex),
                other => other.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&other),
            };
            if !is_fine {
                return false;
            }
        }
        return !encoded.is_empty();
    }
    let Some(value) = text.strip_prefix("; filename=") else { return false };
    let Some(quoted) = value.strip_prefix('"') else {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        return !value.is_empty() && value.bytes().all(is_token);
    };
    let mut left = quoted.bytes();
    while let Some(byte) = left.next() {
        match byte {
            b'"' => return left.next().is_none(),
            b'\\' if left.next().is_none() => return false,
            _ => {}
        }
    }
    false
}

fn is_upper_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'F')
}
