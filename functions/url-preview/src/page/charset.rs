//! Which letters the bytes of a page are.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use html5gum::{DefaultEmitter, Token, Tokenizer};
use mime::Mime;

/// How far into a page a `<meta>` with its encoding may stand, in bytes (HTML, "Determining the character encoding").
const META_BYTES: usize = 1024;

/// Decodes a page by, in this order: its byte order mark, what its server says, what it says itself, UTF-8 if it is that,
/// windows-1252. What makes no sense becomes U+FFFD.
pub(super) fn decode<'a>(bytes: &'a [u8], content_type: Option<&str>) -> Cow<'a, str> {
    let encoding = by_header(content_type).or_else(|| by_page(bytes)).unwrap_or_else(|| by_look(bytes));
    // Heeds a byte order mark before anything else.
    encoding.decode(bytes).0
}

fn by_header(content_type: Option<&str>) -> Option<&'static Encoding> {
    let mime: Mime = content_type?.parse().ok()?;
    Encoding::for_label(mime.get_param(mime::CHARSET)?.as_str().as_bytes())
}

/// What an XML declaration or a `<meta>` says. Whoever could read that from UTF-16 was mistaken: it was ASCII.
fn by_page(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(META_BYTES)];
    let said = by_xml(head).or_else(|| by_meta(head))?;
    Some(said.output_encoding())
}

fn by_xml(head: &[u8]) -> Option<&'static Encoding> {
    let declaration = head.strip_prefix(b"<?xml")?;
    let declaration = declaration.split(|byte| *byte == b'>').next()?;
    Encoding::for_label(&label_after(declaration, b"encoding")?)
}

fn by_meta(head: &[u8]) -> Option<&'static Encoding> {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let tokens = Tokenizer::new_with_emitter(head, emitter);
    tokens.filter_map(Result::ok).find_map(|token| {
        let Token::StartTag(tag) = token else { return None };
        if *tag.name != b"meta" {
            return None;
        }
        let attribute = |name: &[u8]| tag.attributes.get(name).map(|value| &value.value[..]);
        match attribute(b"charset") {
            Some(label) => Encoding::for_label(label),
            None => Encoding::for_label(&label_after(attribute(b"content")?, b"charset")?),
        }
    })
}

/// `windows-1252` of `text/html; charset="windows-1252"`.
fn label_after(text: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let lower = text.to_ascii_lowercase();
    let at = lower.windows(name.len()).position(|window| window == name)?;
    let is_noise = |byte: &u8| byte.is_ascii_whitespace() || b"=\"'".contains(byte);
    let label = lower[at + name.len()..].iter().copied().skip_while(|byte| is_noise(byte));
    Some(label.take_while(|byte| !is_noise(byte) && *byte != b';').collect())
}

fn by_look(bytes: &[u8]) -> &'static Encoding {
    match std::str::from_utf8(bytes) {
        Ok(_) => UTF_8,
        // The limit may have cut a letter in two, of a page that has others.
        Err(error) if error.error_len().is_none() && !bytes[..error.valid_up_to()].is_ascii() => UTF_8,
        Err(_) => WINDOWS_1252,
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{EUC_JP, GB18030, SHIFT_JIS, WINDOWS_1251};

    use super::*;

    fn check(bytes: &[u8], content_type: Option<&str>, expected: &str) {
        let decoded = decode(bytes, content_type);
        assert!(decoded.ends_with(expected), "{content_type:?}: {decoded}");
    }

    #[test]
    fn the_server_is_believed_before_the_page_and_a_mark_before_both() {
        let (latin, cyrillic) = (b"<meta charset=windows-1252>caf\xe9", "кофе");
        let (encoded, _, _) = WINDOWS_1251.encode(cyrillic);
        check(&encoded, Some("text/html; charset=windows-1251"), cyrillic);
        check(&encoded, Some("text/html; charset=\"Windows-1251\""), cyrillic);
        check(latin, Some("text/html"), "café");
        check(latin, Some("text/html; charset=nonsense"), "café");
        check(
            b"\xef\xbb\xbf<meta charset=windows-1252>caf\xc3\xa9",
            Some("text/html; charset=latin1"),
            "café",
        );
        check(b"\xff\xfec\0a\0f\0\xe9\0", None, "café");
    }

    #[test]
    fn pages_say_their_letters_in_many_ways() {
        for (encoding, head) in [
            (SHIFT_JIS, "<html><head><meta charset=\"Shift_JIS\">"),
            (EUC_JP, "<meta http-equiv='Content-Type' content='text/html; charset=EUC-JP'>"),
            (GB18030, "<META CONTENT=\"text/html;charset = gb18030;x\">"),
            (SHIFT_JIS, "<?xml version='1.0' encoding='Shift_JIS'?><html>"),
        ] {
            let text = if encoding == GB18030 { "中文网页" } else { "日本語のページ" };
            let page = format!("{head}{text}");
            check(&encoding.encode(&page).0, Some("text/html"), text);
        }
        check("<meta charset=utf-16>日本".as_bytes(), None, "日本");
    }

    #[test]
    fn pages_that_say_nothing_are_utf_8_if_they_can_be() {
        check("日本".as_bytes(), None, "日本");
        check(&"日本".as_bytes()[..5], None, "日\u{fffd}");
        check(b"caf\xe9", None, "café");
        check(b"<script>'<meta charset=Shift_JIS>'</script>caf\xe9", None, "café");
    }
}
