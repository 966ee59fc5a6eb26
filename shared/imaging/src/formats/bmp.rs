//! BMP, whole: at three or four bytes a pixel.

use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;

use super::{Decoded, Header, whole};
use crate::{Unthumbnailable, budget::Budget};

pub(super) fn header(source: &[u8]) -> Result<Header, Unthumbnailable> {
    Ok(whole::header(open(source)?))
}

pub(super) fn decode(
    source: &[u8],
    at_least: (u32, u32),
    budget: &Budget<'_>,
) -> Result<Decoded, Unthumbnailable> {
    whole::decode(open(source)?, at_least, budget)
}

fn open(source: &[u8]) -> Result<BmpDecoder<Cursor<&[u8]>>, Unthumbnailable> {
    BmpDecoder::new(Cursor::new(source)).map_err(|_| Unthumbnailable::Broken)
}
