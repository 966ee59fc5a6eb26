//! ICO: the best picture of its directory, which is a PNG or a small bitmap.

use std::io::Cursor;

use image::{ImageDecoder, codecs::ico::IcoDecoder};

use super::{Decoded, Header, png, whole};
use crate::{Unthumbnailable, budget::Budget};

/// Bytes of the largest bitmap, of 256 × 256 pixels, with its mask and its palette; and some more.
const BITMAP_BYTES: usize = 512 * 1024;

pub(super) fn header(source: &[u8]) -> Result<Header, Unthumbnailable> {
    match Entry::best(source)? {
        Entry::Png(picture) => Ok(Header { frames: 1, ..png::header(picture)? }),
        Entry::Bitmap(icon) => Ok(whole::header(open(&icon)?)),
    }
}

pub(super) fn decode(
    source: &[u8],
    at_least: (u32, u32),
    budget: &Budget<'_>,
) -> Result<Decoded, Unthumbnailable> {
    match Entry::best(source)? {
        Entry::Png(picture) => png::decode(picture, at_least, budget),
        Entry::Bitmap(icon) => whole::decode(open(&icon)?, at_least, budget),
    }
}

/// A picture of the directory.
enum Entry<'a> {
    Png(&'a [u8]),
    /// A file with nothing else in its directory.
    Bitmap(Vec<u8>),
}

impl<'a> Entry<'a> {
    /// The largest, and of those the one with the most colours.
    fn best(source: &'a [u8]) -> Result<Self, Unthumbnailable> {
        let (head, rest) = source.split_first_chunk::<6>().ok_or(Unthumbnailable::Broken)?;
        let count = usize::from(u16::from_le_bytes([head[4], head[5]]));
        let (entries, _) = rest.as_chunks::<16>();
        // A side of 256 does not fit and is said to be 0.
        let side = |side: u8| u32::from(side.wrapping_sub(1)) + 1;
        let rank =
            |entry: &&[u8; 16]| (side(entry[0]) * side(entry[1]), u16::from_le_bytes([entry[6], entry[7]]));
        let entry = entries.iter().take(count).max_by_key(rank).ok_or(Unthumbnailable::Broken)?;
        let word = |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]);
        let picture = source.get(word(12) as usize..).ok_or(Unthumbnailable::Broken)?;
        let picture = picture.get(..word(8) as usize).unwrap_or(picture);
        if picture.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Ok(Self::Png(picture));
        }
        let picture = &picture[..picture.len().min(BITMAP_BYTES)];
        let mut alone = [0, 0, 1, 0, 1, 0].to_vec();
        alone.extend_from_slice(&entry[..8]);
        alone.extend_from_slice(&u32::try_from(picture.len()).unwrap_or(u32::MAX).to_le_bytes());
        alone.extend_from_slice(&22_u32.to_le_bytes());
        alone.extend_from_slice(picture);
        Ok(Self::Bitmap(alone))
    }
}

/// Bitmaps here are as large as their entry says: 256 × 256 at most.
fn open(icon: &[u8]) -> Result<IcoDecoder<Cursor<&[u8]>>, Unthumbnailable> {
    let decoder = IcoDecoder::new(Cursor::new(icon)).map_err(|_| Unthumbnailable::Broken)?;
    let (width, height) = decoder.dimensions();
    if width > 256 || height > 256 { Err(Unthumbnailable::Broken) } else { Ok(decoder) }
}
