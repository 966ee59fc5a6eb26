//! JPEG: decoded at an eighth to a half of its size where that is enough, whole where it is not.
//!
//! ITU-T T.81, and T.871 (JFIF) for the colours.

use std::io::Cursor;

use jpeg_shrink::{Budget as ShrinkBudget, Color, Eighths, Error};
use zune_jpeg::{
    JpegDecoder,
    zune_core::{colorspace::ColorSpace, options::DecoderOptions},
};

use super::{Decoded, Header, orientation_of};
use crate::{
    Unthumbnailable,
    budget::Budget,
    raster::{Plane, Raster},
    steps::colour::rgb_of,
};

/// Hundredths of the wanted size that are decoded at least: shrunk to just that size a picture is less sharp than it could be.
const WITH_A_MARGIN: u64 = 105;

pub(super) fn header(source: &[u8]) -> Result<Header, Unthumbnailable> {
    let header = jpeg_shrink::header(source).map_err(refused)?;
    let orientation = orientation_of(header.exif);
    Ok(Header { width: header.width, height: header.height, orientation, frames: 1 })
}

pub(super) fn decode(
    source: &[u8],
    at_least: (u32, u32),
    budget: &Budget<'_>,
) -> Result<Decoded, Unthumbnailable> {
    let header = jpeg_shrink::header(source).map_err(refused)?;
    let profile = header.icc.as_deref().map(<[u8]>::to_vec);
    let has = |eighths: &Eighths, hundredths: u64| {
        let along = |side: u32, at_least: u32| {
            (u64::from(side) * eighths.count() as u64).div_ceil(8) * 100 >= u64::from(at_least) * hundredths
        };
        along(header.width, at_least.0) && along(header.height, at_least.1)
    };
    let wanted = Eighths::ALL.into_iter().find(|eighths| has(eighths, WITH_A_MARGIN));
    let wanted = wanted.or(Some(Eighths::Four).filter(|half| has(half, 100)));
    let wanted = wanted.filter(|_| header.unsupported.is_none());
    let raster = match wanted {
        Some(eighths) => shrunk(source, &header, eighths, budget)?,
        None => match whole(source, &header, budget) {
            // Twice as much as there is memory for, or more: then half of it has to do.
            Err(Unthumbnailable::TooMuchMemory) => shrunk(source, &header, Eighths::Four, budget)?,
            raster => raster?,
        },
    };
    Ok(Decoded { raster, profile })
}

/// Decodes at so many eighths, or fewer where these would take too much memory.
fn shrunk(
    source: &[u8],
    header: &jpeg_shrink::Header<'_>,
    eighths: Eighths,
    budget: &Budget<'_>,
) -> Result<Raster, Unthumbnailable> {
    let is_affordable = |smaller: &Eighths| jpeg_shrink::memory(header, *smaller) <= budget.memory_bytes;
    let eighths = Eighths::ALL.into_iter().filter(|smaller| *smaller <= eighths).rfind(is_affordable);
    let eighths = eighths.ok_or(Unthumbnailable::TooMuchMemory)?;
    let keep_going = || budget.in_time().is_ok();
    let within = ShrinkBudget { memory_bytes: budget.memory_bytes, keep_going: &keep_going };
    let decoded = jpeg_shrink::decode(source, eighths, &within).map_err(refused)?;
    let planes: Vec<Plane> = decoded.planes.into_iter().map(compact).collect::<Result<_, _>>()?;
    let is_even = planes.windows(2).all(|pair| pair[0].size() == pair[1].size());
    match decoded.color {
        Color::Gray => planes.into_iter().next().map(Raster::Gray).ok_or(Unthumbnailable::Broken),
        Color::YCbCr => planes.try_into().map(Raster::YCbCr).map_err(|_| Unthumbnailable::Broken),
        Color::Rgb if is_even => interleaved::<3>(&planes, |pixel| pixel).map(Raster::Rgb),
        Color::Cmyk | Color::Ycck if is_even => {
            inks(&planes, decoded.color, header.inverted).map(Raster::Cmyk)
        }
        // Red, green, blue or inks of different resolutions: nobody writes them.
        Color::Rgb | Color::Cmyk | Color::Ycck => whole(source, header, budget),
    }
}

