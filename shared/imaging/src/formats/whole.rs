//! What comes whole out of a decoder, made smaller before anything else is allocated.

use image::{DynamicImage, ImageDecoder};

use super::{Decoded, Header};
use crate::{
    Unthumbnailable,
    budget::Budget,
    raster::{Plane, Raster},
    steps::reduce::{Reducer, factor},
};

/// Reads a header that one of `image`'s decoders has read.
pub(super) fn header(mut decoder: impl ImageDecoder) -> Header {
    let (width, height) = decoder.dimensions();
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    Header { width, height, orientation, frames: 1 }
}

/// Decodes with one of `image`'s decoders, all of whose kinds here have 8 bits a channel.
pub(super) fn decode(
    decoder: impl ImageDecoder,
    at_least: (u32, u32),
    budget: &Budget<'_>,
) -> Result<Decoded, Unthumbnailable> {
    let size = decoder.dimensions();
    let bytes = usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX);
    budget.has_memory(bytes)?;
    budget.in_time()?;
    let picture = DynamicImage::from_decoder(decoder).map_err(|_| Unthumbnailable::Broken)?;
    let raster = match picture {
        DynamicImage::ImageLuma8(gray) => Raster::Gray(reduced(gray.into_raw(), size, 1, at_least, budget)?),
        DynamicImage::ImageRgb8(rgb) => Raster::Rgb(reduced(rgb.into_raw(), size, 3, at_least, budget)?),
        DynamicImage::ImageRgba8(rgba) => Raster::Rgba(reduced(rgba.into_raw(), size, 4, at_least, budget)?),
        _ => return Err(Unthumbnailable::Broken),
    };
    Ok(Decoded { raster, profile: None })
}

/// As many samples as are wanted, where there are at least twice as many; the rest is given back.
pub(super) fn reduced(
    samples: Vec<u8>,
    size: (u32, u32),
    channels: usize,
    at_least: (u32, u32),
    budget: &Budget<'_>,
) -> Result<Plane, Unthumbnailable> {
    let factor = factor(size, at_least);
    if factor == 1 {
        return Plane::new(size.0, size.1, channels, samples);
    }
    budget.has_memory(samples.len() + needed(size, channels, factor))?;
    let mut reducer = Reducer::new(size, channels, factor, false, budget)?;
    for row in samples.chunks_exact(size.0 as usize * channels) {
        reducer.push(row);
    }
    reducer.finish()
}

/// Bytes that a reducer takes: its result, and sums of one row.
pub(super) fn needed((width, height): (u32, u32), channels: usize, factor: u32) -> usize {
    let pixels = width.div_ceil(factor) as usize * height.div_ceil(factor) as usize;
    (pixels + 4 * width as usize) * channels
}
