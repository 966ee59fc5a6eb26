//! Which letters the bytes of a page are, while they come.

use std::io::{self, Read};

use encoding_rs::{Decoder, Encoding, UTF_8, WINDOWS_1252};
use html5gum::{DefaultEmitter, Token, Tokenizer};
use mime::Mime;

/// How far into a page a `<meta>` with its encoding may stand, in bytes (HTML, "Determining the character encoding").
const META_BYTES: usize = 1024;

/// How much is decoded at a time, in bytes.
const PIECE_BYTES: usize = 8 * 1024;

/// A page as UTF-8, by what is known of it, in this order: its byte order mark, what its server says, what a `<meta>` or an
/// XML declaration says. A page of which nothing is known is UTF-8 until it turns out not to be, and then windows-1252.
/// What makes no sense becomes U+FFFD.
///
/// The mark goes before the server, as in browsers (Encoding Standard, "BOM sniff"): a page that begins with one is what
/// the mark says or begins with rubbish.
pub(super) struct Letters<R> {
    bytes: R,
    content_type: Option<String>,
    by: By,
    /// Bytes that are not letters yet.
    raw: Vec<u8>,
    /// Letters that are not read yet, and how many of them are.
    ready: String,
    given: usize,
    is_over: bool,
    broke_off: Option<io::Error>,
}

enum By {
    /// Nothing was read yet.
    Unknown,
    /// It looks like UTF-8; whether there was a letter that shows it.
    Look { is_shown: bool },
    /// It is known.
    Encoding(Box<Decoder>),
}

impl<R: Read> Letters<R> {
    pub(super) fn new(bytes: R, content_type: Option<&str>) -> Self {
        let content_type = content_type.map(ToOwned::to_owned);
        Self {
            bytes,
            content_type,
            by: By::Unknown,
            raw: Vec::new(),
            ready: String::new(),
            given: 0,
            is_over: false,
            broke_off: None,
        }
    }

    /// Whether the bytes ended as they should, as far as they were read. To who reads letters all ends are alike, so that
    /// nothing of what came is lost.
    pub(super) fn end(self) -> io::Result<()> {
        self.broke_off.map_or(Ok(()), Err)
    }

    /// Reads on, and makes letters of what there is.
    fn fill(&mut self) {
        (self.given, self.ready) = (0, String::new());
        let wanted = if matches!(self.by, By::Unknown) { META_BYTES } else { 1 };
        let mut piece = [0; PIECE_BYTES];
        let before = self.raw.len();
        while !self.is_over && self.raw.len() < before + wanted {
            match self.bytes.read(&mut piece) {
                Ok(0) => self.is_over = true,
                Ok(length) => self.raw.extend_from_slice(&piece[..length]),
                Err(error) => (self.is_over, self.broke_off) = (true, Some(error)),
            }
        }
        if matches!(self.by, By::Unknown) {
            self.by = self.find_out();
        }
        if let By::Look { is_shown } = self.by {
            self.look(is_shown);
        }
        if let By::Encoding(decoder) = &mut self.by {
            let room = decoder.max_utf8_buffer_length(self.raw.len());
            self.ready.reserve(room.unwrap_or_default());
            let (_, read, _) = decoder.decode_to_string(&self.raw, &mut self.ready, self.is_over);
            self.raw.drain(..read);
        }
    }

    fn find_out(&self) -> By {
        let known = Encoding::for_bom(&self.raw).map(|(encoding, _)| encoding);
        let known = known.or_else(|| by_header(self.content_type.as_deref())).or_else(|| by_page(&self.raw));
        known.map_or(By::Look { is_shown: false }, |encoding| By::Encoding(Box::new(encoding.new_decoder())))
    }

    /// Takes over what is UTF-8, and notes when something is not.
    fn look(&mut self, is_shown: bool) {
        let (valid, is_wrong) = match std::str::from_utf8(&self.raw) {
            Ok(text) => (text.len(), false),
            // A letter may come in two pieces, and the limit may have cut one in two.
            Err(error) => (error.valid_up_to(), error.error_len().is_some() || self.is_over),
        };
        let text: Vec<u8> = self.raw.drain(..valid).collect();
        let is_shown = is_shown || !text.is_ascii();
        self.ready = String::from_utf8(text).unwrap_or_default();
        self.by = if is_wrong {
            let encoding = if is_shown { UTF_8 } else { WINDOWS_1252 };
            By::Encoding(Box::new(encoding.new_decoder_without_bom_handling()))
        } else {
            By::Look { is_shown }
        };
    }
}

impl<R: Read> Read for Letters<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() && !(self.is_over && self.raw.is_empty()) {
            self.fill();
        }
        let length = self.ready.as_bytes()[self.given..].as_ref().read(into)?;
        self.given += length;
        Ok(length)
    }
}

fn by_header(content_type: Option<&str>) -> Option<&'static Encoding> {
    let mime: Mime = content_type?.parse().ok()?;
    Encoding::for_label(mime.get_param(mime::CHARSET)?.as_str().as_bytes())
}

/// What a `<meta>` or an XML declaration says. Whoever could read that from UTF-16 was mistaken: it was ASCII.
fn by_page(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(META_BYTES)];
    let said = by_meta(head).or_else(|| by_xml(head))?;
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

#[cfg(test)]
mod tests {
    use encoding_rs::{EUC_JP, GB18030, SHIFT_JIS, WINDOWS_1251};

    use super::*;

    struct Slowly<'a>(&'a [u8], usize);

    impl Read for Slowly<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let length = into.len().min(self.1);
            self.0.read(&mut into[..length])
        }
    }

    fn check(bytes: &[u8], content_type: Option<&str>, expected: &str) {
        // As it comes, and as it comes from a slow server.
        for piece_bytes in [bytes.len(), 1] {
            let mut decoded = String::new();
            let read = Letters::new(Slowly(bytes, piece_bytes), content_type).read_to_string(&mut decoded);
            assert!(read.is_ok() && decoded.ends_with(expected), "{content_type:?}: {decoded}");
        }
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
        // Long after its beginning, and with letters of both kinds.
        let late = "x".repeat(20_000);
        check(format!("{late}日本").as_bytes(), None, "日本");
        check(&[late.as_bytes(), b"caf\xe9"].concat(), None, "café");
        check(&["日本".as_bytes(), b"caf\xe9"].concat(), None, "caf\u{fffd}");
        check(b"", None, "");
        check(b"<script>'<meta charset=Shift_JIS>'</script>caf\xe9", None, "café");
    }
}
