//! TIFF: the first picture of the file, reduced strip by strip, or row of tiles by row of tiles.
//!
//! TIFF 6.0 (Adobe, 1992), with JPEG as in its Technical Note 2.

mod directory;

use std::io::Cursor;

use image::metadata::Orientation;
use tiff::{
    ColorType,
    decoder::{ChunkType, Decoder, DecodingResult, Limits},
    tags::Tag,
};

use self::directory::{Directory, Retold};
use super::{Decoded, Header, whole::needed};
use crate::{
    Unthumbnailable,
    budget::Budget,
    raster::Raster,
    steps::reduce::{Reducer, factor},
};

/// Strips or tiles of one picture, and values of one entry.
const MAX_CHUNKS: usize = 100_000;

/// Samples of one pixel: colours, opacity, and what else is kept with them.
const MAX_SAMPLES: usize = 16;

/// What a palette is called, and what is said instead to the decoder, which reads none.
const PALETTE: u16 = 3;
const BLACK_IS_ZERO: u16 = 1;

/// JPEG, with its tables apart.
const JPEG: u32 = 7;

pub(super) fn header(source: &[u8]) -> Result<Header, Unthumbnailable> {
    let mut stored = Stored::open(source)?;
    let (width, height) = stored.size;
    let orientation = stored.number(Tag::Orientation).and_then(|value| u8::try_from(value).ok());
    let orientation = orientation.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms);
    // Further pictures are pages, not frames.
    Ok(Header { width, height, orientation, frames: 1 })
}

pub(super) fn decode(
    source: &[u8],
    at_least: (u32, u32),
    budget: &Budget<'_>,
) -> Result<Decoded, Unthumbnailable> {
    let mut stored = Stored::open(source)?;
    let layout = stored.layout()?;
    let factor = factor(stored.size, at_least);
    let channels = layout.channels();
    let held = stored.admit(&layout, budget)?.saturating_add(needed(stored.size, channels, factor));
    budget.has_memory(held)?;
    let mut reducer = Reducer::new(stored.size, channels, factor, false, budget)?;
    let (across, bands) = stored.chunks();
    let planes = if layout.is_planar { layout.samples } else { 1 };
    let width = stored.size.0 as usize;
    let mut row = vec![0; width * layout.samples];
    let mut line = vec![0; width * channels];
    let mut left = stored.size.1;
    for band in 0..bands {
        let mut chunks = Vec::new();
        for (plane, column) in (0..planes).flat_map(|plane| (0..across).map(move |column| (plane, column))) {
            budget.in_time()?;
            let (samples, first) = if layout.is_planar { (1, plane) } else { (layout.samples, 0) };
            let index = (plane * bands + band) * across + column;
            let at = column * stored.chunk.0 as usize * layout.samples + first;
            let decoded = stored.read(index, held, layout.is_jpeg, budget)?;
            let (columns, _) = stored.decoder.chunk_data_dimensions(u32_of(index));
            chunks.push(Chunk { decoded, at, samples: columns as usize * samples, bits: stored.bits });
        }
        for y in 0..left.min(stored.chunk.1) as usize {
            let step = if layout.is_planar { layout.samples } else { 1 };
            for chunk in &chunks {
                chunk.unpack(y, row.get_mut(chunk.at..).unwrap_or_default(), step)?;
            }
            layout.paint(&row, &mut line);
            reducer.push(&line);
        }
        left = left.saturating_sub(stored.chunk.1);
    }
    let plane = reducer.finish()?;
    let raster = match (&layout.ink, channels) {
        (Ink::Printed, _) => Raster::Cmyk(plane),
        (_, 1) => Raster::Gray(plane),
        (_, 3) => Raster::Rgb(plane),
        _ => Raster::Rgba(plane),
    };
    Ok(Decoded { raster, profile: stored.directory.bytes(Tag::IccProfile).map(<[u8]>::to_vec) })
}

/// The first picture of a file.
struct Stored<'a> {
    directory: Directory<'a>,
    decoder: Decoder<Retold<'a>>,
    size: (u32, u32),
    /// The size of a strip or tile; the last ones may have less.
    chunk: (u32, u32),
    bits: u8,
    is_palette: bool,
}

