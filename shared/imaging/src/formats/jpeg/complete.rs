//! JPEG at full size, by a complete decoder that is given no more than it needs.
//!
//! zune-jpeg copies whatever metadata it meets, makes every table that it is told to, and goes over a picture as often as there
//! are scans: none of it can be bounded from outside. So it never sees the file, but a shorter one with the tables, the frame and
//! the scans alone, once these were counted. It hands out samples as they are stored, and what they mean is decided here.

use std::io::Cursor;

use jpeg_shrink::{Color, Header, MAX_SCANS};
use zune_jpeg::{
    JpegDecoder,
    errors::DecodeErrors,
    zune_core::{colorspace::ColorSpace, options::DecoderOptions},
};

use super::ink;
use crate::{
    Unthumbnailable,
    budget::Budget,
    raster::{Plane, Raster},
};

/// Bytes of tables: those of as many scans as there may be, two for each, are half of it.
const MAX_TABLE_BYTES: usize = 64 * 1024;

/// Pixels that all scans go over, which cannot be interrupted. Pictures that need this decoder for their size have about two
/// million, and writers make ten to twenty scans.
const MAX_SCANNED_PIXELS: usize = 64 * 1024 * 1024;

/// The markers of ITU-T T.81, table B.1.
const START: [u8; 2] = [0xff, 0xd8];
const END: [u8; 2] = [0xff, 0xd9];
const START_OF_SCAN: u8 = 0xda;

/// Decodes at full size, as far as it goes.
pub(super) fn decode(
    source: &[u8],
    header: &Header<'_>,
    budget: &Budget<'_>,
) -> Result<Raster, Unthumbnailable> {
    let (width, height) = (header.width, header.height);
    let pixels = width as usize * height as usize;
    let channels = match header.color {
        Color::Gray => 1,
        Color::YCbCr | Color::Rgb => 3,
        Color::Cmyk | Color::Ycck => 4,
    };
    let needs = Needs::of(source, pixels)?;
    // What comes out is taken apart, or changed, once.
    budget.has_memory(needs.bytes + needs.memory + 2 * channels * pixels)?;
    budget.in_time()?;
    let samples = stored_samples(&needs.file(source)).map_err(|_| Unthumbnailable::Broken)?;
    budget.in_time()?;
    let plane = |channels, samples| Plane::new(width, height, channels, samples);
    Ok(match header.color {
        Color::Gray => Raster::Gray(plane(1, samples)?),
        Color::YCbCr => {
            let channel = |at: usize| plane(1, samples.iter().skip(at).step_by(3).copied().collect());
            Raster::YCbCr([channel(0)?, channel(1)?, channel(2)?])
        }
        Color::Rgb => Raster::Rgb(plane(3, samples)?),
        Color::Cmyk | Color::Ycck => {
            let mut samples = samples;
            for pixel in samples.as_chunks_mut().0 {
                *pixel = ink(*pixel, header.color, header.inverted);
            }
            Raster::Cmyk(plane(4, samples)?)
        }
    })
}

/// All samples, pixel by pixel: whatever the decoder takes them for, it is told to make the same of them, and copies.
fn stored_samples(file: &[u8]) -> Result<Vec<u8>, DecodeErrors> {
    let options = DecoderOptions::default().jpeg_set_max_scans(MAX_SCANS);
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(file), options);
    decoder.decode_headers()?;
    let stored = decoder.input_colorspace().unwrap_or(ColorSpace::YCbCr);
    decoder.set_options(options.jpeg_set_out_colorspace(stored));
    decoder.decode()
}

/// What the decoder needs of a file, counted.
struct Needs {
    /// The length of what it is given.
    bytes: usize,
    /// What it allocates, but for the samples that it hands out.
    memory: usize,
}

impl Needs {
    fn of(source: &[u8], pixels: usize) -> Result<Self, Unthumbnailable> {
        let (mut bytes, mut table_bytes, mut scans) = (START.len() + END.len(), 0, 0);
        let (mut frame, mut is_whole) = (None, true);
        for piece in pieces(source) {
            bytes += piece.bytes.len();
            match (piece.kind(), frame) {
                (START_OF_SCAN, _) => {
                    let components = frame.map_or(0, |frame: Frame| frame.components);
                    is_whole &= scans > 0 || piece.bytes.get(4).is_some_and(|count| *count >= components);
                    scans += 1;
                }
                (0xc0..=0xc2, None) => frame = Some(Frame::of(piece)?),
                _ => {
                    table_bytes += piece.bytes.len();
                    // What looks like a scan and is none: nobody knows what another reader makes of it.
                    scans += piece.bytes.windows(2).filter(|pair| *pair == [0xff, START_OF_SCAN]).count();
                }
            }
        }
        let frame = frame.ok_or(Unthumbnailable::Broken)?;
        if table_bytes > MAX_TABLE_BYTES || scans > MAX_SCANS || scans * pixels > MAX_SCANNED_PIXELS {
            return Err(Unthumbnailable::TooMuchMemory);
        }
        // Where one scan does not bring all, frequencies of 16 bits wait for the others.
        let waiting = if frame.is_progressive || !is_whole { 2 * frame.samples } else { 0 };
        // A row of MCUs, before and after colours are spread, and what is between the two.
        Ok(Self { bytes, memory: waiting + 3 * 2 * frame.row })
    }