/// Decodes at full size.
fn whole(
    source: &[u8],
    header: &jpeg_shrink::Header<'_>,
    budget: &Budget<'_>,
) -> Result<Raster, Unthumbnailable> {
    let out = match header.color {
        Color::Gray => ColorSpace::Luma,
        Color::YCbCr => ColorSpace::YCbCr,
        // Inks, too, by rule of thumb: a profile of a press is not followed for a picture this small.
        Color::Rgb | Color::Cmyk | Color::Ycck => ColorSpace::RGB,
    };
    let (width, height) = (header.width, header.height);
    let pixels = width as usize * height as usize;
    let components = if header.color == Color::Gray { 1 } else { 4 };
    // Samples, and of progressive pictures frequencies of 16 bits.
    budget.has_memory(pixels * components * if header.progressive { 3 } else { 2 })?;
    budget.in_time()?;
    let mut decoder = JpegDecoder::new_with_options(
        Cursor::new(source),
        DecoderOptions::default().jpeg_set_out_colorspace(out),
    );
    let samples = decoder.decode().map_err(|_| Unthumbnailable::Broken)?;
    Ok(match header.color {
        Color::Gray => Raster::Gray(Plane::new(width, height, 1, samples)?),
        Color::YCbCr => {
            let channel = |at: usize| samples.iter().skip(at).step_by(3).copied().collect();
            let plane = |at| Plane::new(width, height, 1, channel(at));
            Raster::YCbCr([plane(0)?, plane(1)?, plane(2)?])
        }
        Color::Rgb | Color::Cmyk | Color::Ycck => Raster::Rgb(Plane::new(width, height, 3, samples)?),
    })
}

/// A plane without what pads it to whole blocks.
fn compact(plane: jpeg_shrink::Plane) -> Result<Plane, Unthumbnailable> {
    let jpeg_shrink::Plane { width, height, stride, mut samples, .. } = plane;
    if stride > width {
        for row in 1..height {
            samples.copy_within(row * stride..row * stride + width, row * width);
        }
    }
    samples.truncate(width * height);
    let side = |samples: usize| u32::try_from(samples).map_err(|_| Unthumbnailable::TooManyPixels);
    Plane::new(side(width)?, side(height)?, 1, samples)
}

fn interleaved<const CHANNELS: usize>(
    planes: &[Plane],
    change: impl Fn([u8; CHANNELS]) -> [u8; CHANNELS],
) -> Result<Plane, Unthumbnailable> {
    let [first, ..] = planes else { return Err(Unthumbnailable::Broken) };
    if planes.len() != CHANNELS {
        return Err(Unthumbnailable::Broken);
    }
    let pixels =
        (0..first.samples.len()).map(|at| change(std::array::from_fn(|plane| planes[plane].samples[at])));
    Plane::new(first.width, first.height, CHANNELS, pixels.collect::<Vec<_>>().into_flattened())
}

/// Cyan, magenta, yellow and black, of which 255 is all the ink there is.
fn inks(planes: &[Plane], color: Color, inverted: bool) -> Result<Plane, Unthumbnailable> {
    interleaved(planes, |[a, b, c, k]| {
        let [c, m, y] = if color == Color::Ycck { rgb_of([a, b, c]) } else { [a, b, c] };
        if inverted { [255 - c, 255 - m, 255 - y, 255 - k] } else { [c, m, y, k] }
    })
}

fn refused(error: Error) -> Unthumbnailable {
    match error {
        Error::TooMuchMemory | Error::TooManyScans => Unthumbnailable::TooMuchMemory,
        Error::Stopped => Unthumbnailable::OutOfTime,
        Error::NotJpeg | Error::Broken(_) | Error::Unsupported(_) => Unthumbnailable::Broken,
    }
}
