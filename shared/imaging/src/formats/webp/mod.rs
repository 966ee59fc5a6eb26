//! WebP: lossy pictures stay in their planes, the rest is red, green, blue and opacity.
//!
//! <https://www.rfc-editor.org/rfc/rfc9649>

mod planes;

use std::io::Cursor;

use image::metadata::Orientation;
use image_webp::WebPDecoder;

use super::{
    Decoded, Header,
    canvas::{Canvas, Columns},
    orientation_of, prefixes,
    whole::reduced,
};
use crate::{
    Unthumbnailable,
    budget::Budget,
    raster::{Plane, Raster},
};

/// Chunks that are looked at: a film of an hour has fewer frames.
const MAX_CHUNKS: usize = 200_000;

/// Bytes of a metadata chunk that are read.
const METADATA_BYTES: usize = 4 * 1024 * 1024;

pub(super) fn header(source: &[u8]) -> Result<Header, Unthumbnailable> {
    let file = File::read(source)?;
    let File { width, height, orientation, frames, .. } = file;
    Ok(Header { width, height, orientation, frames })
}

pub(super) fn decode(
    source: &[u8],
    at_least: (u32, u32),
    budget: &Budget<'_>,
) -> Result<Decoded, Unthumbnailable> {
    let file = File::read(source)?;
    let profile = file.profile.map(<[u8]>::to_vec);
    let first = &file.first;
    budget.in_time()?;
    if first.size() == (file.width, file.height) {
        return Ok(Decoded { raster: first.decode(at_least, budget)?, profile });
    }
    // A first frame that fills only a part, in an animation: the rest shows nothing.
    let (across, down) = (file.width as usize, file.height as usize);
    let held = first.memory(budget)?.max(first.pixels() * 4 + across * down * 4);
    budget.has_memory(held)?;
    let frame = first.rgba()?;
    let mut samples = vec![0; across * down * 4];
    let row = first.width as usize * 4;
    for (y, pixels) in frame.chunks_exact(row).enumerate() {
        let at = ((first.top as usize + y) * across + first.left as usize) * 4;
        samples.get_mut(at..at + row).ok_or(Unthumbnailable::Broken)?.copy_from_slice(pixels);
    }
    drop(frame);
    let raster = Raster::Rgba(reduced(samples, (file.width, file.height), 4, at_least, budget)?);
    Ok(Decoded { raster, profile })
}

/// Draws each frame that the header counts, and shows the canvas, with its milliseconds. Returns how often the picture wants to be
/// shown, 0 for ever. The colour that a film says is behind it is a hint that nobody takes.
pub(super) fn frames(
    source: &[u8],
    header: &Header,
    budget: &Budget<'_>,
    show: &mut dyn FnMut(Plane, u32) -> Result<(), Unthumbnailable>,
) -> Result<u16, Unthumbnailable> {
    let size = (header.width, header.height);
    budget.has_memory(Canvas::memory(size))?;
    let mut canvas = Canvas::new(size);
    let (mut left, mut loops) = (header.frames, 0);
    for (name, chunk) in chunks(source.get(12..).unwrap_or_default()).take(MAX_CHUNKS) {
        if let (b"ANIM", [_, _, _, _, low, high, ..]) = (&name, chunk) {
            loops = u16::from_le_bytes([*low, *high]);
        }
        if &name != b"ANMF" || left == 0 {
            continue;
        }
        left -= 1;
        budget.in_time()?;
        let frame = Frame::moving(chunk)?;
        let place = canvas.place([frame.left, frame.top, frame.width, frame.height])?;
        // While a frame is drawn, nothing is made of what is seen yet.
        let drawn = header.width as usize * header.height as usize * 4 + frame.pixels() * 4 + chunk.len();
        budget.has_memory(drawn + frame.memory(budget)?)?;
        let pixels = frame.rgba()?;
        let columns = Columns { first: 0, step: 1 };
        for (y, row) in pixels.chunks_exact(frame.width as usize * 4).enumerate() {
            canvas.draw(row.as_chunks().0.iter().copied(), place, y, columns, chunk[15] & 2 == 0);
        }
        drop(pixels);
        show(canvas.picture()?, le24(&chunk[12..]))?;
        if chunk[15] & 1 == 1 {
            canvas.clear(place);
        }
    }
    Ok(loops)
}

/// What the chunks of a file say, no pixel decoded.
struct File<'a> {
    width: u32,
    height: u32,
    orientation: Orientation,
    profile: Option<&'a [u8]>,
    /// Those that are what they say, up to the first that is not.
    frames: u32,
    first: Frame<'a>,
}

