//! Pixels to bytes: a photograph becomes JPEG, what shows something through PNG, and the rest whichever is clearly smaller.

mod jpeg;
mod png;
mod webp;

use media_core::thumbnail::{Format, Shape};

use crate::{Picture, Unthumbnailable, raster::Raster};

pub(crate) use self::webp::Animation;

/// Of how much, in quarters of the PNG's length, a JPEG may take the place of a PNG that loses nothing.
const CLEARLY_SMALLER: usize = 3;

/// What a thumbnail may come as, by what the picture came as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// Through a lossy encoder for photographs: JPEG, which every client reads.
    AsPhotograph,
    /// As WebP: where it has transparency, as that, since who shows the picture can show its thumbnail.
    AsWebP,
    /// As anything else.
    Otherwise,
}

/// Encodes one thumbnail; metadata of the source is not carried over.
pub(crate) fn encode(small: &Raster, shape: Shape, came: Came) -> Result<Picture, Unthumbnailable> {
    let (format, bytes) = match (small, came) {
        (Raster::Rgba(_), Came::AsWebP) => (Format::Webp, webp::encode(small)?),
        (Raster::Rgba(_), _) => (Format::Png, png::best(small)?),
        (Raster::YCbCr(_), _) | (_, Came::AsPhotograph) => (Format::Jpeg, jpeg::encode(small)?),
        _ => smaller(small)?,
    };
    let (width, height) = small.size();
    Ok(Picture { shape, format, width, height, bytes })
}

/// Drawings stay as they are; what came as PNG and is a photograph becomes one.
fn smaller(small: &Raster) -> Result<(Format, Vec<u8>), Unthumbnailable> {
    let lossy = jpeg::encode(small)?;
    // The best is seldom less than half of the quickest, and takes ten times as long. Where even a part of the picture says
    // so by far, the rest need not be asked.
    let worth = |lossless: usize, parts: usize| lossy.len() * 4 * parts < lossless * CLEARLY_SMALLER;
    if worth(png::estimate(small)?, 4) || worth(png::quick(small)?, 2) {
        return Ok((Format::Jpeg, lossy));
    }
    let lossless = png::best(small)?;
    Ok(if worth(lossless.len(), 1) { (Format::Jpeg, lossy) } else { (Format::Png, lossless) })
}
