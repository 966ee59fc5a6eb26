//! The two-part answer of another server, read as a stream: a JSON part that says nothing yet, then the media or a link
//! to it (server-server API, "Content repository"; RFC 2046).
//!
//! Read so that every deployed sender works: a preamble or an empty line before the first delimiter, line ends with or
//! without CR, headers in any order and case, and a last delimiter with or without the `--` that should end it. But a
//! last delimiter there must be, or nobody can tell whole media from cut-off media.
//!
//! However the answer is cut on its way, the same comes out. `tests/properties` holds the reader to that.

use bytes::{Buf as _, Bytes, BytesMut};
use media_core::parameters::parameters;

use crate::{
    limits::{
        MAX_BOUNDARY_BYTES, MAX_JSON_PART_BYTES, MAX_PADDING_BYTES, MAX_PART_HEADER_BYTES, MAX_PREAMBLE_BYTES,
    },
    looks,
};

/// The most media that is held back at a time, in bytes, since it may be the beginning of a delimiter: a line end, the
/// longest delimiter, its padding, and the first byte of its own line end.
pub const MAX_HELD_BACK_BYTES: usize = 2 + 2 + MAX_BOUNDARY_BYTES + MAX_PADDING_BYTES + 1;

/// Takes bytes as they come and gives the media's as soon as they are certain.
///
/// Between a [`Multipart::feed`] and the next one it holds at most the headers of one part
/// ([`MAX_PART_HEADER_BYTES`]), or [`MAX_HELD_BACK_BYTES`] of anything else.
#[derive(Debug)]
pub struct Multipart {
    /// `--` and the boundary.
    delimiter: Vec<u8>,
    /// What came and was not given yet.
    buffer: BytesMut,
    /// Nothing will come any more.
    is_finished: bool,
    state: State,
}

/// What the reader has to say.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing before more bytes come.
    NeedMore,
    /// The headers of the second part. If there is a link among them, nothing after them matters.
    Media(PartHeaders),
    /// Bytes of the media, at least one.
    Bytes(Bytes),
    /// The media is complete.
    End,
}

/// What the second part says of itself: of each header the first, as it was sent and not to be trusted. What is not
/// UTF-8 is replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartHeaders {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Length`, in bytes.
    pub content_length: Option<u64>,
    /// `Location`: where the media is, if it is not here.
    pub location: Option<String>,
}

/// Why an answer makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// Its `Content-Type` is another, or has no `boundary` of 1 to [`MAX_BOUNDARY_BYTES`] without controls.
    #[error("the answer is not multipart/mixed with a usable boundary")]
    NotMultipart,
    /// More than [`MAX_PREAMBLE_BYTES`] before the first delimiter.
    #[error("the answer's preamble is longer than {MAX_PREAMBLE_BYTES} bytes")]
    LongPreamble,
    /// A part with more than [`MAX_PART_HEADER_BYTES`] of headers.
    #[error("a part's headers are longer than {MAX_PART_HEADER_BYTES} bytes")]
    LongHeaders,
    /// A header line without a colon.
    #[error("a part's headers make no sense")]
    BadHeaders,
    /// The first part says that it is something else.
    #[error("the first part is not JSON")]
    NotJson,
    /// A first part of more than [`MAX_JSON_PART_BYTES`].
    #[error("the first part is longer than {MAX_JSON_PART_BYTES} bytes")]
    LongJson,
    /// The last delimiter comes before the media.
    #[error("the answer has no second part")]
    NoMedia,
    /// It ends without a last delimiter.
    #[error("the answer was cut off")]
    CutOff,
}

/// What is read next. The numbers count bytes that were read of the same; of headers, bytes in which no end was found.
#[derive(Clone, Copy, Debug)]
enum State {
    Preamble { bytes: usize },
    JsonHeaders { bytes: usize },
    Json { bytes: usize },
    MediaHeaders { bytes: usize },
    Media { bytes: u64 },
    Done,
}