impl<'a> File<'a> {
    fn read(source: &'a [u8]) -> Result<Self, Unthumbnailable> {
        let (mut canvas, mut exif, mut profile) = (None, None, None);
        let (mut still, mut moving, mut frames) = (Parts::default(), None, 0);
        for (name, chunk) in chunks(source.get(12..).unwrap_or_default()).take(MAX_CHUNKS) {
            match &name {
                b"VP8X" => {
                    let [flags, _, _, _, size @ ..] =
                        chunk.first_chunk::<10>().ok_or(Unthumbnailable::Broken)?;
                    canvas = canvas.or(Some((1 + le24(&size[..3]), 1 + le24(&size[3..]), flags & 2 != 0)));
                }
                b"EXIF" if chunk.len() <= METADATA_BYTES => exif = exif.or(Some(chunk)),
                b"ICCP" if chunk.len() <= METADATA_BYTES => profile = profile.or(Some(chunk)),
                b"ANMF" => match (Frame::moving(chunk), &moving) {
                    (Ok(frame), _) => {
                        frames += 1;
                        moving = moving.or(Some(frame));
                    }
                    (Err(error), None) => return Err(error),
                    (Err(_), Some(_)) => {
                        // Nothing of it is to be decoded but its first frame.
                        frames = 1;
                        break;
                    }
                },
                _ => still.take(name, chunk),
            }
            // A file without the extended header is its one chunk of pixels.
            if canvas.is_none() {
                break;
            }
        }
        // Some writers put JPEG's marker in front.
        let exif = exif.map(|exif: &[u8]| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
        let is_moving = canvas.is_some_and(|(.., is_moving)| is_moving);
        let first = match moving.filter(|_| is_moving) {
            Some(frame) => frame,
            None => Frame::still(still)?,
        };
        let (width, height) = canvas.map_or(first.size(), |(width, height, _)| (width, height));
        let fits = if is_moving {
            first.left + first.width <= width && first.top + first.height <= height
        } else {
            first.size() == (width, height)
        };
        if !fits {
            return Err(Unthumbnailable::Broken);
        }
        let frames = if is_moving { frames } else { 1 };
        Ok(Self { width, height, orientation: orientation_of(exif), profile, frames, first })
    }
}

/// The chunks that make one frame.
#[derive(Clone, Copy, Default)]
struct Parts<'a> {
    opacity: Option<&'a [u8]>,
    lossy: Option<&'a [u8]>,
    lossless: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn take(&mut self, name: [u8; 4], chunk: &'a [u8]) {
        let place = match &name {
            b"ALPH" => &mut self.opacity,
            b"VP8 " => &mut self.lossy,
            b"VP8L" => &mut self.lossless,
            _ => return,
        };
        *place = place.or(Some(chunk));
    }
}

/// One frame, its size taken from the pixels' own header: what stands around it may say something else.
struct Frame<'a> {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    coded: Coded<'a>,
}

/// The two ways in which pixels are kept.
enum Coded<'a> {
    Lossy { bitstream: &'a [u8], opacity: Option<&'a [u8]> },
    Lossless { bitstream: &'a [u8], is_clear: bool },
}

impl<'a> Frame<'a> {
    fn still(parts: Parts<'a>) -> Result<Self, Unthumbnailable> {
        let (width, height, coded) = match parts {
            Parts { lossy: Some(bitstream), lossless: None, opacity } => {
                // Section 9.1 of RFC 6386: a key frame's tag, its start code and two sides of 14 bits.
                let [tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] =
                    *bitstream.first_chunk::<10>().ok_or(Unthumbnailable::Broken)?
                else {
                    return Err(Unthumbnailable::Broken);
                };
                if tag & 1 != 0 {
                    return Err(Unthumbnailable::Broken);
                }
                let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
                (side(w0, w1), side(h0, h1), Coded::Lossy { bitstream, opacity })
            }
            Parts { lossy: None, lossless: Some(bitstream), .. } => {
                let [0x2f, bits @ ..] = *bitstream.first_chunk::<5>().ok_or(Unthumbnailable::Broken)? else {
                    return Err(Unthumbnailable::Broken);
                };
                let bits = u32::from_le_bytes(bits);
                let is_clear = bits >> 28 & 1 == 1;
                (1 + (bits & 0x3fff), 1 + (bits >> 14 & 0x3fff), Coded::Lossless { bitstream, is_clear })
            }
            _ => return Err(Unthumbnailable::Broken),
        };
        Ok(Self { left: 0, top: 0, width, height, coded })
    }

    /// Section 2.7.1.1: where, how large, how long, and the chunks of a still picture.
    fn moving(chunk: &'a [u8]) -> Result<Self, Unthumbnailable> {
        let place = chunk.get(..16).ok_or(Unthumbnailable::Broken)?;
        let mut parts = Parts::default();
        for (name, chunk) in chunks(&chunk[16..]).take(MAX_CHUNKS) {
            parts.take(name, chunk);
        }
        let frame = Self::still(parts)?;
        if frame.size() != (1 + le24(&place[6..]), 1 + le24(&place[9..])) {
            return Err(Unthumbnailable::Broken);
        }
        Ok(Self { left: 2 * le24(place), top: 2 * le24(&place[3..]), ..frame })
    }

    fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    fn pixels(&self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Bytes that the decoder of red, green, blue and opacity holds at most, by its source.
    fn memory(&self, budget: &Budget<'_>) -> Result<usize, Unthumbnailable> {
        let lossless = match self.coded {
            Coded::Lossless { bitstream, .. } => bitstream.get(5..),
            // The lowest bits say how opacity is kept; what follows has no header of its own.
            Coded::Lossy { opacity: Some([how, stream @ ..]), .. } if how & 3 == 1 => Some(stream),
            Coded::Lossy { .. } => None,
        };
        let blocks = self.width.next_multiple_of(16) as usize * self.height.next_multiple_of(16) as usize;
        let pixels = match &self.coded {
            Coded::Lossy { opacity: None, .. } => blocks * 3 / 2 + self.pixels() * 4,
            // The planes, what becomes of them, and opacity: a lossless picture of its own.
            Coded::Lossy { opacity: Some(opacity), .. } => blocks * 3 / 2 + self.pixels() * 9 + opacity.len(),
            // Four bytes a pixel are decoded in any case, and copied where three are wanted.
            Coded::Lossless { bitstream, .. } => self.pixels() * 9 / 2 + bitstream.len(),
        };
        // What is too much without its codes is not walked over for their sake.
        let lossless = lossless.filter(|_| pixels <= budget.memory_bytes);
        let codes = lossless.map(|stream| prefixes::memory(stream, self.size(), budget.memory_bytes));
        Ok(pixels + codes.transpose()?.unwrap_or_default())
    }

    fn decode(&self, at_least: (u32, u32), budget: &Budget<'_>) -> Result<Raster, Unthumbnailable> {
        if let Coded::Lossy { bitstream, opacity: None } = self.coded {
            return planes::decode(bitstream, self.size(), at_least, budget);
        }
        budget.has_memory(self.memory(budget)?)?;
        let samples = self.rgba()?;
        Ok(Raster::Rgba(reduced(samples, self.size(), 4, at_least, budget)?))
    }

    /// All of it, with opacity.
    fn rgba(&self) -> Result<Vec<u8>, Unthumbnailable> {
        let broken = |_| Unthumbnailable::Broken;
        let file = self.alone();
        let mut decoder = WebPDecoder::new(Cursor::new(file)).map_err(broken)?;
        decoder.set_memory_limit(METADATA_BYTES);
        let mut samples = vec![0; self.pixels() * 4];
        if decoder.output_buffer_size() == Some(samples.len()) {
            decoder.read_image(&mut samples).map_err(broken)?;
        } else {
            decoder.read_image(&mut samples[..self.pixels() * 3]).map_err(broken)?;
            for at in (0..self.pixels()).rev() {
                samples.copy_within(at * 3..at * 3 + 3, at * 4);
                samples[at * 4 + 3] = u8::MAX;
            }
        }
        // An opaque picture's fourth byte is not always said to be opaque.
        if let Coded::Lossless { is_clear: false, .. } = self.coded {
            samples.iter_mut().skip(3).step_by(4).for_each(|opacity| *opacity = u8::MAX);
        }
        Ok(samples)
    }

    /// A file with nothing else in it. What has opacity, and what is lossless, says that it has: it is decoded in place then.
    fn alone(&self) -> Vec<u8> {
        let is_clear = !matches!(self.coded, Coded::Lossy { opacity: None, .. });
        let mut file = [b"RIFF".as_slice(), &[0; 4], b"WEBP"].concat();
        let mut push = |name: &[u8; 4], parts: &[u8]| {
            file.extend_from_slice(name);
            file.extend_from_slice(&u32::try_from(parts.len()).unwrap_or(u32::MAX).to_le_bytes());
            file.extend_from_slice(parts);
            file.resize(file.len().next_multiple_of(2), 0);
        };
        let [w0, w1, w2, _] = (self.width - 1).to_le_bytes();
        let [h0, h1, h2, _] = (self.height - 1).to_le_bytes();
        push(b"VP8X", &[if is_clear { 0x10 } else { 0 }, 0, 0, 0, w0, w1, w2, h0, h1, h2]);
        match &self.coded {
            Coded::Lossy { bitstream, opacity } => {
                if let Some(opacity) = opacity {
                    push(b"ALPH", opacity);
                }
                push(b"VP8 ", bitstream);
            }
            Coded::Lossless { bitstream, .. } => push(b"VP8L", bitstream),
        }
        let length = u32::try_from(file.len() - 8).unwrap_or(u32::MAX);
        file[4..8].copy_from_slice(&length.to_le_bytes());
        file
    }
}

/// Name and content of every chunk; the last one may be cut short.
fn chunks(mut rest: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (name, after) = rest.split_first_chunk()?;
        let (length, after) = after.split_first_chunk()?;
        let length = u32::from_le_bytes(*length) as usize;
        let chunk = after.get(..length).unwrap_or(after);
        rest = after.get(length + length % 2..).unwrap_or_default();
        Some((*name, chunk))
    })
}

fn le24(bytes: &[u8]) -> u32 {
    bytes.iter().take(3).rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}