    /// The file that the decoder is given.
    fn file(&self, source: &[u8]) -> Vec<u8> {
        let mut file = Vec::with_capacity(self.bytes);
        file.extend(START);
        pieces(source).for_each(|piece| file.extend_from_slice(piece.bytes));
        file.extend(END);
        file
    }
}

/// What a frame header says of memory (T.81, B.2.2).
#[derive(Clone, Copy)]
struct Frame {
    is_progressive: bool,
    components: u8,
    /// Samples of all components, padded to whole MCUs.
    samples: usize,
    /// Samples of a row of MCUs, of all components at the resolution of the finest.
    row: usize,
}

impl Frame {
    fn of(piece: Piece<'_>) -> Result<Self, Unthumbnailable> {
        let broken = Unthumbnailable::Broken;
        let [_, marker, _, _, _, h1, h0, w1, w0, components, rest @ ..] = piece.bytes else {
            return Err(broken);
        };
        let side = |high, low| usize::from(u16::from_be_bytes([high, low]));
        let factors = rest.as_chunks::<3>().0.iter().map(|[_, factors, _]| (factors >> 4, factors & 15));
        let factors: Vec<(usize, usize)> = factors.map(|(h, v)| (usize::from(h), usize::from(v))).collect();
        let across = factors.iter().map(|factors| factors.0).max().unwrap_or(1).max(1);
        let down = factors.iter().map(|factors| factors.1).max().unwrap_or(1).max(1);
        let mcus = (side(*w1, *w0).div_ceil(8 * across), side(*h1, *h0).div_ceil(8 * down));
        Ok(Self {
            is_progressive: *marker == 0xc2,
            components: *components,
            samples: factors.iter().map(|(h, v)| mcus.0 * mcus.1 * 64 * h * v).sum(),
            row: mcus.0 * 64 * across * down * usize::from(*components),
        })
    }
}

/// A segment, with its marker, and the data of the scan that it begins.
#[derive(Clone, Copy)]
struct Piece<'a> {
    bytes: &'a [u8],
}

impl Piece<'_> {
    /// The second byte of the marker.
    fn kind(self) -> u8 {
        self.bytes.get(1).copied().unwrap_or_default()
    }
}

/// What is needed of a file: tables, the frame, and scans (T.81, B.1.1).
fn pieces(source: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut at = START.len();
    let next = move || {
        loop {
            at += source.get(at..)?.iter().position(|byte| *byte == 0xff)?;
            match *source.get(at + 1)? {
                // A fill byte: the marker begins with the next.
                0xff => at += 1,
                // Markers that stand alone, and what is none.
                0x00 | 0x01 | 0xd0..=0xd8 => at += 2,
                0xd9 => return None,
                marker => {
                    let length = source.get(at + 2..at + 4)?;
                    let mut end = at + 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
                    let payload = source.get(at + 4..end)?;
                    if marker == START_OF_SCAN {
                        end += end_of_scan(&source[end..]);
                    }
                    let bytes = &source[at..end];
                    at = end;
                    // Films of JPEGs leave out the tables that all of them have in common, and say so.
                    if matches!(marker, 0xc0..=0xcf | 0xda | 0xdb | 0xdd)
                        || marker == 0xe0 && payload.starts_with(b"AVI1")
                    {
                        return Some(Piece { bytes });
                    }
                }
            }
        }
    };
    std::iter::from_fn(next)
}

/// Where the data of a scan end: at the first marker that is no restart.
fn end_of_scan(data: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = data[at..].iter().position(|byte| *byte == 0xff) {
        at += found;
        match data.get(at + 1) {
            None => break,
            Some(0xff) => at += 1,
            Some(0x00 | 0xd0..=0xd7) => at += 2,
            Some(_) => return at,
        }
    }
    data.len()
}