impl Multipart {
    /// A reader for an answer of this `Content-Type`.
    ///
    /// # Errors
    /// [`MultipartError::NotMultipart`].
    pub fn new(content_type: &str) -> Result<Self, MultipartError> {
        let boundary = boundary(content_type).ok_or(MultipartError::NotMultipart)?;
        Ok(Self {
            delimiter: format!("--{boundary}").into_bytes(),
            buffer: BytesMut::new(),
            is_finished: false,
            state: State::Preamble { bytes: 0 },
        })
    }

    /// Adds what came: of any length, when [`Event::NeedMore`] was the answer.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that nothing more will come, when [`Event::NeedMore`] was the answer.
    pub fn finish(&mut self) {
        self.is_finished = true;
    }

    /// Bytes that came and were not given yet.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// What can be said by now. To be called until it is [`Event::NeedMore`] or [`Event::End`].
    ///
    /// # Errors
    /// [`MultipartError`]: the answer makes no sense, and nothing that follows can mend it.
    pub fn read(&mut self) -> Result<Event, MultipartError> {
        loop {
            let event = match self.state {
                State::Preamble { bytes } => self.preamble(bytes)?,
                State::JsonHeaders { bytes } => self.json_headers(bytes)?,
                State::Json { bytes } => self.json(bytes)?,
                State::MediaHeaders { bytes } => self.media_headers(bytes)?,
                State::Media { bytes } => self.media(bytes)?,
                State::Done => Some(Event::End),
            };
            if let Some(event) = event {
                return Ok(event);
            }
        }
    }

    fn preamble(&mut self, before: usize) -> Result<Option<Event>, MultipartError> {
        let piece = self.until_delimiter(before == 0)?;
        let bytes = before + piece.bytes.len();
        if bytes > MAX_PREAMBLE_BYTES {
            return Err(MultipartError::LongPreamble);
        }
        // Synapse writes the headers of both parts with the media's first byte. Of an empty file it sends the end alone.
        if matches!(piece.end, PieceEnd::Last { is_certain: true }) {
            self.state = State::Done;
            return Ok(Some(Event::Media(PartHeaders::default())));
        }
        self.after(&piece, State::Preamble { bytes }, State::JsonHeaders { bytes: 0 })
    }

    fn json_headers(&mut self, before: usize) -> Result<Option<Event>, MultipartError> {
        let Some(headers) = self.headers(before)? else {
            self.state = State::JsonHeaders { bytes: self.buffer.len() };
            return Ok(Some(Event::NeedMore));
        };
        let is_json = |said: &str| {
            said.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
        };
        if !headers.content_type.as_deref().is_none_or(is_json) {
            return Err(MultipartError::NotJson);
        }
        self.state = State::Json { bytes: 0 };
        Ok(None)
    }

    /// What the JSON says is passed over: today it is `{}`, and what may come needs a version that knows it.
    fn json(&mut self, before: usize) -> Result<Option<Event>, MultipartError> {
        let piece = self.until_delimiter(before == 0)?;
        let bytes = before + piece.bytes.len();
        if bytes > MAX_JSON_PART_BYTES {
            return Err(MultipartError::LongJson);
        }
        self.after(&piece, State::Json { bytes }, State::MediaHeaders { bytes: 0 })
    }

    fn media_headers(&mut self, before: usize) -> Result<Option<Event>, MultipartError> {
        let Some(headers) = self.headers(before)? else {
            self.state = State::MediaHeaders { bytes: self.buffer.len() };
            return Ok(Some(Event::NeedMore));
        };
        self.state = State::Media { bytes: 0 };
        Ok(Some(Event::Media(headers)))
    }

    /// Whatever delimiter comes ends the media; a third part would be somebody's idea that we do not know.
    fn media(&mut self, before: u64) -> Result<Option<Event>, MultipartError> {
        let piece = self.until_delimiter(before == 0)?;
        let ends = !matches!(piece.end, PieceEnd::Open);
        self.state =
            if ends { State::Done } else { State::Media { bytes: before + piece.bytes.len() as u64 } };
        if !piece.bytes.is_empty() {
            return Ok(Some(Event::Bytes(piece.bytes.freeze())));
        }
        Ok(if ends { None } else { Some(Event::NeedMore) })
    }

