//! What kind of picture these bytes are, by their beginning.

use crate::{Unthumbnailable, formats::Kind};

/// The kind, or a refusal when it is none of ours.
pub(crate) fn sniff(source: &[u8]) -> Result<Kind, Unthumbnailable> {
    let starts = |with: &[u8]| source.starts_with(with);
    let says = |word: &[u8; 4], at: usize| source.get(at..at + 4) == Some(word);
    Ok(if starts(b"\xff\xd8\xff") {
        Kind::Jpeg
    } else if starts(b"\x89PNG\r\n\x1a\n") {
        Kind::Png
    } else if starts(b"GIF87a") || starts(b"GIF89a") {
        Kind::Gif
    } else if starts(b"RIFF") && says(b"WEBP", 8) {
        Kind::WebP
    } else if starts(b"\xff\x0a") || starts(b"\0\0\0\x0cJXL \r\n\x87\n") {
        // The bare codestream, and the container (ISO/IEC 18181-2).
        Kind::Jxl
    } else if starts(b"II*\0") || starts(b"MM\0*") {
        Kind::Tiff
    } else if starts(b"BM") {
        Kind::Bmp
    } else if starts(&[0, 0, 1, 0]) {
        Kind::Ico
    } else if starts(b"qoif") {
        Kind::Qoi
    } else {
        return Err(Unthumbnailable::NotAPicture);
    })
}
