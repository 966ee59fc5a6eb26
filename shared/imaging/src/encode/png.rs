//! PNG: as small as it gets in reasonable time, or soon there.

// It compresses what `png` writes: the feature that is chosen for it in the workspace is what makes it quick.
use flate2 as _;
use png::{BitDepth, ColorType, Compression, Encoder, Filter};

use crate::{
    Unthumbnailable,
    raster::{Plane, Raster},
};

/// Rows that are looked at together: most of a row is foretold from the one above.
const BAND: usize = 16;

/// One band of so many is looked at.
const OF_BANDS: usize = 4;

/// As small as it gets in reasonable time.
pub(super) fn best(small: &Raster) -> Result<Vec<u8>, Unthumbnailable> {
    encode(plane_of(small)?, Compression::Balanced, Filter::Adaptive)
}

/// How long it becomes when it is written in no time.
pub(super) fn quick(small: &Raster) -> Result<usize, Unthumbnailable> {
    length(plane_of(small)?)
}

/// About the same, by a part of the rows.
pub(super) fn estimate(small: &Raster) -> Result<usize, Unthumbnailable> {
    let plane = plane_of(small)?;
    let row = plane.width as usize * plane.channels;
    let bands = plane.samples.chunks(row * BAND).step_by(OF_BANDS);
    let samples = bands.collect::<Vec<_>>().concat();
    let rows = samples.len() / row;
    let height = u32::try_from(rows).unwrap_or(u32::MAX);
    let part = Plane::new(plane.width, height, plane.channels, samples)?;
    Ok(length(&part)? * plane.height as usize / rows)
}

fn length(plane: &Plane) -> Result<usize, Unthumbnailable> {
    Ok(encode(plane, Compression::Fastest, Filter::Paeth)?.len())
}

fn plane_of(small: &Raster) -> Result<&Plane, Unthumbnailable> {
    match small {
        Raster::Gray(plane) | Raster::Rgb(plane) | Raster::Rgba(plane) => Ok(plane),
        Raster::YCbCr(_) | Raster::Cmyk(_) => Err(Unthumbnailable::Broken),
    }
}

fn encode(plane: &Plane, compression: Compression, filter: Filter) -> Result<Vec<u8>, Unthumbnailable> {
    let color = match plane.channels {
        1 => ColorType::Grayscale,
        3 => ColorType::Rgb,
        _ => ColorType::Rgba,
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
