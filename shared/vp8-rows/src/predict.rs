//! Whole blocks, predicted from the row above them and the column to their left (sections 12.2 and 12.3).

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "means of bytes, and what is clamped"
)]

use crate::{
    canvas::{Row, piece, put},
    modes::Mode,
};

/// Whether there is a macroblock above, and one to the left.
#[derive(Clone, Copy)]
pub(crate) struct Edges {
    pub(crate) above: bool,
    pub(crate) left: bool,
}

/// Predicts a block of so many samples each way, whose first column is this one.
pub(crate) fn block<const SIDE: usize, const ROWS: usize, const COLUMN: usize>(
    rows: &mut [Row; ROWS],
    mode: Mode,
    edges: Edges,
) {
    let [above, inside @ ..] = &mut rows[..] else { return };
    let corner = i16::from(above[COLUMN - 1]);
    let above: [u8; SIDE] = piece(above, COLUMN);
    match mode {
        Mode::Dc => {
            let upper: u32 = above.iter().map(|sample| u32::from(*sample)).sum();
            let left: u32 = inside.iter().map(|row| u32::from(row[COLUMN - 1])).sum();
            let side = SIDE as u32;
            let mean = match (edges.above, edges.left) {
                (true, true) => (upper + left + side) / (2 * side),
                (true, false) => (upper + side / 2) / side,
                (false, true) => (left + side / 2) / side,
                (false, false) => 128,
            };
            for row in inside {
                put(row, COLUMN, [mean as u8; SIDE]);
            }
        }
        Mode::Vertical => inside.iter_mut().for_each(|row| put(row, COLUMN, above)),
        Mode::Horizontal => inside.iter_mut().for_each(|row| put(row, COLUMN, [row[COLUMN - 1]; SIDE])),
        Mode::TrueMotion => {
            let above = above.map(i16::from);
            for row in inside {
                let change = i16::from(row[COLUMN - 1]) - corner;
                put(row, COLUMN, above.map(|sample| (sample + change).clamp(0, 255) as u8));
            }
        }
    }
}
