//! The title of a PDF, from its first and its last bytes alone.
//!
//! Read by hand, since what the crates for PDFs do is load and unpack whole documents, which is what must not be done with a
//! stranger's; of what they know a title needs two things. Metadata (XMP) are XML that stands in the file as it is (ISO
//! 32000-2 section 14.3.2), and the older information dictionary is found from the end of the file (section 14.3.3), unless
//! it is packed into a stream or encrypted: then there is no title, and the file's name is one.

use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::page::{on_one_line, words};

/// How much is read from the beginning, in bytes.
pub(crate) const HEAD_BYTES: usize = 256 * 1024;

/// How much is read from the end, in bytes.
pub(crate) const TAIL_BYTES: usize = 128 * 1024;

/// The longest title, in bytes as written.
const MAX_TITLE_BYTES: usize = 4 * 1024;

/// The title that the parts of a file say, the last part first: what was changed stands at the end.
pub(crate) fn title(head: &[u8], tail: &[u8]) -> Option<String> {
    if !head.starts_with(b"%PDF-") {
        return None;
    }
    let parts = [tail, head];
    let by_metadata = || parts.iter().find_map(|part| in_metadata(part));
    let title = in_information(parts).or_else(by_metadata)?;
    let title = on_one_line(&title);
    (!title.is_empty()).then_some(title)
}

/// `<dc:title><rdf:Alt><rdf:li xml:lang="x-default">…`
fn in_metadata(part: &[u8]) -> Option<String> {
    let title = between(part, b"<dc:title>", b"</dc:title>")?;
    let title = title.get(..title.len().min(MAX_TITLE_BYTES))?;
    // XML of this kind, read as HTML, has the same words.
    let title = words(&String::from_utf8_lossy(title));
    (!title.is_empty()).then_some(title)
}

/// `/Info 7 0 R` leads to `7 0 obj << … /Title (…) … >>`.
fn in_information(parts: [&[u8]; 2]) -> Option<String> {
    if parts.iter().any(|part| find(part, b"/Encrypt").is_some()) {
        return None;
    }
    let reference = parts.iter().find_map(|part| after_last(part, b"/Info"))?;
    let number: String = reference.trim_ascii_start().iter().map_while(|byte| digit(*byte)).collect();
    if number.is_empty() {
        return None;
    }
    let object = parts.iter().find_map(|part| object(part, &number))?;
    let mut said = after_last(object, b"/Title")?.trim_ascii_start();
    said = said.get(..said.len().min(MAX_TITLE_BYTES))?;
    let bytes = match said.first()? {
        b'(' => literal(&said[1..]),
        b'<' => hexadecimal(&said[1..]),
        _ => return None,
    };
    Some(letters(&bytes))
}

/// What stands between `7 0 obj` and `endobj`.
fn object<'a>(part: &'a [u8], number: &str) -> Option<&'a [u8]> {
    let name = format!("{number} 0 obj");
    let mut rest = part;
    let mut found = None;
    // The last of the name, which is not the end of a longer number.
    while let Some(at) = find(rest, name.as_bytes()) {
        let is_whole = at == 0 || digit(rest[at - 1]).is_none();
        rest = &rest[at + name.len()..];
        if is_whole {
            found = Some(rest);
        }
    }
    let object = found?;
    find(object, b"endobj").map(|end| &object[..end])
}

/// `(…)`, whose brackets are balanced or escaped (section 7.3.4.2), without the first of them.
fn literal(said: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut depth = 0_u32;
    let mut rest = said.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => match rest.next() {
                Some(b'n') => bytes.push(b'\n'),
                Some(b'r') => bytes.push(b'\r'),
                Some(b't') => bytes.push(b'\t'),
                Some(b'\n' | b'b' | b'f') | None => {}
                Some(b'\r') => {
                    rest.next_if_eq(&b'\n');
                }
                Some(first @ b'0'..=b'7') => {
                    let mut value = first - b'0';
                    for _ in 0..2 {
                        let Some(next) = rest.next_if(|byte| (b'0'..=b'7').contains(byte)) else { break };
                        value = value.wrapping_mul(8).wrapping_add(next - b'0');
                    }
                    bytes.push(value);
                }
                Some(other) => bytes.push(other),
            },
            b')' if depth == 0 => break,
            other => {
                match other {
                    b'(' => depth += 1,
                    b')' => depth -= 1,
                    _ => {}
                }
                bytes.push(other);
            }
        }
    }
    bytes
}