    /// Goes on after a piece of what leads to the media.
    fn after(&mut self, piece: &Piece, same: State, next: State) -> Result<Option<Event>, MultipartError> {
        match piece.end {
            PieceEnd::Last { .. } => Err(MultipartError::NoMedia),
            PieceEnd::Delimiter => {
                self.state = next;
                Ok(None)
            }
            PieceEnd::Open => {
                self.state = same;
                Ok(Some(Event::NeedMore))
            }
        }
    }

    /// Takes what certainly stands before the next delimiter, and the delimiter, if it is there.
    ///
    /// `at_start` says that the buffer begins with a line, so that a delimiter may stand at its very beginning.
    fn until_delimiter(&mut self, at_start: bool) -> Result<Piece, MultipartError> {
        match find(&self.buffer, &self.delimiter, at_start, self.is_finished) {
            Found::No { .. } if self.is_finished => Err(MultipartError::CutOff),
            Found::No { certain } => {
                let bytes = self.buffer.split_to(certain);
                Ok(Piece { bytes, end: PieceEnd::Open })
            }
            Found::Delimiter { start, length, end } => {
                let bytes = self.buffer.split_to(start);
                self.buffer.advance(length);
                Ok(Piece { bytes, end })
            }
        }
    }

    /// Takes the headers and the empty line after them, once all have come.
    ///
    /// `before` is how many bytes are known to hold no end, so that headers that trickle in are not looked through anew
    /// for every byte.
    fn headers(&mut self, before: usize) -> Result<Option<PartHeaders>, MultipartError> {
        let end = end_of_headers(&self.buffer, before);
        if end.unwrap_or(self.buffer.len()) > MAX_PART_HEADER_BYTES {
            return Err(MultipartError::LongHeaders);
        }
        match end {
            Some(end) => parse_headers(&self.buffer.split_to(end)).map(Some),
            None if self.is_finished => Err(MultipartError::CutOff),
            None => Ok(None),
        }
    }
}

/// What stood before a delimiter, or before what may become one.
struct Piece {
    bytes: BytesMut,
    end: PieceEnd,
}

#[derive(Debug, PartialEq, Eq)]
enum PieceEnd {
    /// No delimiter yet.
    Open,
    /// A delimiter after which a part follows.
    Delimiter,
    /// A delimiter after which nothing follows, certainly when it ends in `--`: otherwise it may be another that was
    /// cut off.
    Last { is_certain: bool },
}

/// Where a delimiter is.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// None yet; so many bytes are certainly not part of one.
    No { certain: usize },
    /// Its line end before it, and all of its own line, belong to it.
    Delimiter { start: usize, length: usize, end: PieceEnd },
}

fn find(buffer: &[u8], delimiter: &[u8], at_start: bool, is_finished: bool) -> Found {
    let mut line = if at_start { Some(0) } else { next_line(buffer, 0) };
    while let Some(at) = line {
        let start = without_line_end(buffer, at);
        match match_line(&buffer[at..], delimiter, is_finished) {
            Match::Yes { length, end } => {
                return Found::Delimiter { start, length: at + length - start, end };
            }
            Match::Perhaps => return Found::No { certain: start },
            Match::No => line = next_line(buffer, at),
        }
    }
    // A CR at the end may begin the line end of a delimiter.
    let open_end = usize::from(buffer.ends_with(b"\r"));
    Found::No { certain: buffer.len() - open_end }
}

/// Where the next line after `from` begins.
fn next_line(buffer: &[u8], from: usize) -> Option<usize> {
    let line = buffer[from..].iter().position(|&byte| byte == b'\n').map(|at| from + at + 1);
    looks::at(line.unwrap_or(buffer.len()) - from);
    line
}

/// Where the line end before `line` begins.
fn without_line_end(buffer: &[u8], line: usize) -> usize {
    let before = &buffer[..line];
    let before = before.strip_suffix(b"\n").unwrap_or(before);
    before.strip_suffix(b"\r").unwrap_or(before).len()
}

enum Match {
    Yes {
        length: usize,
        end: PieceEnd,
    },
    /// More bytes decide.
    Perhaps,
    No,
}

