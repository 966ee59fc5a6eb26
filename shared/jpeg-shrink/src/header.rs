//! What a picture says of itself before its first scan.

use std::borrow::Cow;

use crate::{
    error::Error,
    frame::{Frame, is_frame},
    profile::Pieces,
    segments::{APP0, APP1, APP2, APP14, SOS, Segments},
};

pub use crate::profile::MAX_PROFILE_BYTES;

/// What a picture says of itself.
#[derive(Clone, Debug)]
pub struct Header<'a> {
    /// In pixels.
    pub width: u32,
    /// In pixels; 0 when it is not said here, and then the picture is unsupported.
    pub height: u32,
    /// What the components mean.
    pub color: Color,
    /// Whether CMYK or YCCK is stored with 255 for no ink, as Adobe's programs do. It is said by their marker.
    pub inverted: bool,
    /// Whether the picture comes coarse first, then finer.
    pub progressive: bool,
    /// Why [`decode`](crate::decode()) will not take it, although it is a picture.
    pub unsupported: Option<&'static str>,
    /// The TIFF of its Exif.
    pub exif: Option<&'a [u8]>,
    /// Its colour profile; none when the pieces do not fit together, or have more than [`MAX_PROFILE_BYTES`].
    pub icc: Option<Cow<'a, [u8]>>,
    pub(crate) frame: Frame,
}

/// What the components of a picture mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Color {
    /// One component: luminance.
    Gray,
    /// Luminance and two differences of colour (ITU-T T.871).
    YCbCr,
    /// Red, green, blue.
    Rgb,
    /// Cyan, magenta, yellow, black.
    Cmyk,
    /// CMY as YCbCr, and black.
    Ycck,
}

/// Reads a picture up to its first scan, or to its end.
pub fn header(source: &[u8]) -> Result<Header<'_>, Error> {
    let (header, profile) = read(source)?;
    Ok(Header { icc: profile.join(), ..header })
}

/// The same, with the colour profile still in pieces.
pub(crate) fn read(source: &[u8]) -> Result<(Header<'_>, Pieces<'_>), Error> {
    let mut frames = Vec::new();
    let mut adobe = None;
    let mut is_jfif = false;
    let mut exif = None;
    let mut profile = Pieces::default();
    for segment in Segments::new(source)? {
        let payload = segment.payload;
        match segment.marker {
            SOS => break,
            APP0 => is_jfif |= payload.starts_with(b"JFIF\0"),
            APP1 => exif = exif.or(payload.strip_prefix(b"Exif\0\0")),
            APP2 => profile.take(payload),
            APP14 => adobe = adobe.or(adobe_transform(payload)),
            marker if is_frame(marker) => frames.push(segment),
            _ => {}
        }
        if frames.len() > 1 {
            return Err(Error::Broken("more than one frame"));
        }
    }
    let frame = frames.pop().ok_or(Error::Broken("no frame before the first scan"))?;
    let frame = Frame::parse(frame)?;
    let color = color(&frame, is_jfif, adobe);
    let pixels = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let header = Header {
        width: pixels(frame.width),
        height: pixels(frame.height),
        color,
        inverted: adobe.is_some() && matches!(color, Color::Cmyk | Color::Ycck),
        progressive: frame.is_progressive,
        unsupported: frame.unsupported,
        exif,
        icc: None,
        frame,
    };
    Ok((header, profile))
}

/// By their number, then by what JFIF or Adobe promise, then by their names; libjpeg decides in the same order.
fn color(frame: &Frame, is_jfif: bool, adobe: Option<u8>) -> Color {
    match (frame.ids.len(), adobe) {
        (4, Some(0) | None) => Color::Cmyk,
        (4, Some(_)) => Color::Ycck,
        (3, _) if is_jfif => Color::YCbCr,
        (3, Some(0)) => Color::Rgb,
        (3, None) if frame.ids == *b"RGB" => Color::Rgb,
        (3, _) => Color::YCbCr,
        _ => Color::Gray,
    }
}

/// The last byte of Adobe's marker: which transform the colours went through (Adobe Technical Note 5116, section 18).
fn adobe_transform(payload: &[u8]) -> Option<u8> {
    payload.strip_prefix(b"Adobe")?.get(6).copied()
}