impl<'a> Stored<'a> {
    fn open(source: &'a [u8]) -> Result<Self, Unthumbnailable> {
        let broken = |_| Unthumbnailable::Broken;
        let directory = Directory::read(source)?;
        directory.admit()?;
        let palette = directory.short(Tag::PhotometricInterpretation).filter(|(_, value)| *value == PALETTE);
        let retold = palette.map(|(at, _)| (at, directory.written(BLACK_IS_ZERO)));
        let mut decoder = Decoder::new(Retold { source: Cursor::new(source), retold }).map_err(broken)?;
        let size = decoder.dimensions().map_err(broken)?;
        let bits = decoder.find_tag_unsigned_vec::<u8>(Tag::BitsPerSample).map_err(broken)?;
        let bits = bits.and_then(|bits| bits.first().copied()).unwrap_or(1);
        let (width, height) = decoder.chunk_dimensions();
        let chunk = match decoder.get_chunk_type() {
            ChunkType::Strip => (size.0, height.min(size.1)),
            ChunkType::Tile => (width, height),
        };
        Ok(Self { directory, decoder, size, chunk, bits, is_palette: palette.is_some() })
    }

    fn number(&mut self, tag: Tag) -> Option<u32> {
        self.decoder.find_tag_unsigned(tag).ok().flatten()
    }

    fn numbers(&mut self, tag: Tag) -> Result<Vec<u16>, Unthumbnailable> {
        let numbers = self.decoder.find_tag_unsigned_vec(tag).map_err(|_| Unthumbnailable::Broken)?;
        Ok(numbers.unwrap_or_default())
    }

    /// Chunks across and down.
    fn chunks(&self) -> (usize, usize) {
        (self.size.0.div_ceil(self.chunk.0) as usize, self.size.1.div_ceil(self.chunk.1) as usize)
    }

    fn layout(&mut self) -> Result<Layout, Unthumbnailable> {
        let stored = self.number(Tag::SamplesPerPixel).unwrap_or(1) as usize;
        // Whole numbers, not negative: the others are measurements.
        if self.numbers(Tag::SampleFormat)?.iter().any(|format| *format != 1) || stored > MAX_SAMPLES {
            return Err(Unthumbnailable::Broken);
        }
        let is_jpeg = self.number(Tag::Compression) == Some(JPEG);
        let is_planar = self.number(Tag::PlanarConfiguration) == Some(2) && stored > 1;
        let extra = self.numbers(Tag::ExtraSamples)?.first().copied();
        let coloured = self.decoder.colortype().map_err(|_| Unthumbnailable::Broken)?;
        // The decoder leaves out what it does not know, but of grey and in planes hands out everything.
        let (ink, colours, samples) = match coloured {
            ColorType::Gray(1 | 2 | 4 | 8) if self.is_palette => {
                (Ink::Palette(palette(&self.numbers(Tag::ColorMap)?, self.bits)?), 1, 1)
            }
            ColorType::Gray(1 | 2 | 4 | 8 | 16) => (Ink::Gray { bits: self.bits }, 1, 1),
            ColorType::Multiband { bit_depth: 8 | 16, .. } if !self.is_palette => {
                (Ink::Gray { bits: self.bits }, 1, stored)
            }
            ColorType::RGB(8 | 16) => (Ink::Rgb, 3, 3),
            ColorType::RGBA(8 | 16) => (Ink::Rgb, 3, 4),
            // Without JPEG these come in blocks, which nobody writes.
            ColorType::YCbCr(8) if is_jpeg => (Ink::Differences, 3, 3),
            ColorType::CMYK(8 | 16) => (Ink::Printed, 4, 4),
            ColorType::CMYKA(8 | 16) => (Ink::Printed, 4, 5),
            _ => return Err(Unthumbnailable::Broken),
        };
        let samples = if is_planar { stored } else { samples };
        let opacity = match extra {
            _ if samples <= colours || colours == 4 => Opacity::Whole,
            Some(1) => Opacity::Multiplied,
            Some(2) => Opacity::Apart,
            None if colours == 3 => Opacity::Apart,
            _ => Opacity::Whole,
        };
        if samples < colours {
            return Err(Unthumbnailable::Broken);
        }
        Ok(Layout { ink, colours, samples, opacity, is_planar, is_jpeg })
    }

