//! JPEG: baseline, interleaved, straight from the planes, with the Huffman tables that suit the picture.
//!
//! ITU-T T.81. The crates that were looked at take whole pixels and keep every second sample of colour, and with tables of
//! the picture's own write one scan for each component, which widespread decoders get wrong.

mod blocks;
mod dct;
mod huffman;
mod quantisation;
mod segments;
mod tokens;

use crate::{
    Unthumbnailable,
    raster::{Plane, Raster},
    steps::colour::to_planes,
};

use self::{
    blocks::{Grid, scan_order},
    huffman::Code,
    tokens::{Tables, Tokens},
};

/// The quality, of 100, as Synapse's.
const QUALITY: u16 = 80;

/// Encodes grey, planes with half as many samples of colour in each direction (4:2:0), or red, green and blue.
pub(super) fn encode(small: &Raster) -> Result<Vec<u8>, Unthumbnailable> {
    match small {
        Raster::Gray(plane) => encode_planes(std::slice::from_ref(plane)),
        Raster::YCbCr(planes) => encode_planes(planes),
        Raster::Rgb(plane) => encode_planes(&to_planes(plane)?),
        Raster::Rgba(_) | Raster::Cmyk(_) => Err(Unthumbnailable::Broken),
    }
}

fn encode_planes(planes: &[Plane]) -> Result<Vec<u8>, Unthumbnailable> {
    let side = |pixels: u32| u16::try_from(pixels).map_err(|_| Unthumbnailable::TooManyPixels);
    let (width, height) = (side(planes[0].width)?, side(planes[0].height)?);
    let quantisation = [quantisation::luma(QUALITY), quantisation::chroma(QUALITY)];
    let divisors = [dct::divisors(&quantisation[0]), dct::divisors(&quantisation[1])];

    let grids: Vec<Grid<'_>> = planes.iter().map(Grid::new).collect();
    let mut tokens = Tokens::new(planes.len());
    let mut block = [0.0; 64];
    for (component, column, row) in scan_order(&grids) {
        let kind = usize::from(component > 0);
        grids[component].read(column, row, &mut block);
        let coefficients = dct::transform_and_divide(&mut block, &divisors[kind]);
        tokens.add(component, &coefficients);
    }

    let kinds = planes.len().min(2);
    let codes: Tables<Code> = tokens.frequencies().each_ref().map(|of| of.each_ref().map(Code::optimal));
    let mut bytes = Vec::with_capacity(tokens.estimated_bytes());
    segments::start(&mut bytes);
    segments::quantisation(&mut bytes, &quantisation[..kinds]);
    segments::frame(&mut bytes, (width, height), planes.len());
    segments::codes(&mut bytes, &codes[..kinds]);
    segments::scan(&mut bytes, planes.len());
    tokens.write(&codes, &mut bytes);
    segments::end(&mut bytes);
    Ok(bytes)
}
