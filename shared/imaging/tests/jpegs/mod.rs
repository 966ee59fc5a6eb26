//! JPEGs taken apart, to be put together in another way.

use jpeg_encoder::{ColorType, Encoder};

/// A JPEG of these pixels that comes coarse first, its mean values in one scan and the rest in many.
pub(crate) fn progressive(width: u16, height: u16, pixel: impl Fn(u16, u16) -> [u8; 3]) -> Vec<u8> {
    let pixels: Vec<_> =
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| pixel(x, y)).collect();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 95);
    encoder.set_progressive(true);
    encoder.encode(pixels.as_flattened(), width, height, ColorType::Rgb).unwrap();
    bytes
}

/// The segments of a JPEG between its first and its last marker, each scan with its data.
pub(crate) fn segments(jpeg: &[u8]) -> Vec<Vec<u8>> {
    let mut segments = Vec::new();
    let mut at = 2;
    while jpeg[at + 1] != 0xd9 {
        let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        let mut end = at + 2 + length;
        if jpeg[at + 1] == 0xda {
            end += jpeg[end..].windows(2).position(|pair| pair[0] == 0xff && pair[1] != 0).unwrap();
        }
        segments.push(jpeg[at..end].to_vec());
        at = end;
    }
    segments
}

/// Where the scans are among the segments.
pub(crate) fn scans(segments: &[Vec<u8>]) -> Vec<usize> {
    (0..segments.len()).filter(|at| segments[*at][1] == 0xda).collect()
}

/// A JPEG of these segments.
pub(crate) fn joined(segments: &[Vec<u8>]) -> Vec<u8> {
    [&[0xff, 0xd8], segments.concat().as_slice(), &[0xff, 0xd9]].concat()
}
