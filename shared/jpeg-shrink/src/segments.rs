//! From marker to marker (T.81, B.1.1).

use crate::error::Error;

/// Start of image.
pub(crate) const SOI: u8 = 0xd8;
/// End of image.
const EOI: u8 = 0xd9;
/// Start of scan.
pub(crate) const SOS: u8 = 0xda;
/// Quantisation tables.
pub(crate) const DQT: u8 = 0xdb;
/// Huffman tables.
pub(crate) const DHT: u8 = 0xc4;
/// Restart interval.
pub(crate) const DRI: u8 = 0xdd;
/// The first of the eight markers between the intervals of a scan.
pub(crate) const RST0: u8 = 0xd0;
/// JFIF.
pub(crate) const APP0: u8 = 0xe0;
/// Exif.
pub(crate) const APP1: u8 = 0xe1;
/// Colour profiles.
pub(crate) const APP2: u8 = 0xe2;
/// Adobe.
pub(crate) const APP14: u8 = 0xee;

/// The segments of a picture, one after the other.
#[derive(Clone)]
pub(crate) struct Segments<'a> {
    source: &'a [u8],
    next: usize,
}

/// A marker and what belongs to it.
#[derive(Clone, Copy)]
pub(crate) struct Segment<'a> {
    /// The second byte of the marker.
    pub(crate) marker: u8,
    /// What follows the length.
    pub(crate) payload: &'a [u8],
}

impl<'a> Segments<'a> {
    /// Behind the marker that every picture begins with.
    pub(crate) fn new(source: &'a [u8]) -> Result<Self, Error> {
        if source.starts_with(&[0xff, SOI]) { Ok(Self { source, next: 2 }) } else { Err(Error::NotJpeg) }
    }

    /// What follows the last segment: the data of the scan that it announced.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.source.get(self.next..).unwrap_or_default()
    }

    /// Goes over the data of a scan, of which so many bytes are known to be read.
    pub(crate) fn skip_scan(&mut self, read: usize) {
        self.next += read;
        self.next += end_of_scan(self.rest());
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    /// The next segment that is there as a whole. What is between segments is none of them, and does not matter.
    fn next(&mut self) -> Option<Segment<'a>> {
        loop {
            self.next += position_of_ff(self.rest())?;
            let marker = *self.source.get(self.next + 1)?;
            match marker {
                // A fill byte: the marker begins with the next.
                0xff => self.next += 1,
                // Markers that stand alone, and what is none.
                0x00 | 0x01 | RST0..=SOI => self.next += 2,
                EOI => return None,
                _ => break,
            }
        }
        let (marker, length) = match self.rest() {
            [_, marker, high, low, ..] => (*marker, usize::from(u16::from_be_bytes([*high, *low]))),
            _ => return None,
        };
        // The length counts itself. One that does not leaves no way to tell where the next segment is.
        let payload = self.rest().get(4..2 + length)?;
        self.next += 2 + length;
        Some(Segment { marker, payload })
    }
}

/// Where the data of a scan end: at the first marker that is no restart.
fn end_of_scan(data: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = position_of_ff(&data[at..]) {
        at += found;
        match data.get(at + 1) {
            None => break,
            Some(0xff) => at += 1,
            Some(0x00 | RST0..=0xd7) => at += 2,
            Some(_) => return at,
        }
    }
    data.len()
}

/// The first byte of ones: every marker begins with it.
pub(crate) fn position_of_ff(bytes: &[u8]) -> Option<usize> {
    let (chunks, rest) = bytes.as_chunks::<64>();
    for (index, chunk) in chunks.iter().enumerate() {
        if has_ff(chunk) {
            return chunk.iter().position(|byte| *byte == 0xff).map(|at| index * 64 + at);
        }
    }
    rest.iter().position(|byte| *byte == 0xff).map(|at| chunks.len() * 64 + at)
}

/// Whether one of the bytes is all ones. Without a way out of the loop, so that the compiler compares many at once.
#[inline]
pub(crate) fn has_ff<const LENGTH: usize>(bytes: &[u8; LENGTH]) -> bool {
    bytes.iter().fold(0, |found, byte| found | if *byte == 0xff { 0xff } else { 0u8 }) != 0
}
