//! The directory of a TIFF, for what the decoder would copy or cannot say (TIFF 6.0, section 2).

use std::io::{Cursor, Read, Result as ReadResult, Seek, SeekFrom};

use tiff::tags::Tag;

use super::MAX_CHUNKS;
use crate::Unthumbnailable;

/// What the decoder reads, each as many values as it has.
const READ: [Tag; 21] = [
    Tag::BitsPerSample,
    Tag::ChromaSubsampling,
    Tag::ColorMap,
    Tag::Compression,
    Tag::ExtraSamples,
    Tag::ImageLength,
    Tag::ImageWidth,
    Tag::JPEGTables,
    Tag::Orientation,
    Tag::PhotometricInterpretation,
    Tag::PlanarConfiguration,
    Tag::Predictor,
    Tag::RowsPerStrip,
    Tag::SampleFormat,
    Tag::SamplesPerPixel,
    Tag::StripByteCounts,
    Tag::StripOffsets,
    Tag::TileByteCounts,
    Tag::TileLength,
    Tag::TileOffsets,
    Tag::TileWidth,
];

/// The first directory of a file, for what the decoder would copy or cannot say.
pub(super) struct Directory<'a> {
    pub(super) source: &'a [u8],
    is_little: bool,
    entries: usize,
}

impl<'a> Directory<'a> {
    pub(super) fn read(source: &'a [u8]) -> Result<Self, Unthumbnailable> {
        let mut directory = Self { source, is_little: source.starts_with(b"II"), entries: 0 };
        let at = directory.word(4).ok_or(Unthumbnailable::Broken)?;
        let count = directory.half(at).ok_or(Unthumbnailable::Broken)?;
        directory.entries = count.into();
        Ok(directory)
    }

    /// Says no to entries of more values than are ever of use: the decoder reads them all, at many bytes each.
    pub(super) fn admit(&self) -> Result<(), Unthumbnailable> {
        let first = self.word(4).unwrap_or_default() + 2;
        let places = (0..self.entries).map(|at| first + 12 * at);
        let read = places.filter(|at| READ.into_iter().any(|tag| self.half(*at) == Some(tag.to_u16())));
        let counts = read.filter_map(|at| self.word(at + 4));
        if counts.max() > Some(MAX_CHUNKS) { Err(Unthumbnailable::TooMuchMemory) } else { Ok(()) }
    }

    /// Where an entry stands; of several the last, as the decoder reads them.
    fn entry(&self, tag: Tag) -> Option<usize> {
        let first = self.word(4)? + 2;
        let places = (0..self.entries).rev().map(|at| first + 12 * at);
        places.into_iter().find(|at| self.half(*at) == Some(tag.to_u16()))
    }

    /// Where a single short is, and what.
    pub(super) fn short(&self, tag: Tag) -> Option<(usize, u16)> {
        let at = self.entry(tag)? + 8;
        Some((at, self.half(at)?))
    }

    /// One of many offsets or lengths.
    pub(super) fn long(&self, tag: Tag, index: usize) -> Option<usize> {
        let at = self.entry(tag)?;
        let (kind, count) = (self.half(at + 2)?, self.word(at + 4)?);
        let length = if kind == 3 { 2 } else { 4 };
        let first = if length * count <= 4 { at + 8 } else { self.word(at + 8)? };
        let at = first.checked_add(index.checked_mul(length)?)?;
        if kind == 3 { self.half(at).map(Into::into) } else { self.word(at) }
    }

    /// Bytes without a meaning to TIFF.
    pub(super) fn bytes(&self, tag: Tag) -> Option<&'a [u8]> {
        let at = self.entry(tag)?;
        let (length, first) = (self.word(at + 4)?, self.word(at + 8)?);
        self.source.get(first..first.checked_add(length)?)
    }

    fn half(&self, at: usize) -> Option<u16> {
        let bytes = *self.source.get(at..)?.first_chunk()?;
        Some(if self.is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn word(&self, at: usize) -> Option<usize> {
        let bytes = *self.source.get(at..)?.first_chunk()?;
        Some(if self.is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) } as usize)
    }

    pub(super) fn written(&self, value: u16) -> [u8; 2] {
        if self.is_little { value.to_le_bytes() } else { value.to_be_bytes() }
    }
}

/// A file of which two bytes are told otherwise than they are.
pub(super) struct Retold<'a> {
    pub(super) source: Cursor<&'a [u8]>,
    pub(super) retold: Option<(usize, [u8; 2])>,
}

impl Read for Retold<'_> {
    fn read(&mut self, into: &mut [u8]) -> ReadResult<usize> {
        let from = usize::try_from(self.source.position()).unwrap_or(usize::MAX);
        let count = self.source.read(into)?;
        if let Some((at, bytes)) = self.retold {
            for (at, byte) in (at..).zip(bytes) {
                if let Some(place) = at.checked_sub(from).and_then(|at| into[..count].get_mut(at)) {
                    *place = byte;
                }
            }
        }
        Ok(count)
    }
}

impl Seek for Retold<'_> {
    fn seek(&mut self, to: SeekFrom) -> ReadResult<u64> {
        self.source.seek(to)
    }
}
