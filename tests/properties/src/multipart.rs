//! The two-part answer: the same comes out however it is cut, the media is all that stands before its delimiter, little is
//! held back, and what we send ourselves is read back.

use axum::body::Body;
use futures_util::FutureExt as _;
use http::header;
use http_body_util::BodyExt as _;
use matrix::respond::{self, Part};
use media_core::{
    Timestamp,
    admit::{clean_file_name, label},
    disposition::file_name_of,
};
use outbound::{
    limits::{MAX_BOUNDARY_BYTES, MAX_PADDING_BYTES, MAX_PART_HEADER_BYTES},
    multipart::{Event, MAX_HELD_BACK_BYTES, Multipart, MultipartError, PartHeaders},
};
use storage::{SignedUrl, presign::Presentation};

/// What the reader makes of an answer.
type Reading = Result<(PartHeaders, Vec<u8>), MultipartError>;

/// Takes the first line as the answer's `Content-Type` (and once more as a boundary, a type and a name), the bytes of the
/// second as the lengths of the pieces in which it comes, and the rest as the answer (and once more as media).
///
/// # Panics
/// When something does not hold.
pub fn hold(input: &[u8]) {
    let mut lines = input.splitn(3, |&byte| byte == b'\n');
    let (Some(first), Some(pieces), Some(rest)) = (lines.next(), lines.next(), lines.next()) else { return };
    let first = String::from_utf8_lossy(first);
    it_does_not_matter_how_the_answer_is_cut(&first, rest, pieces);
    the_media_is_all_before_its_delimiter(&first, rest, pieces);
    what_we_send_is_read_back(&first, &first, rest, pieces);
    a_link_that_we_send_is_read_back(&first, pieces);
}

/// # Panics
/// When it does not hold.
pub fn it_does_not_matter_how_the_answer_is_cut(content_type: &str, answer: &[u8], pieces: &[u8]) {
    let whole = read(content_type, [answer]);
    assert_eq!(read(content_type, cut(answer, pieces)), whole, "cut by {pieces:?}");
    assert_eq!(read(content_type, answer.chunks(1)), whole, "byte by byte");
}

/// The media ends with the line end before the first line that is a delimiter, whatever looks like one before.
///
/// # Panics
/// When it does not hold.
pub fn the_media_is_all_before_its_delimiter(boundary: &str, media: &[u8], pieces: &[u8]) {
    if !(1..=MAX_BOUNDARY_BYTES).contains(&boundary.len()) || boundary.contains(char::is_control) {
        return;
    }
    let quoted = boundary.replace('\\', "\\\\").replace('"', "\\\"");
    let content_type = format!("multipart/mixed; boundary=\"{quoted}\"");
    let delimiter = format!("--{boundary}");
    let open = format!(
        "{delimiter}\r\nContent-Type: application/json\r\n\r\n{{}}\r\n{delimiter}\r\nContent-Type: a/b\r\n\r\n"
    );
    let sent = [media, b"\r\n", delimiter.as_bytes(), b"--\r\n"].concat();
    let answer = [open.as_bytes(), &sent].concat();
    let (headers, read) = read(&content_type, cut(&answer, pieces)).expect("it makes sense");
    assert_eq!(headers, PartHeaders { content_type: Some("a/b".to_owned()), ..PartHeaders::default() });
    assert_eq!(read, before_delimiter(&sent, delimiter.as_bytes()));
}

/// What our own sender writes: any type and name that we keep, any bytes.
///
/// # Panics
/// When it does not hold.
pub fn what_we_send_is_read_back(content_type: &str, name: &str, media: &[u8], pieces: &[u8]) {
    let kept = label(Some(content_type), Some(name));
    let shown_as = Presentation::new(&kept.content_type, kept.upload_name.as_deref());
    let part = Part::Bytes(media.len() as u64, Body::from(media.to_vec()));
    let (headers, read) = sent_and_read(&shown_as, part, pieces);
    assert_eq!(read, media);
    assert_eq!(headers.content_type, Some(kept.content_type));
    let name_read = headers.content_disposition.as_deref().and_then(file_name_of);
    assert_eq!(name_read.unwrap_or_default(), clean_file_name(name));
    assert_eq!((headers.location, headers.content_length), (None, None));
}

