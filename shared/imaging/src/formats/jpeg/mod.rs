//! JPEG: decoded at an eighth to a half of its size where that is enough, whole where it is not.
//!
//! ITU-T T.81, and T.871 (JFIF) for the colours.

mod complete;

use jpeg_shrink::{Budget as ShrinkBudget, Color, Eighths, Error};

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
        None => match complete::decode(source, &header, budget) {
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
    let decoded = match jpeg_shrink::decode(source, eighths, &within) {
        // Scans that do not follow from one another, for one: libjpeg warns of them, and shows what it can.
        Err(Error::Broken(_)) => return complete::decode(source, header, budget).map_err(broken_anyway),
        decoded => decoded.map_err(refused)?,
    };
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
        Color::Rgb | Color::Cmyk | Color::Ycck => complete::decode(source, header, budget),
    }
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
    interleaved(planes, |pixel| ink(pixel, color, inverted))
}

/// The same of one pixel.
fn ink(stored: [u8; 4], color: Color, inverted: bool) -> [u8; 4] {
    let [first, second, third, black] = stored;
    let mut inks = stored;
    if color == Color::Ycck {
        // It is the light that inks leave which Adobe's programs turn into brightness and colours.
        let [red, green, blue] = rgb_of([first, second, third]);
        inks = [255 - red, 255 - green, 255 - blue, black];
    }
    if inverted { inks.map(|ink| 255 - ink) } else { inks }
}

/// What is broken and would take too much memory is broken.
fn broken_anyway(error: Unthumbnailable) -> Unthumbnailable {
    if error == Unthumbnailable::TooMuchMemory { Unthumbnailable::Broken } else { error }
}

fn refused(error: Error) -> Unthumbnailable {
    match error {
        Error::TooMuchMemory | Error::TooManyScans => Unthumbnailable::TooMuchMemory,
        Error::Stopped => Unthumbnailable::OutOfTime,
        Error::NotJpeg | Error::Broken(_) | Error::Unsupported(_) => Unthumbnailable::Broken,
    }
}