/// Whether a line is a delimiter: `--boundary`, then `--`, or blanks and a line end, or the end of everything.
fn match_line(line: &[u8], delimiter: &[u8], is_finished: bool) -> Match {
    looks::at(delimiter.len().min(line.len()));
    let Some(rest) = line.strip_prefix(delimiter) else {
        return if !is_finished && delimiter.starts_with(line) { Match::Perhaps } else { Match::No };
    };
    if rest.starts_with(b"--") {
        return Match::Yes { length: delimiter.len() + 2, end: PieceEnd::Last { is_certain: true } };
    }
    let blanks =
        rest.iter().take(MAX_PADDING_BYTES + 1).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    looks::at(blanks);
    if blanks > MAX_PADDING_BYTES {
        return Match::No;
    }
    let may_become_one = matches!(&rest[blanks..], [] | [b'\r']) || rest == b"-";
    match &rest[blanks..] {
        [b'\r', b'\n', ..] => Match::Yes { length: delimiter.len() + blanks + 2, end: PieceEnd::Delimiter },
        [b'\n', ..] => Match::Yes { length: delimiter.len() + blanks + 1, end: PieceEnd::Delimiter },
        _ if !may_become_one => Match::No,
        _ if is_finished => Match::Yes { length: line.len(), end: PieceEnd::Last { is_certain: false } },
        _ => Match::Perhaps,
    }
}

/// Where the body begins: after the first empty line. None ends within the first `before` bytes.
fn end_of_headers(buffer: &[u8], before: usize) -> Option<usize> {
    let mut line = next_line(buffer, before)?;
    loop {
        let above = &buffer[..without_line_end(buffer, line)];
        if above.is_empty() || above.ends_with(b"\n") {
            return Some(line);
        }
        line = next_line(buffer, line)?;
    }
}

fn parse_headers(block: &[u8]) -> Result<PartHeaders, MultipartError> {
    let mut headers = PartHeaders::default();
    for line in unfolded(&String::from_utf8_lossy(block)) {
        let (name, value) = line.split_once(':').ok_or(MultipartError::BadHeaders)?;
        let value = value.trim();
        let slot = match name.trim().to_ascii_lowercase().as_str() {
            "content-type" => &mut headers.content_type,
            "content-disposition" => &mut headers.content_disposition,
            "location" => &mut headers.location,
            "content-length" => {
                headers.content_length = headers.content_length.or(value.parse().ok());
                continue;
            }
            _ => continue,
        };
        slot.get_or_insert_with(|| value.to_owned());
    }
    Ok(headers)
}

