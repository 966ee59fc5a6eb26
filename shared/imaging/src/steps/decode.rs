//! Bytes to pixels, the right way up, in one of two layouts.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, metadata::Orientation};
use media_core::Limits;

use crate::Unthumbnailable;

/// Bytes that a decoder may take for each pixel of the limit: 16 bits of four channels, twice.
const BYTES_PER_PIXEL: u64 = 16;

/// Decodes the first frame; 8 bits a channel, with an alpha channel only where something shows through.
pub(crate) fn decode(
    source: &[u8],
    kind: ImageFormat,
    limits: &Limits,
) -> Result<DynamicImage, Unthumbnailable> {
    let mut reader = ImageReader::with_format(Cursor::new(source), kind);
    let mut bounds = image::Limits::default();
    bounds.max_alloc = Some(limits.image_pixels.saturating_mul(BYTES_PER_PIXEL));
    reader.limits(bounds);
    let mut decoder = reader.into_decoder().map_err(|_| Unthumbnailable::Broken)?;
    // Nonsense in the metadata turns nothing.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|_| Unthumbnailable::Broken)?;
    picture.apply_orientation(orientation);
    Ok(normal(picture))
}

fn normal(picture: DynamicImage) -> DynamicImage {
    if !picture.color().has_alpha() {
        return DynamicImage::ImageRgb8(picture.into_rgb8());
    }
    let with_alpha = picture.into_rgba8();
    if with_alpha.pixels().all(|pixel| pixel.0[3] == u8::MAX) {
        DynamicImage::ImageRgb8(DynamicImage::ImageRgba8(with_alpha).into_rgb8())
    } else {
        DynamicImage::ImageRgba8(with_alpha)
    }
}
