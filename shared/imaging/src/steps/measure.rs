//! How large a picture is, from its header, and whether that may be decoded.

use std::io::Cursor;

use image::{ImageDecoder as _, ImageFormat, ImageReader, metadata::Orientation};
use media_core::Limits;

use crate::{Measured, Unthumbnailable};

/// Measures before anything is decoded: a header that promises too much costs nothing.
pub(crate) fn measure(
    source: &[u8],
    kind: ImageFormat,
    limits: &Limits,
) -> Result<Measured, Unthumbnailable> {
    if source.len() as u64 > limits.image_bytes {
        return Err(Unthumbnailable::TooManyBytes);
    }
    let reader = ImageReader::with_format(Cursor::new(source), kind);
    let mut decoder = reader.into_decoder().map_err(|_| Unthumbnailable::Broken)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(Unthumbnailable::Broken);
    }
    // Synapse refuses at the limit, not above it (`max_image_pixels`).
    if u64::from(width) * u64::from(height) >= limits.image_pixels {
        return Err(Unthumbnailable::TooManyPixels);
    }
    let turned = is_on_its_side(decoder.orientation().unwrap_or(Orientation::NoTransforms));
    let (width, height) = if turned { (height, width) } else { (width, height) };
    Ok(Measured { width, height })
}

fn is_on_its_side(orientation: Orientation) -> bool {
    use Orientation as O;
    matches!(orientation, O::Rotate90 | O::Rotate270 | O::Rotate90FlipH | O::Rotate270FlipH)
}
