//! GIF: the first frame on its screen, reduced line by line as it is inflated.
//!
//! <https://www.w3.org/Graphics/GIF/spec-gif89a.txt>

use std::io::Read;

use gif::{DecodeOptions, MemoryLimit};
use image::metadata::Orientation;

use super::{Decoded, Header};
use crate::{
    Unthumbnailable,
    budget::Budget,
    raster::Raster,
    steps::reduce::{Reducer, factor},
};

/// Blocks that are walked over in search of a second frame: more than the pixels of any admitted frame fill.
const MAX_BLOCKS: usize = 1_000_000;

/// Lines between two looks at the clock.
const LINES_AT_ONCE: usize = 64;

/// Where the lines of an interlaced frame stand (appendix E): the first, and the step from each to the next.
const INTERLACED: [(usize, usize); 4] = [(0, 8), (4, 8), (2, 4), (1, 2)];

pub(super) fn header(source: &[u8]) -> Result<Header, Unthumbnailable> {
    let screen = Screen::read(source)?;
    let frames = screen.frames(source);
    let (width, height) = (screen.width, screen.height);
    Ok(Header { width, height, orientation: Orientation::NoTransforms, frames })
}

pub(super) fn decode(
    source: &[u8],
    at_least: (u32, u32),
    budget: &Budget<'_>,
) -> Result<Decoded, Unthumbnailable> {
    let broken = |_| Unthumbnailable::Broken;
    let screen = Screen::read(source)?;
    // What stands between the header and the frame, a million comments perhaps, is nothing to the decoder.
    let bytes = source[..screen.starts].chain(&source[screen.frame..]);
    let mut options = DecodeOptions::new();
    options.set_memory_limit(MemoryLimit::Bytes(std::num::NonZeroU64::MIN));
    let mut decoder = options.read_info(bytes).map_err(broken)?;
    let frame = decoder.next_frame_info().map_err(broken)?.ok_or(Unthumbnailable::Broken)?;
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let (across, down) = (usize::from(frame.width), usize::from(frame.height));
    let is_interlaced = frame.interlaced;
    // A frame larger than its screen is not kept, and takes its time all the same.
    budget.has_memory(across * down)?;

    let (width, height) = (screen.width as usize, screen.height as usize);
    let colours = Colours::new(decoder.palette().map_err(broken)?, screen.clear);
    let covers = left == 0 && top == 0 && across >= width && down >= height;
    let channels = if covers && screen.clear.is_none() { 3 } else { 4 };
    let size = (screen.width, screen.height);
    let mut reducer = Reducer::new(size, channels, factor(size, at_least), is_interlaced, budget)?;
    let mut indices = vec![0; across];
    let mut line = vec![0; width * channels];
    let blank = line.clone();
    let mut read = 0;
    let mut next = |line: &mut [u8]| {
        if read % LINES_AT_ONCE == 0 {
            budget.in_time()?;
        }
        read += 1;
        if !decoder.fill_buffer(&mut indices).map_err(broken)? {
            return Err(Unthumbnailable::Broken);
        }
        colours.paint(&indices, line.get_mut(left * channels..).unwrap_or_default(), channels);
        Ok(())
    };
    if is_interlaced {
        // Where nothing is placed, nothing shows.
        for y in INTERLACED.into_iter().flat_map(|(first, step)| (first..down).step_by(step)) {
            next(&mut line)?;
            if top + y < height {
                reducer.scatter(&line, (0, 1), u32::try_from(top + y).unwrap_or(u32::MAX));
            }
        }
    } else {
        for y in 0..height {
            if (top..top + down).contains(&y) {
                next(&mut line)?;
                reducer.push(&line);
            } else {
                reducer.push(&blank);
            }
        }
    }
    let plane = reducer.finish()?;
    let raster = if channels == 3 { Raster::Rgb(plane) } else { Raster::Rgba(plane) };
    // Profiles in GIF are a wish of one vendor that nobody follows.
    Ok(Decoded { raster, profile: None })
}

/// What a palette makes of its indices. Those beyond its end are black, as in browsers.
struct Colours([[u8; 4]; 256]);

impl Colours {
    fn new(palette: &[u8], clear: Option<u8>) -> Self {
        let mut colours = [[0, 0, 0, u8::MAX]; 256];
        for (colour, rgb) in colours.iter_mut().zip(palette.chunks_exact(3)) {
            colour[..3].copy_from_slice(rgb);
        }
        if let Some(clear) = clear {
            colours[usize::from(clear)] = [0; 4];
        }
        Self(colours)
    }

    fn paint(&self, indices: &[u8], line: &mut [u8], channels: usize) {
        for (pixel, index) in line.chunks_exact_mut(channels).zip(indices) {
            pixel.copy_from_slice(&self.0[usize::from(*index)][..channels]);
        }
    }
}

/// What is known before the first frame is inflated.
struct Screen {
    width: u32,
    height: u32,
    /// Where the blocks begin.
    starts: usize,
    /// Where the first frame's descriptor is.
    frame: usize,
    /// The index that shows nothing.
    clear: Option<u8>,
}

impl Screen {
    fn read(source: &[u8]) -> Result<Self, Unthumbnailable> {
        let head: &[u8; 13] = source.first_chunk().ok_or(Unthumbnailable::Broken)?;
        let side = |at: usize| u32::from(u16::from_le_bytes([head[at], head[at + 1]]));
        let starts = 13 + table(head[10]);
        let mut clear = None;
        let mut at = starts;
        for _ in 0..MAX_BLOCKS {
            match source.get(at..).ok_or(Unthumbnailable::Broken)? {
                [0x2c, ..] => {
                    return Ok(Self { width: side(6), height: side(8), starts, frame: at, clear });
                }
                // The graphic control extension, which is of the frame that follows.
                [0x21, 0xf9, 4, flags, _, _, index, ..] => {
                    clear = (flags & 1 == 1).then_some(*index);
                    at = after(source, at + 2);
                }
                [0x21, ..] => at = after(source, at + 2),
                // Stray terminators are seen in the wild.
                [0, ..] => at += 1,
                _ => break,
            }
        }
        Err(Unthumbnailable::Broken)
    }

    /// How many frames there are. One that does not lie within the screen is not walked over: then the first is all.
    fn frames(&self, source: &[u8]) -> u32 {
        let (mut at, mut frames) = (self.frame, 0);
        for _ in 0..MAX_BLOCKS {
            match source.get(at..) {
                Some([0x2c, place @ ..]) => {
                    let Some(&[l0, l1, t0, t1, w0, w1, h0, h1, flags]) = place.first_chunk() else { break };
                    let ends = |from, long| {
                        u32::from(u16::from_le_bytes(from)) + u32::from(u16::from_le_bytes(long))
                    };
                    if ends([l0, l1], [w0, w1]) > self.width || ends([t0, t1], [h0, h1]) > self.height {
                        return 1;
                    }
                    frames += 1;
                    at = after(source, at + 11 + table(flags));
                }
                Some([0x21, ..]) => at = after(source, at + 2),
                Some([0, ..]) => at += 1,
                _ => break,
            }
        }
        frames.max(1)
    }
}

/// The length of a colour table, by the flags before it.
fn table(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Where the sub-blocks that begin here have ended.
fn after(source: &[u8], mut at: usize) -> usize {
    while let Some(length) = source.get(at) {
        at += 1 + usize::from(*length);
        if *length == 0 {
            break;
        }
    }
    at
}