    /// Says no before anything is allocated; says how much one row of chunks takes.
    fn admit(&mut self, layout: &Layout, budget: &Budget<'_>) -> Result<usize, Unthumbnailable> {
        let stored = self.number(Tag::SamplesPerPixel).unwrap_or(1) as usize;
        let (across, bands) = self.chunks();
        let planes = if layout.is_planar { layout.samples } else { 1 };
        if across.saturating_mul(bands).saturating_mul(planes) > MAX_CHUNKS {
            return Err(Unthumbnailable::TooMuchMemory);
        }
        // One row of a chunk is held beside the chunks, and one of the picture as it is stored and as it is shown.
        let row = |pixels: u32| (pixels as usize).saturating_mul(stored * usize::from(self.bits)).div_ceil(8);
        let chunk = row(self.chunk.0).saturating_mul(self.chunk.1 as usize);
        let lines = (self.size.0 as usize).saturating_mul(layout.samples + 2 * layout.channels());
        let held = chunk.saturating_mul(across).saturating_add(2 * row(self.chunk.0)).saturating_add(lines);
        budget.has_memory(held)?;
        let mut limits = Limits::default();
        limits.decoding_buffer_size = budget.memory_bytes;
        limits.intermediate_buffer_size = self.directory.source.len();
        // The limits of a decoder are set by replacing it.
        let source =
            Retold { source: Cursor::new(self.directory.source), retold: self.decoder.inner().retold };
        self.decoder = Decoder::new(source).map_err(|_| Unthumbnailable::Broken)?.with_limits(limits);
        Ok(held)
    }

    fn read(
        &mut self,
        index: usize,
        held: usize,
        is_jpeg: bool,
        budget: &Budget<'_>,
    ) -> Result<DecodingResult, Unthumbnailable> {
        if is_jpeg {
            let (offsets, lengths) = match self.decoder.get_chunk_type() {
                ChunkType::Strip => (Tag::StripOffsets, Tag::StripByteCounts),
                ChunkType::Tile => (Tag::TileOffsets, Tag::TileByteCounts),
            };
            let offset = self.directory.long(offsets, index).ok_or(Unthumbnailable::Broken)?;
            let length = self.directory.long(lengths, index).ok_or(Unthumbnailable::Broken)?;
            let chunk = self.directory.source.get(offset..).unwrap_or_default();
            let chunk = chunk.get(..length).unwrap_or(chunk);
            let tables = self.directory.bytes(Tag::JPEGTables).unwrap_or_default();
            budget
                .has_memory(held.saturating_add(jpeg_memory(tables).max(jpeg_memory(chunk)) + chunk.len()))?;
        }
        self.decoder.read_chunk(u32_of(index)).map_err(|_| Unthumbnailable::Broken)
    }
}

/// Bytes that a JPEG takes by the largest frame that it promises, anywhere: with its coefficients, if it is progressive.
fn jpeg_memory(bytes: &[u8]) -> usize {
    let promised = bytes.windows(10).filter(|at| at[0] == 0xff && matches!(at[1], 0xc0..=0xc2)).map(|at| {
        let side = |high, low| usize::from(u16::from_be_bytes([high, low])).next_multiple_of(16);
        side(at[5], at[6]) * side(at[7], at[8]) * usize::from(at[9]) * if at[1] == 0xc2 { 4 } else { 2 }
    });
    promised.max().unwrap_or(0)
}

/// One strip or tile, decoded.
struct Chunk {
    decoded: DecodingResult,
    /// Where in a row its first sample belongs.
    at: usize,
    /// Samples of one of its rows.
    samples: usize,
    bits: u8,
}

impl Chunk {
    /// Row `y`, one byte a sample, into one byte of each `step`.
    fn unpack(&self, y: usize, row: &mut [u8], step: usize) -> Result<(), Unthumbnailable> {
        let places = row.iter_mut().step_by(step);
        match &self.decoded {
            DecodingResult::U8(bytes) if self.bits == 8 => {
                let bytes =
                    bytes.get(y * self.samples..(y + 1) * self.samples).ok_or(Unthumbnailable::Broken)?;
                if step == 1 {
                    row.get_mut(..bytes.len()).ok_or(Unthumbnailable::Broken)?.copy_from_slice(bytes);
                } else {
                    places.zip(bytes).for_each(|(place, byte)| *place = *byte);
                }
            }
            DecodingResult::U16(words) => {
                let words =
                    words.get(y * self.samples..(y + 1) * self.samples).ok_or(Unthumbnailable::Broken)?;
                places.zip(words).for_each(|(place, word)| *place = word.to_be_bytes()[0]);
            }
            DecodingResult::U8(bytes) if matches!(self.bits, 1 | 2 | 4) => {
                let bits = usize::from(self.bits);
                let length = (self.samples * bits).div_ceil(8);
                let bytes = bytes.get(y * length..(y + 1) * length).ok_or(Unthumbnailable::Broken)?;
                for (at, place) in places.take(self.samples).enumerate() {
                    let shift = 8 - bits - at * bits % 8;
                    *place = bytes[at * bits / 8] >> shift & (u8::MAX >> (8 - bits));
                }
            }
            _ => return Err(Unthumbnailable::Broken),
        }
        Ok(())
    }
}