/// `<…>` (section 7.3.4.3), without the first bracket; a digit that is missing at the end is a zero.
fn hexadecimal(said: &[u8]) -> Vec<u8> {
    let digits = said.iter().take_while(|byte| **byte != b'>');
    let digits: Vec<u8> = digits.filter(|byte| byte.is_ascii_hexdigit()).copied().collect();
    let value = |digit: Option<&u8>| match digit.copied().unwrap_or(b'0') {
        digit @ b'0'..=b'9' => digit - b'0',
        digit => digit.to_ascii_lowercase() - b'a' + 10,
    };
    digits.chunks(2).map(|pair| value(pair.first()) << 4 | value(pair.get(1))).collect()
}

/// A text string (section 7.9.2.2): by its mark, or in PDFDocEncoding, which is windows-1252 for all but a few letters.
fn letters(bytes: &[u8]) -> String {
    let encoding = match bytes {
        [0xfe, 0xff, ..] => UTF_16BE,
        [0xff, 0xfe, ..] => UTF_16LE,
        [0xef, 0xbb, 0xbf, ..] => UTF_8,
        _ => WINDOWS_1252,
    };
    encoding.decode_with_bom_removal(bytes).0.into_owned()
}

fn digit(byte: u8) -> Option<char> {
    byte.is_ascii_digit().then_some(char::from(byte))
}

fn between<'a>(part: &'a [u8], begin: &[u8], end: &[u8]) -> Option<&'a [u8]> {
    let inner = after_last(part, begin)?;
    find(inner, end).map(|at| &inner[..at])
}

fn after_last<'a>(part: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = part.windows(name.len()).rposition(|window| window == name)?;
    Some(&part[at + name.len()..])
}

fn find(part: &[u8], name: &[u8]) -> Option<usize> {
    part.windows(name.len()).position(|window| window == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(information: &[u8]) -> Vec<u8> {
        let information =
            [b"7 0 obj << /Author (x) /Title ", information, b" /Producer (y) >> endobj\n"].concat();
        [
            b"%PDF-1.7\n17 0 obj << /Title (A chapter) >> endobj\n",
            &information[..],
            b"trailer << /Size 9 /Info 7 0 R /Root 1 0 R >>\nstartxref\n0\n%%EOF",
        ]
        .concat()
    }

    fn check(information: &[u8], expected: &str) {
        let file = file(information);
        assert_eq!(title(&file, b"").as_deref(), Some(expected), "{}", String::from_utf8_lossy(information));
        // The beginning here, the end there.
        let (head, tail) = file.split_at(file.len() - 60);
        assert_eq!(title(head, tail).as_deref(), Some(expected));
    }

    #[test]
    fn titles_are_written_in_many_ways() {
        check(b"(A title)", "A title");
        check(br"(A \(new\) ti\164le\\ (in brackets))", "A (new) title\\ (in brackets)");
        check(b"(caf\xe9)", "café");
        check(b"(\xef\xbb\xbfcaf\xc3\xa9)", "café");
        check(b"<FEFF65E5672C>", "日本");
        check(b"(\xfe\xff\x65\xe5\x67\x2c)", "日本");
        check(b"<41 42 4>", "AB@");
    }

    #[test]
    fn metadata_are_read_where_there_is_no_dictionary() {
        let file = br#"%PDF-1.7 <x:xmpmeta><dc:title><rdf:Alt><rdf:li xml:lang="x-default">Waves &amp; sea</rdf:li></rdf:Alt></dc:title>"#;
        assert_eq!(title(file, b"").as_deref(), Some("Waves & sea"));
    }

    #[test]
    fn what_cannot_be_read_is_no_title() {
        let encrypted = [&file(b"(\x01\x02\x03)")[..], b" /Encrypt 3 0 R"].concat();
        for nothing in [
            &b""[..],
            b"<html><dc:title>x</dc:title>",
            b"%PDF-1.7 /Info 7 0 R",
            b"%PDF-1.7 /Info 7 0 R 17 0 obj /Title (no) endobj",
            b"%PDF-1.7 /Info 7 0 R 7 0 obj /Title",
            b"%PDF-1.7 /Info 7 0 R 7 0 obj /Title ( ) endobj",
            b"%PDF-1.7 /Info << >>",
            &encrypted,
        ] {
            assert_eq!(title(nothing, b""), None, "{}", String::from_utf8_lossy(nothing));
        }
    }
}
