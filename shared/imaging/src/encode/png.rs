//! PNG: as small as it gets in reasonable time, or soon there.

// It compresses what `png` writes: the feature that is chosen for it in the workspace is what makes it quick.
use flate2 as _;
use png::{BitDepth, ColorType, Compression, Encoder, Filter};

use crate::{Unthumbnailable, raster::Raster};

/// As small as it gets in reasonable time.
pub(super) fn best(small: &Raster) -> Result<Vec<u8>, Unthumbnailable> {
    encode(small, Compression::Balanced, Filter::Adaptive)
}

/// Larger and soon there: an upper bound.
pub(super) fn quick(small: &Raster) -> Result<Vec<u8>, Unthumbnailable> {
    encode(small, Compression::Fastest, Filter::Paeth)
}

fn encode(small: &Raster, compression: Compression, filter: Filter) -> Result<Vec<u8>, Unthumbnailable> {
    let (plane, color) = match small {
        Raster::Gray(plane) => (plane, ColorType::Grayscale),
        Raster::Rgb(plane) => (plane, ColorType::Rgb),
        Raster::Rgba(plane) => (plane, ColorType::Rgba),
        Raster::YCbCr(_) | Raster::Cmyk(_) => return Err(Unthumbnailable::Broken),
    };
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, plane.width, plane.height);
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(compression);
    encoder.set_filter(filter);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(&plane.samples)?;
        writer.finish()
    });
    written.map_err(|_| Unthumbnailable::Broken)?;
    Ok(bytes)
}