/// How samples become pixels.
struct Layout {
    ink: Ink,
    /// Samples of one pixel that are colours, and those that are handed out.
    colours: usize,
    samples: usize,
    opacity: Opacity,
    is_planar: bool,
    is_jpeg: bool,
}

enum Ink {
    Palette(Box<[[u8; 3]; 256]>),
    Gray {
        bits: u8,
    },
    Rgb,
    /// Brightness and two differences.
    Differences,
    Printed,
}

/// What the sample after the colours says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opacity {
    /// Nothing: the picture hides all that is behind it.
    Whole,
    /// Opacity, by which the colours are multiplied.
    Multiplied,
    /// Opacity, by which they are not.
    Apart,
}

impl Layout {
    fn channels(&self) -> usize {
        match (&self.ink, self.opacity) {
            (Ink::Printed, _) => 4,
            (Ink::Gray { .. }, Opacity::Whole) => 1,
            (_, Opacity::Whole) => 3,
            _ => 4,
        }
    }

    fn paint(&self, row: &[u8], line: &mut [u8]) {
        let pixels = line.chunks_exact_mut(self.channels()).zip(row.chunks_exact(self.samples));
        match &self.ink {
            Ink::Palette(palette) => {
                pixels.for_each(|(pixel, stored)| pixel.copy_from_slice(&palette[usize::from(stored[0])]));
            }
            Ink::Gray { bits } => {
                let scale = if *bits < 8 { u8::MAX / (u8::MAX >> (8 - bits)) } else { 1 };
                for (pixel, stored) in pixels {
                    pixel.iter_mut().take(3).for_each(|colour| *colour = stored[0].saturating_mul(scale));
                    self.show(pixel, stored);
                }
            }
            Ink::Rgb => {
                for (pixel, stored) in pixels {
                    pixel[..3].copy_from_slice(&stored[..3]);
                    self.show(pixel, stored);
                }
            }
            Ink::Differences => {
                for (pixel, stored) in pixels {
                    let (y, cb, cr) =
                        (i32::from(stored[0]) << 16, i32::from(stored[1]) - 128, i32::from(stored[2]) - 128);
                    let rgb = [y + 91_881 * cr, y - 22_554 * cb - 46_802 * cr, y + 116_130 * cb];
                    for (colour, value) in pixel.iter_mut().zip(rgb) {
                        *colour = u8::try_from(((value + 32_768) >> 16).clamp(0, 255)).unwrap_or_default();
                    }
                    self.show(pixel, stored);
                }
            }
            Ink::Printed => pixels.for_each(|(pixel, stored)| pixel.copy_from_slice(&stored[..4])),
        }
    }

    fn show(&self, pixel: &mut [u8], stored: &[u8]) {
        let ([red, green, blue, opacity], Some(stored)) = (pixel, stored.get(self.colours)) else { return };
        *opacity = *stored;
        if self.opacity == Opacity::Multiplied && *stored != 0 {
            for colour in [red, green, blue] {
                let whole = (u32::from(*colour) * 255 + u32::from(*stored) / 2) / u32::from(*stored);
                *colour = u8::try_from(whole).unwrap_or(u8::MAX);
            }
        }
    }
}

/// All reds, all greens, all blues, 16 bits each.
fn palette(map: &[u16], bits: u8) -> Result<Box<[[u8; 3]; 256]>, Unthumbnailable> {
    let count = 1_usize << bits;
    if map.len() < 3 * count {
        return Err(Unthumbnailable::Broken);
    }
    let mut palette = Box::new([[0; 3]; 256]);
    for (at, colour) in palette.iter_mut().take(count).enumerate() {
        *colour = [0, 1, 2].map(|channel| map[channel * count + at].to_be_bytes()[0]);
    }
    Ok(palette)
}

fn u32_of(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
