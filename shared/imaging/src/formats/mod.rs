//! The kinds of pictures that are understood: of each its header, its pixels no larger than needed, and its frames.

mod apng;
mod bmp;
mod canvas;
mod frames;
mod gif;
mod ico;
mod jpeg;
mod jxl;
mod png;
mod prefixes;
mod qoi;
mod tiff;
mod webp;
mod whole;

use image::metadata::Orientation;

pub(crate) use frames::frames;

use crate::{Unthumbnailable, budget::Budget, raster::Raster};

/// A kind of picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Jpeg,
    Png,
    Gif,
    WebP,
    Jxl,
    Tiff,
    Bmp,
    Ico,
    Qoi,
}

impl Kind {
    /// The media type (IANA, and for QOI the one in use).
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
            Self::Jxl => "image/jxl",
            Self::Tiff => "image/tiff",
            Self::Bmp => "image/bmp",
            Self::Ico => "image/x-icon",
            Self::Qoi => "image/x-qoi",
        }
    }
}

/// What a header says, before any pixel is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Pixels across, as stored.
    pub(crate) width: u32,
    /// Pixels down, as stored.
    pub(crate) height: u32,
    /// How it has to be turned to be seen. Nonsense in the metadata turns nothing.
    pub(crate) orientation: Orientation,
    /// How many pictures it is, shown one after the other.
    pub(crate) frames: u32,
}

/// Pixels as stored: not turned yet, and in the colours of their profile.
pub(crate) struct Decoded {
    pub(crate) raster: Raster,
    /// An ICC profile; without one the colours are sRGB.
    pub(crate) profile: Option<Vec<u8>>,
}

/// Reads a header.
pub(crate) fn header(source: &[u8], kind: Kind) -> Result<Header, Unthumbnailable> {
    match kind {
        Kind::Jpeg => jpeg::header(source),
        Kind::Png => png::header(source),
        Kind::WebP => webp::header(source),
        Kind::Jxl => jxl::header(source),
        Kind::Gif => gif::header(source),
        Kind::Tiff => tiff::header(source),
        Kind::Bmp => bmp::header(source),
        Kind::Ico => ico::header(source),
        Kind::Qoi => qoi::header(source),
    }
}

/// Decodes the first frame, at `at_least` this size where the picture has as many pixels, and no larger than it can help.
pub(crate) fn decode(
    source: &[u8],
    kind: Kind,
    at_least: (u32, u32),
    budget: &Budget<'_>,
) -> Result<Decoded, Unthumbnailable> {
    let decoded = match kind {
        Kind::Jpeg => jpeg::decode(source, at_least, budget),
        Kind::Png => png::decode(source, at_least, budget),
        Kind::WebP => webp::decode(source, at_least, budget),
        Kind::Jxl => jxl::decode(source, at_least, budget),
        Kind::Gif => gif::decode(source, at_least, budget),
        Kind::Tiff => tiff::decode(source, at_least, budget),
        Kind::Bmp => bmp::decode(source, at_least, budget),
        Kind::Ico => ico::decode(source, at_least, budget),
        Kind::Qoi => qoi::decode(source, at_least, budget),
    }?;
    // What shows something through is copied when it is resized, its colours multiplied by their opacity.
    if let Raster::Rgba(plane) = &decoded.raster {
        budget.has_memory(2 * plane.samples.len())?;
    }
    Ok(decoded)
}

/// The orientation that an EXIF block says, if it says one that exists.
fn orientation_of(exif: Option<&[u8]>) -> Orientation {
    exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
}