/// A link of any letters that may stand in one.
///
/// # Panics
/// When it does not hold.
pub fn a_link_that_we_send_is_read_back(path: &str, pieces: &[u8]) {
    let path: String = path.chars().filter(char::is_ascii_graphic).collect();
    let link = SignedUrl { url: format!("https://media.test/{path}"), expires_at: Timestamp(0) };
    let shown_as = Presentation::new("image/png", None);
    let (headers, read) = sent_and_read(&shown_as, Part::Location(link.clone()), pieces);
    assert_eq!(headers, PartHeaders { location: Some(link.url), ..PartHeaders::default() });
    assert_eq!(read, b"");
}

fn sent_and_read(shown_as: &Presentation, part: Part, pieces: &[u8]) -> (PartHeaders, Vec<u8>) {
    let response = respond::multipart(shown_as, part).expect("it can be sent");
    let header = |name| response.headers()[name].to_str().expect("it is ASCII").to_owned();
    let (content_type, length) = (header(header::CONTENT_TYPE), header(header::CONTENT_LENGTH));
    let body = response.into_body().collect().now_or_never().expect("all of it is here");
    let answer = body.expect("nothing can break").to_bytes();
    assert_eq!(length, answer.len().to_string());
    read(&content_type, cut(&answer, pieces)).expect("it can be read")
}

/// Reads pieces as they would come from a socket, and holds the reader to what it promises on the way.
fn read<'a>(content_type: &str, pieces: impl IntoIterator<Item = &'a [u8]>) -> Reading {
    let mut reader = Multipart::new(content_type)?;
    let mut pieces = pieces.into_iter();
    let (mut headers, mut media) = (None, Vec::new());
    let mut is_finished = false;
    loop {
        match reader.read()? {
            Event::NeedMore => {
                assert!(!is_finished, "nothing more can come");
                let held_bytes = if headers.is_none() { MAX_PART_HEADER_BYTES } else { MAX_HELD_BACK_BYTES };
                assert!(reader.held_bytes() <= held_bytes, "{} bytes are held", reader.held_bytes());
                if let Some(piece) = pieces.next() {
                    reader.feed(piece);
                } else {
                    reader.finish();
                    is_finished = true;
                }
            }
            Event::Media(found) => assert_eq!(headers.replace(found), None, "the headers come once"),
            Event::Bytes(bytes) => {
                assert!(headers.is_some() && !bytes.is_empty(), "media comes after its headers");
                media.extend_from_slice(&bytes);
            }
            Event::End => {
                assert_eq!(reader.read(), Ok(Event::End), "the end is the end");
                return Ok((headers.expect("the headers come before the end"), media));
            }
        }
    }
}

/// Pieces of these lengths, over and over.
fn cut<'a>(mut bytes: &'a [u8], lengths: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut lengths = lengths.iter().cycle();
    std::iter::from_fn(move || {
        // No length leads further than one byte does.
        let length = lengths.next().map_or(bytes.len(), |&length| usize::from(length).max(1));
        let (piece, rest) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
        bytes = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The reader's rule in other words, over bytes that are all there: what stands before the first delimiter, without the
/// line end that belongs to it.
fn before_delimiter<'a>(bytes: &'a [u8], delimiter: &[u8]) -> &'a [u8] {
    let begins_line = |at: usize| at == 0 || bytes[at - 1] == b'\n';
    let is_delimiter = |at: usize| {
        let Some(rest) = bytes[at..].strip_prefix(delimiter) else { return false };
        let line = rest.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let line =
            if line.len() < rest.len() { line.strip_suffix(b"\r").unwrap_or(line) } else { return false };
        let is_padding = line.len() <= MAX_PADDING_BYTES && line.iter().all(|byte| b" \t".contains(byte));
        rest.starts_with(b"--") || is_padding
    };
    let end =
        (0..bytes.len()).find(|&at| begins_line(at) && is_delimiter(at)).expect("the last one is there");
    let before = &bytes[..end];
    let before = before.strip_suffix(b"\n").unwrap_or(before);
    before.strip_suffix(b"\r").unwrap_or(before)
}
