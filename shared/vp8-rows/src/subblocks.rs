//! Subblocks of four by four samples, predicted along lines of ten directions (section 12.3).

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "means of bytes, and what is clamped"
)]

use crate::{
    canvas::{FIRST, Row, piece, put},
    modes::SubMode,
};

/// Where in the edge the corner is: before it the column to the left, upwards; behind it the row above, eight samples of it.
const CORNER: usize = 4;

/// Samples of the edge, its last one repeated.
const EDGE: usize = 16;

/// Predicts the subblock at a row and a column of subblocks.
pub(crate) fn predict(rows: &mut [Row; 17], (row, column): (usize, usize), mode: SubMode) {
    let (top, first) = (4 * row, FIRST + 4 * column);
    let upper: [u8; 9] = piece(&rows[top], first - 1);
    let left: [u8; 4] = std::array::from_fn(|y| rows[top + 1 + y][first - 1]);
    let mut edge = [upper[8]; EDGE];
    edge[..4].copy_from_slice(&[left[3], left[2], left[1], left[0]]);
    edge[4..13].copy_from_slice(&upper);
    let samples = predicted(&edge, mode);
    for (row, samples) in rows[top + 1..top + 5].iter_mut().zip(samples) {
        put(row, first, samples);
    }
}

fn predicted(edge: &[u8; EDGE], mode: SubMode) -> [[u8; 4]; 4] {
    let h = halves(edge);
    let s = smoothed(edge);
    let four = |of: &[u8; EDGE], at: usize| [of[at], of[at + 1], of[at + 2], of[at + 3]];
    match mode {
        SubMode::Dc => {
            let sum = |samples: &[u8]| samples.iter().map(|sample| u32::from(*sample)).sum::<u32>();
            [[((sum(&edge[..CORNER]) + sum(&edge[5..9]) + 4) / 8) as u8; 4]; 4]
        }
        SubMode::TrueMotion => {
            let above = four(edge, CORNER + 1).map(i16::from);
            let change = |y: usize| i16::from(edge[CORNER - 1 - y]) - i16::from(edge[CORNER]);
            std::array::from_fn(|y| above.map(|sample| (sample + change(y)).clamp(0, 255) as u8))
        }
        SubMode::Vertical => [four(&s, 5); 4],
        SubMode::Horizontal => [[s[3]; 4], [s[2]; 4], [s[1]; 4], [s[0]; 4]],
        SubMode::LeftDown => [four(&s, 6), four(&s, 7), four(&s, 8), four(&s, 9)],
        SubMode::RightDown => [four(&s, 4), four(&s, 3), four(&s, 2), four(&s, 1)],
        SubMode::VerticalRight => {
            [four(&h, 4), four(&s, 4), [s[3], h[4], h[5], h[6]], [s[2], s[4], s[5], s[6]]]
        }
        SubMode::VerticalLeft => {
            [four(&h, 5), four(&s, 6), [h[6], h[7], h[8], s[10]], [s[7], s[8], s[9], s[11]]]
        }
        SubMode::HorizontalDown => [
            [h[3], s[4], s[5], s[6]],
            [h[2], s[3], h[3], s[4]],
            [h[1], s[2], h[2], s[3]],
            [h[0], s[1], h[1], s[2]],
        ],
        SubMode::HorizontalUp => {
            [[h[2], s[2], h[1], s[1]], [h[1], s[1], h[0], s[0]], [h[0], s[0], edge[0], edge[0]], [edge[0]; 4]]
        }
    }
}

/// Of each sample the mean with the next one.
fn halves(edge: &[u8; EDGE]) -> [u8; EDGE] {
    let next: [u8; EDGE] = std::array::from_fn(|at| edge[(at + 1).min(EDGE - 1)]);
    std::array::from_fn(|at| ((u16::from(edge[at]) + u16::from(next[at]) + 1) >> 1) as u8)
}

/// Of each sample the mean with both its neighbours, in which it counts twice.
fn smoothed(edge: &[u8; EDGE]) -> [u8; EDGE] {
    let before: [u8; EDGE] = std::array::from_fn(|at| edge[at.saturating_sub(1)]);
    let next: [u8; EDGE] = std::array::from_fn(|at| edge[(at + 1).min(EDGE - 1)]);
    std::array::from_fn(|at| {
        ((u16::from(before[at]) + 2 * u16::from(edge[at]) + u16::from(next[at]) + 2) / 4) as u8
    })
}
