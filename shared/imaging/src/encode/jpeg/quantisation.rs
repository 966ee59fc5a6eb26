//! How coarse each frequency becomes: the example tables of T.81 (K.1), scaled to a quality as is customary.

/// T.81, table K.1: brightness, in rows of frequencies.
const LUMA: [u16; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, //
    12, 12, 14, 19, 26, 58, 60, 55, //
    14, 13, 16, 24, 40, 57, 69, 56, //
    14, 17, 22, 29, 51, 87, 80, 62, //
    18, 22, 37, 56, 68, 109, 103, 77, //
    24, 35, 55, 64, 81, 104, 113, 92, //
    49, 64, 78, 87, 103, 121, 120, 101, //
    72, 92, 95, 98, 112, 100, 103, 99,
];

/// T.81, table K.2: colour.
const CHROMA: [u16; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99, //
    18, 21, 26, 66, 99, 99, 99, 99, //
    24, 26, 56, 99, 99, 99, 99, 99, //
    47, 66, 99, 99, 99, 99, 99, 99, //
    99, 99, 99, 99, 99, 99, 99, 99, //
    99, 99, 99, 99, 99, 99, 99, 99, //
    99, 99, 99, 99, 99, 99, 99, 99, //
    99, 99, 99, 99, 99, 99, 99, 99,
];

pub(super) fn luma(quality: u16) -> [u8; 64] {
    scaled(&LUMA, quality)
}

pub(super) fn chroma(quality: u16) -> [u8; 64] {
    scaled(&CHROMA, quality)
}

/// The scale of the Independent JPEG Group, which everybody's "quality 80" means: 50 is the table itself.
fn scaled(table: &[u16; 64], quality: u16) -> [u8; 64] {
    let percent = if quality < 50 { 5000 / quality.max(1) } else { 200 - 2 * quality.min(100) };
    table.map(|step| u8::try_from((step * percent + 50) / 100).unwrap_or(u8::MAX).max(1))
}