/// The header lines, each with those that continue it (RFC 5322 section 2.2.3).
fn unfolded(block: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in block.lines().filter(|line| !line.trim().is_empty()) {
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => last.push_str(line),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

/// The `boundary` parameter of `multipart/mixed`, quoted or not.
fn boundary(content_type: &str) -> Option<String> {
    let (essence, params) = content_type.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    let (_, boundary) = parameters(params.chars()).find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?;
    let is_usable =
        (1..=MAX_BOUNDARY_BYTES).contains(&boundary.len()) && !boundary.contains(char::is_control);
    is_usable.then_some(boundary)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Reading = Result<(PartHeaders, Vec<u8>), MultipartError>;

    /// Reads pieces as they would come from a socket.
    fn read<'a>(boundary: &str, pieces: impl IntoIterator<Item = &'a [u8]>) -> Reading {
        let mut reader = Multipart::new(&format!("multipart/mixed; boundary={boundary}"))?;
        let mut pieces = pieces.into_iter();
        let (mut headers, mut media) = (None, Vec::new());
        loop {
            match reader.read()? {
                Event::NeedMore => match pieces.next() {
                    Some(piece) => reader.feed(piece),
                    None => reader.finish(),
                },
                Event::Media(found) => headers = Some(found),
                Event::Bytes(bytes) => media.extend_from_slice(&bytes),
                Event::End => return Ok((headers.unwrap(), media)),
            }
        }
    }

    /// The reading must not depend on how the bytes come: whole, in two at every place, or one by one.
    fn check(name: &str, body: &[u8], expected: &Reading) {
        assert_eq!(&read("b", [body]), expected, "{name}, whole");
        for at in 0..=body.len() {
            let (one, two) = body.split_at(at);
            assert_eq!(&read("b", [one, two]), expected, "{name}, split at {at}");
        }
        assert_eq!(&read("b", body.chunks(1)), expected, "{name}, byte by byte");
        assert_eq!(&read("b", body.chunks(3)), expected, "{name}, by three");
    }

    fn media(content_type: &str, disposition: Option<&str>, bytes: &[u8]) -> (PartHeaders, Vec<u8>) {
        let headers = PartHeaders {
            content_type: Some(content_type.to_owned()),
            content_disposition: disposition.map(ToOwned::to_owned),
            ..PartHeaders::default()
        };
        (headers, bytes.to_vec())
    }

    #[test]
    fn answers_of_deployed_servers_are_read() {
        let png = Ok(media("image/png", Some("inline; filename=a.png"), b"PNG\r\n\0--x"));
        for (name, body) in [
            (
                "Synapse",
                &b"\r\n--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nContent-Type: image/png\r\nContent-Disposition: inline; filename=a.png\r\n\r\nPNG\r\n\0--x\r\n--b--\r\n\r\n"[..],
            ),
            (
                "Ruma, without the last dashes",
                b"\r\n--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nContent-Type: image/png\r\nContent-Disposition: inline; filename=a.png\r\n\r\nPNG\r\n\0--x\r\n--b",
            ),
            (
                "MMR, headers sorted",
                b"--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nContent-Disposition: inline; filename=a.png\r\nContent-Type: image/png\r\n\r\nPNG\r\n\0--x\r\n--b--\r\n",
            ),
            (
                "JSON without a type, odd case, folding",
                b"--b\r\n\r\n{}\r\n--b\r\ncontent-TYPE:image/png\r\nX-Other: y\r\nCONTENT-disposition: inline;\r\n filename=a.png\r\n\r\nPNG\r\n\0--x\r\n--b--",
            ),
            (
                "LF only",
                b"--b\nContent-Type: application/json\n\n{}\n--b\nContent-Type: image/png\nContent-Disposition: inline; filename=a.png\n\nPNG\r\n\0--x\n--b--\n",
            ),
            (
                "a preamble, padding, an epilogue",
                b"This is a message\r\nin parts --b.\r\n--b \t\r\nContent-Type: application/json; charset=utf-8\r\n\r\n{ }\r\n--b  \r\nContent-Type: image/png\r\nContent-Disposition: inline; filename=a.png\r\n\r\nPNG\r\n\0--x\r\n--b--\r\nbye",
            ),
            (
                "a third part",
                b"--b\r\n\r\n{}\r\n--b\r\nContent-Type: image/png\r\nContent-Disposition: inline; filename=a.png\r\n\r\nPNG\r\n\0--x\r\n--b\r\n\r\nmore\r\n--b--",
            ),
            (
                "an empty JSON part",
                b"--b\r\n\r\n--b\r\nContent-Type: image/png\r\nContent-Disposition: inline; filename=a.png\r\n\r\nPNG\r\n\0--x\r\n--b\r\n",
            ),
        ] {
            check(name, body, &png);
        }
        check(
            "Dendrite, no disposition",
            b"--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b--\r\n",
            &Ok(media("text/plain", None, b"hi")),
        );
    }

    #[test]
    fn media_may_be_empty_and_look_like_anything() {
        let around = |bytes: &[u8]| {
            [b"--b\r\n\r\n{}\r\n--b\r\nContent-Type: a/b\r\n\r\n", bytes, b"\r\n--b--\r\n"].concat()
        };
        for bytes in [
            &b""[..],
            b"\r",
            b"\n",
            b"\r\n",
            b"\r\n\r\n",
            b"\n--bx\n",
            b"\r\n--b-\r\n--b x\r\n--",
            b"--",
            b"\r\n-",
            b"--bb\r\n",
            b"\r\n--b                                                                      \r\nx",
        ] {
            check(&format!("{bytes:?}"), &around(bytes), &Ok(media("a/b", None, bytes)));
        }
        let no_line = b"--b\r\n\r\n{}\r\n--b\r\nContent-Type: a/b\r\n\r\n--b--\r\n";
        check("the delimiter right after the headers", no_line, &Ok(media("a/b", None, b"")));
    }

    #[test]
    fn an_empty_file_of_synapse_has_no_parts_at_all() {
        for body in [&b"\r\n--b--\r\n"[..], b"--b--"] {
            check("Synapse 1.163", body, &Ok((PartHeaders::default(), Vec::new())));
        }
    }

    #[test]
    fn a_link_and_a_length_are_found() {
        let headers = PartHeaders {
            location: Some("https://cdn.test/x?y=1".to_owned()),
            content_length: Some(7),
            ..PartHeaders::default()
        };
        check(
            "a link",
            b"--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nContent-Length: 7\r\nLocation: https://cdn.test/x?y=1\r\nLocation: https://other.test\r\n\r\n\r\n--b--\r\n",
            &Ok((headers, Vec::new())),
        );
    }

    #[test]
    fn what_is_cut_off_or_makes_no_sense_is_refused() {
        let whole = b"--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nContent-Type: a/b\r\n\r\nmedia\r\n--b--";
        for end in 0..whole.len() - 2 {
            let cut = &whole[..end];
            if cut.ends_with(b"{}\r\n--b") || cut.ends_with(b"{}\r\n--b\r") {
                continue;
            }
            let reading = read("b", [cut]);
            assert!(
                matches!(reading, Err(MultipartError::CutOff | MultipartError::NoMedia)),
                "{end}: {reading:?}"
            );
        }
        for (body, error) in [
            (&b"--b"[..], MultipartError::NoMedia),
            (b"\r\n--b-", MultipartError::NoMedia),
            (b"--b\r\n\r\n{}\r\n--b--", MultipartError::NoMedia),
            (b"--b\r\n--b\r\n\r\n{}\r\n--b\r\n\r\nx\r\n--b--", MultipartError::BadHeaders),
            (b"--b\r\nContent-Type: text/html\r\n\r\n{}\r\n--b\r\n\r\nx\r\n--b--", MultipartError::NotJson),
            (b"--b\r\nnonsense\r\n\r\n{}\r\n--b\r\n\r\nx\r\n--b--", MultipartError::BadHeaders),
            (b"", MultipartError::CutOff),
        ] {
            check("nonsense", body, &Err(error));
        }
    }

    #[test]
    fn nothing_before_the_media_may_be_endless() {
        for (start, error) in [
            (&b""[..], MultipartError::LongPreamble),
            (b"--b\r\nA: ", MultipartError::LongHeaders),
            (b"--b\r\n\r\n", MultipartError::LongJson),
            (b"--b\r\n\r\n{}\r\n--b\r\nA: ", MultipartError::LongHeaders),
        ] {
            let endless = std::iter::once(start).chain(std::iter::repeat(&[b'x'; 1000][..]));
            assert_eq!(read("b", endless), Err(error));
        }
    }

    #[test]
    fn limits_are_exact_however_the_answer_is_cut() {
        let end = "\r\n--b\r\n\r\nx\r\n--b--";
        let answer = |which: MultipartError, bytes: usize| match which {
            MultipartError::LongPreamble => format!("{}\r\n--b\r\n\r\n{{}}{end}", "x".repeat(bytes)),
            MultipartError::LongJson => format!("--b\r\n\r\n{}{end}", "x".repeat(bytes)),
            // With the name and the empty line.
            _ => format!("--b\r\nA:{}\r\n\r\n{{}}{end}", "x".repeat(bytes - 6)),
        };
        for (which, limit_bytes) in [
            (MultipartError::LongPreamble, MAX_PREAMBLE_BYTES),
            (MultipartError::LongHeaders, MAX_PART_HEADER_BYTES),
            (MultipartError::LongJson, MAX_JSON_PART_BYTES),
        ] {
            for cut in [1, 1000, 100_000] {
                let read = |bytes| read("b", answer(which, bytes).as_bytes().chunks(cut));
                assert_eq!(
                    read(limit_bytes),
                    Ok((PartHeaders::default(), b"x".to_vec())),
                    "{which} by {cut}"
                );
                assert_eq!(read(limit_bytes + 1), Err(which), "by {cut}");
            }
        }
    }

    /// However the bytes come: twice as many are at most twice the work, whatever they look like.
    #[test]
    fn the_work_grows_with_the_answer_and_no_faster() {
        let boundary = "b".repeat(MAX_BOUNDARY_BYTES);
        let (headers, json) = (format!("--{boundary}\r\n"), format!("--{boundary}\r\n\r\n"));
        let media = format!("{json}{{}}\r\n--{boundary}\r\n\r\n");
        let nearly = format!("\r\n--{}x", &boundary[1..]);
        let padded = format!("\r\n--{boundary}{}x", " ".repeat(MAX_PADDING_BYTES));
        let looks_at = |before: &str, piece: &str, bytes: usize, cut: usize| {
            let body = format!("{before}{}", piece.repeat(bytes / piece.len()));
            looks::during(|| assert!(read(&boundary, body.as_bytes().chunks(cut)).is_err()))
        };
        for (before, pieces, bytes) in [
            ("", &["x", "\r", "\n", &nearly][..], MAX_PREAMBLE_BYTES / 2),
            (&headers, &["A: ", "A: b\n", "A:\n b"], MAX_PART_HEADER_BYTES / 2 - headers.len()),
            (&json, &["x", "\r", "\n", &nearly], MAX_JSON_PART_BYTES / 2),
            (&media, &["x", "\r", "\n", &nearly, &padded], 30_000),
        ] {
            for piece in pieces {
                for cut in [1, 7, 100_000] {
                    let (once, twice) =
                        (looks_at(before, piece, bytes, cut), looks_at(before, piece, 2 * bytes, cut));
                    let at_the_end = MAX_HELD_BACK_BYTES * MAX_HELD_BACK_BYTES;
                    assert!(twice <= 2 * once + at_the_end, "{piece:?} by {cut}: {once}, then {twice}");
                    assert!(
                        once < MAX_HELD_BACK_BYTES * (before.len() + bytes),
                        "{piece:?} by {cut}: {once}"
                    );
                }
            }
        }
    }

    #[test]
    fn headers_that_trickle_in_are_looked_through_once() {
        let body = format!("--b\r\n{}\r\n", "A: b\r\n".repeat(2000));
        let looks =
            looks::during(|| assert_eq!(read("b", body.as_bytes().chunks(1)), Err(MultipartError::CutOff)));
        assert!(looks < 2 * body.len(), "{looks} looks at {} bytes", body.len());
    }

    #[test]
    fn a_dash_after_padding_ends_nothing_even_at_the_end() {
        check("padding", b"--b\r\n\r\n{}\r\n--b\r\n\r\nx\r\n--b -", &Err(MultipartError::CutOff));
    }

    #[test]
    fn media_is_given_as_it_comes() {
        let mut reader = Multipart::new("multipart/mixed; boundary=b").unwrap();
        reader.feed(b"--b\r\n\r\n{}\r\n--b\r\n\r\n");
        assert!(matches!(reader.read(), Ok(Event::Media(_))));
        reader.feed(b"some media\r\n--");
        assert_eq!(reader.read(), Ok(Event::Bytes(Bytes::from_static(b"some media"))));
        assert_eq!(reader.read(), Ok(Event::NeedMore));
        reader.feed(b" more");
        assert_eq!(reader.read(), Ok(Event::Bytes(Bytes::from_static(b"\r\n-- more"))));
    }

    #[test]
    fn boundaries_are_read_quoted_or_not() {
        for (content_type, expected) in [
            ("multipart/mixed; boundary=abc", Some("abc")),
            ("Multipart/Mixed;Boundary=\"a b;c\\\"d\"; x=y", Some("a b;c\"d")),
            ("multipart/mixed; charset=utf-8; boundary=abc", Some("abc")),
            ("multipart/mixed; x=\"boundary=no\"; boundary=\"yes\"", Some("yes")),
            ("multipart/mixed; boundary=abc; x=y", Some("abc")),
            ("multipart/mixed; flag; boundary=abc", Some("abc")),
            ("multipart/mixed", None),
            ("multipart/mixed; boundary=", None),
            ("multipart/mixed; boundary=\"\"", None),
            ("multipart/form-data; boundary=abc", None),
            ("image/png", None),
        ] {
            assert_eq!(boundary(content_type).as_deref(), expected, "{content_type}");
        }
        assert_eq!(boundary(&format!("multipart/mixed; boundary={}", "x".repeat(201))), None);
    }
}
