//! PNG: reduced row by row as it is inflated, so that the whole picture is never in memory.
//!
//! What most pictures are, 8 bits a channel without a palette from top to bottom, takes a quicker way than the rest.
//!
//! <https://www.w3.org/TR/png-3/>

mod rows;
mod unfilter;

use std::io::{BufRead, Cursor, Seek};

use png::{BitDepth, ColorType, Decoder, Limits, Reader, Transformations};

use self::{
    rows::StoredRows,
    unfilter::{PAETH, two_of_paeth, unfilter},
};
use super::{Decoded, Header, orientation_of};
use crate::{
    Unthumbnailable,
    budget::Budget,
    raster::{Plane, Raster},
    steps::reduce::{Reducer, factor},
};

/// Rows between two looks at the clock.
pub(super) const ROWS_AT_ONCE: u32 = 64;

/// Memory for what is beside the pixels: a profile, inflated, and one row.
pub(super) const SIDE_BYTES: usize = 8 * 1024 * 1024;

/// Chunks up to the last of the first frame. Each takes its time, however little is in it, and writers put 8 KiB or more of pixels
/// into all but the last: the largest file that is admitted has a tenth of this.
const MAX_CHUNKS: usize = 65_536;

/// The seven passes of interlaced pictures (section 8.1): first column, column step, first row, row step.
pub(super) const ADAM7: [(u32, u32, u32, u32); 7] =
    [(0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)];

pub(super) fn header(source: &[u8]) -> Result<Header, Unthumbnailable> {
    let reader = open(source)?;
    let info = reader.info();
    let frames = info.animation_control.map_or(1, |animation| animation.num_frames);
    Ok(Header {
        width: info.width,
        height: info.height,
        orientation: orientation_of(info.exif_metadata.as_deref()),
        // What is in more pieces than anybody writes does not move.
        frames: if chunks(source).nth(MAX_CHUNKS).is_some() { 1 } else { frames },
    })
}

pub(super) fn decode(
    source: &[u8],
    at_least: (u32, u32),
    budget: &Budget<'_>,
) -> Result<Decoded, Unthumbnailable> {
    let mut reader = open(source)?;
    let info = reader.info();
    let size = (info.width, info.height);
    let factor = factor(size, at_least);
    let is_interlaced = info.interlaced;
    let profile = info.icc_profile.as_ref().map(|profile| profile.to_vec());
    let (color, _) = reader.output_color_type();
    // Grey with opacity is rare: it becomes colour with opacity.
    let channels = match color {
        ColorType::Grayscale => 1,
        ColorType::Rgb => 3,
        ColorType::Rgba | ColorType::GrayscaleAlpha => 4,
        ColorType::Indexed => return Err(Unthumbnailable::Broken),
    };
    let reducer = Reducer::new(size, channels, factor, is_interlaced, budget)?;
    let mut pixels = Pixels { color, spread: Vec::new(), reducer };
    let is_plain = !is_interlaced
        && info.bit_depth == BitDepth::Eight
        && info.color_type == color
        && info.trns.is_none();
    match (is_plain, color) {
        (true, ColorType::Grayscale) => pixels.read_plain::<1>(source, size, budget)?,
        (true, ColorType::GrayscaleAlpha) => pixels.read_plain::<2>(source, size, budget)?,
        (true, ColorType::Rgb) => pixels.read_plain::<3>(source, size, budget)?,
        (true, _) => pixels.read_plain::<4>(source, size, budget)?,
        (false, _) if is_interlaced => pixels.read_interlaced(&mut reader, size, budget)?,
        (false, _) => pixels.read(&mut reader, size, budget)?,
    }
    let plane: Plane = pixels.reducer.finish()?;
    let raster = match channels {
        1 => Raster::Gray(plane),
        3 => Raster::Rgb(plane),
        _ => Raster::Rgba(plane),
    };
    Ok(Decoded { raster, profile })
}

/// Where rows go.
struct Pixels {
    color: ColorType,
    /// A row of grey with opacity, as it is reduced.
    spread: Vec<u8>,
    reducer: Reducer,
}

