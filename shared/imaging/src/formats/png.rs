//! PNG: reduced row by row as it is inflated, so that the whole picture is never in memory.
//!
//! <https://www.w3.org/TR/png-3/>

use std::io::Cursor;

use png::{ColorType, Decoder, Limits, Reader, Transformations};

use super::{Decoded, Header, orientation_of};
use crate::{
    Unthumbnailable,
    budget::Budget,
    raster::{Plane, Raster},
    steps::reduce::{Reducer, factor},
};

/// Rows between two looks at the clock.
const ROWS_AT_ONCE: u32 = 64;

/// Memory for what is beside the pixels: a profile, inflated, and one row.
const SIDE_BYTES: usize = 8 * 1024 * 1024;

/// The seven passes of interlaced pictures (section 8.1): first column, column step, first row, row step.
const ADAM7: [(u32, u32, u32, u32); 7] =
    [(0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)];

pub(super) fn header(source: &[u8]) -> Result<Header, Unthumbnailable> {
    let reader = open(source)?;
    let info = reader.info();
    Ok(Header {
        width: info.width,
        height: info.height,
        orientation: orientation_of(info.exif_metadata.as_deref()),
        frames: info.animation_control.map_or(1, |animation| animation.num_frames),
    })
}

pub(super) fn decode(
    source: &[u8],
    at_least: (u32, u32),
    budget: &Budget<'_>,
) -> Result<Decoded, Unthumbnailable> {
    let mut reader = open(source)?;
    let (width, height) = (reader.info().width, reader.info().height);
    let (color, _) = reader.output_color_type();
    let factor = factor((width, height), at_least);
    let is_interlaced = reader.info().interlaced;
    let profile = reader.info().icc_profile.as_ref().map(|profile| profile.to_vec());
    // Grey with opacity is rare: it becomes colour with opacity.
    let channels = match color {
        ColorType::Grayscale => 1,
        ColorType::Rgb => 3,
        ColorType::Rgba | ColorType::GrayscaleAlpha => 4,
        ColorType::Indexed => return Err(Unthumbnailable::Broken),
    };
    let mut reducer = Reducer::new((width, height), channels, factor, is_interlaced, budget)?;
    let mut spread = Vec::new();
    let mut step = |reader: &mut Reader<_>, place: &mut dyn FnMut(&mut Reducer, &[u8])| {
        let row = reader.next_row().map_err(|_| Unthumbnailable::Broken)?.ok_or(Unthumbnailable::Broken)?;
        let row = match color {
            ColorType::GrayscaleAlpha => {
                spread.clear();
                spread.extend(
                    row.data().chunks_exact(2).flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]]),
                );
                &spread
            }
            _ => row.data(),
        };
        place(&mut reducer, row);
        Ok::<_, Unthumbnailable>(())
    };
    if is_interlaced {
        for (x0, dx, y0, dy) in ADAM7.into_iter().filter(|pass| pass.0 < width && pass.2 < height) {
            for (count, y) in (y0..height).step_by(dy as usize).enumerate() {
                if count % ROWS_AT_ONCE as usize == 0 {
                    budget.in_time()?;
                }
                step(&mut reader, &mut |reducer, row| reducer.scatter(row, (x0, dx), y))?;
            }
        }
    } else {
        for y in 0..height {
            if y % ROWS_AT_ONCE == 0 {
                budget.in_time()?;
            }
            step(&mut reader, &mut |reducer, row| reducer.push(row))?;
        }
    }
    let plane: Plane = reducer.finish()?;
    let raster = match channels {
        1 => Raster::Gray(plane),
        3 => Raster::Rgb(plane),
        _ => Raster::Rgba(plane),
    };
    Ok(Decoded { raster, profile })
}

/// Reads up to the pixels. They come as 8 bits a channel, palettes and transparent colours resolved.
fn open(source: &[u8]) -> Result<Reader<Cursor<&[u8]>>, Unthumbnailable> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(source), Limits { bytes: SIDE_BYTES });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    // What checksums guard against is not what is in the way of a thumbnail.
    decoder.ignore_checksums(true);
    decoder.read_info().map_err(|_| Unthumbnailable::Broken)
}
