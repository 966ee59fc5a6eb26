//! The marker segments around the scan (T.81, annex B; T.871 for the first).

#![expect(
    clippy::cast_possible_truncation,
    reason = "there are at most three components, and two tables of a kind"
)]

use super::{dct::in_zigzag, huffman::Code};

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const APPLICATION_0: u8 = 0xe0;
const QUANTISATION: u8 = 0xdb;
const BASELINE_FRAME: u8 = 0xc0;
const HUFFMAN: u8 = 0xc4;
const START_OF_SCAN: u8 = 0xda;

/// The beginning, which says that this is JFIF 1.01: square pixels, and no thumbnail of the thumbnail.
pub(super) fn start(bytes: &mut Vec<u8>) {
    bytes.extend([0xff, START_OF_IMAGE]);
    segment(bytes, APPLICATION_0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
}

pub(super) fn end(bytes: &mut Vec<u8>) {
    bytes.extend([0xff, END_OF_IMAGE]);
}

pub(super) fn quantisation(bytes: &mut Vec<u8>, tables: &[[u8; 64]]) {
    let numbered = tables.iter().zip(0_u8..);
    let body: Vec<u8> =
        numbered.flat_map(|(table, number)| [vec![number], in_zigzag(table).to_vec()].concat()).collect();
    segment(bytes, QUANTISATION, &body);
}

/// 8 bits, and half as much colour as brightness in each direction.
pub(super) fn frame(bytes: &mut Vec<u8>, (width, height): (u16, u16), components: usize) {
    let mut body = vec![8];
    body.extend(height.to_be_bytes());
    body.extend(width.to_be_bytes());
    body.push(components as u8);
    if components == 1 {
        body.extend([1, 0x11, 0]);
    } else {
        body.extend([1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
    }
    segment(bytes, BASELINE_FRAME, &body);
}

pub(super) fn codes(bytes: &mut Vec<u8>, codes: &[[Code; 2]]) {
    for (kind, pair) in codes.iter().enumerate() {
        for (rest, code) in pair.iter().enumerate() {
            let head = [(rest << 4 | kind) as u8];
            segment(bytes, HUFFMAN, &[&head, code.counts().as_slice(), code.symbols()].concat());
        }
    }
}

pub(super) fn scan(bytes: &mut Vec<u8>, components: usize) {
    let mut body = vec![components as u8];
    body.extend([[1, 0x00], [2, 0x11], [3, 0x11]][..components].concat());
    body.extend([0, 63, 0]);
    segment(bytes, START_OF_SCAN, &body);
}

fn segment(bytes: &mut Vec<u8>, marker: u8, body: &[u8]) {
    let length = u16::try_from(body.len() + 2).unwrap_or(u16::MAX);
    bytes.extend([0xff, marker]);
    bytes.extend(length.to_be_bytes());
    bytes.extend_from_slice(body);
}