impl Pixels {
    /// Rows of `PIXEL` bytes a pixel, unfiltered here.
    fn read_plain<const PIXEL: usize>(
        &mut self,
        source: &[u8],
        (width, height): (u32, u32),
        budget: &Budget<'_>,
    ) -> Result<(), Unthumbnailable> {
        let length = width as usize * PIXEL;
        budget.has_memory(StoredRows::memory(length) + 3 * length)?;
        let mut stored = StoredRows::new(source, length);
        let [mut above, mut upper, mut lower] = [(); 3].map(|()| vec![0; length]);
        let mut y = 0;
        while y < height {
            if y.is_multiple_of(ROWS_AT_ONCE) || (y + 1).is_multiple_of(ROWS_AT_ONCE) {
                budget.in_time()?;
            }
            let filter = stored.next(&mut upper)?;
            let pair = if PIXEL > 2 && filter == PAETH && y + 1 < height {
                Some(stored.next(&mut lower)?)
            } else {
                None
            };
            match pair {
                Some(PAETH) => two_of_paeth::<PIXEL>(&above, &mut upper, &mut lower),
                _ => unfilter::<PIXEL>(filter, &above, &mut upper)?,
            }
            self.push(&upper);
            y += 1;
            if let Some(filter) = pair {
                if filter != PAETH {
                    unfilter::<PIXEL>(filter, &upper, &mut lower)?;
                }
                self.push(&lower);
                y += 1;
                std::mem::swap(&mut above, &mut lower);
            } else {
                std::mem::swap(&mut above, &mut upper);
            }
        }
        Ok(())
    }

    /// Rows of any kind, made 8 bits a channel.
    fn read<R: BufRead + Seek>(
        &mut self,
        reader: &mut Reader<R>,
        (_, height): (u32, u32),
        budget: &Budget<'_>,
    ) -> Result<(), Unthumbnailable> {
        for y in 0..height {
            if y % ROWS_AT_ONCE == 0 {
                budget.in_time()?;
            }
            self.push(next_row(reader)?);
        }
        Ok(())
    }

    fn read_interlaced<R: BufRead + Seek>(
        &mut self,
        reader: &mut Reader<R>,
        (width, height): (u32, u32),
        budget: &Budget<'_>,
    ) -> Result<(), Unthumbnailable> {
        for (x0, dx, y0, dy) in ADAM7.into_iter().filter(|pass| pass.0 < width && pass.2 < height) {
            for (count, y) in (y0..height).step_by(dy as usize).enumerate() {
                if count % ROWS_AT_ONCE as usize == 0 {
                    budget.in_time()?;
                }
                let row = next_row(reader)?;
                let row = spread(self.color, row, &mut self.spread);
                self.reducer.scatter(row, (x0, dx), y);
            }
        }
        Ok(())
    }

    fn push(&mut self, row: &[u8]) {
        self.reducer.push(spread(self.color, row, &mut self.spread));
    }
}

fn next_row<R: BufRead + Seek>(reader: &mut Reader<R>) -> Result<&[u8], Unthumbnailable> {
    let row = reader.next_row().map_err(|_| Unthumbnailable::Broken)?;
    Ok(row.ok_or(Unthumbnailable::Broken)?.data())
}

/// Grey with opacity as colour with opacity, and anything else as it is.
fn spread<'a>(color: ColorType, row: &'a [u8], spread: &'a mut Vec<u8>) -> &'a [u8] {
    if color != ColorType::GrayscaleAlpha {
        return row;
    }
    let (pixels, _) = row.as_chunks::<2>();
    spread.clear();
    spread.extend(pixels.iter().flat_map(|[grey, opacity]| [*grey, *grey, *grey, *opacity]));
    spread
}

/// Reads up to the pixels. They come as 8 bits a channel, palettes and transparent colours resolved.
pub(super) fn open(source: &[u8]) -> Result<Reader<Cursor<&[u8]>>, Unthumbnailable> {
    let mut pixels = false;
    let first_frame = chunks(source).take_while(|name| {
        let is_over = pixels && name != b"IDAT";
        pixels |= name == b"IDAT";
        !is_over
    });
    if first_frame.take(MAX_CHUNKS + 1).count() > MAX_CHUNKS {
        return Err(Unthumbnailable::Broken);
    }
    let mut decoder = Decoder::new_with_limits(Cursor::new(source), Limits { bytes: SIDE_BYTES });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    // What checksums guard against is not what is in the way of a thumbnail.
    decoder.ignore_checksums(true);
    decoder.read_info().map_err(|_| Unthumbnailable::Broken)
}

/// The names of the chunks, each of which is walked over by its length (section 5.3).
fn chunks(source: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    let mut rest = source.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk()?;
        let (name, after) = after.split_first_chunk()?;
        // The content, and its checksum.
        rest = (u32::from_be_bytes(*length) as usize)
            .checked_add(4)
            .and_then(|end| after.get(end..))
            .unwrap_or_default();
        Some(*name)
    })
}
