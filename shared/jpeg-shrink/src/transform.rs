//! From the N × N lowest frequencies of a block to N × N samples (T.81, A.3.3, with N for 8).
#![expect(clippy::inline_always, reason = "one call for each block, to be merged with the loop around it")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "samples are clamped to a byte before they become one"
)]

use crate::{
    plane::MID_GREY,
    zigzag::{NOWHERE, Wanted},
};

/// What a block's frequencies are multiplied by on their way to samples: the quantiser's steps and, for three or four samples, the
/// cosines that are common to all that a frequency contributes to. In the order of [`Wanted::PLACES`], by columns of four.
pub(crate) struct Transform {
    whole: [i32; 4],
    scaled: [[f32; 4]; 4],
}

impl Transform {
    /// For the steps of a quantisation table, in stored order.
    pub(crate) fn new<const N: usize>(steps: &[u16; 64]) -> Self {
        let mut transform = Self { whole: [0; 4], scaled: [[0.0; 4]; 4] };
        let cosines: [f32; 4] = match N {
            3 => [FRAC_1_SQRT_2, COS_30, 0.5, 0.0],
            _ => [FRAC_1_SQRT_2, COS_22_5, FRAC_1_SQRT_2, COS_67_5],
        };
        for (step, place) in steps.iter().zip(Wanted::<N>::PLACES).filter(|(_, place)| *place != NOWHERE) {
            let place = usize::from(place);
            if N <= 2 {
                transform.whole[place] = i32::from(*step);
            } else {
                let (column, row) = (place / N, place % N);
                // The transform of N points by N, at the scale of eight by eight, is a quarter of the sum.
                transform.scaled[column][row] = f32::from(*step) * cosines[column] * cosines[row] / 4.0;
            }
        }
        transform
    }

    /// Makes a block's samples out of its frequencies, and writes them at the beginning of the first N rows of a plane. `flat` is
    /// whether all but the first frequency are known to be 0.
    #[inline(always)]
    pub(crate) fn write<const N: usize>(
        &self,
        frequencies: &[i16; 16],
        flat: bool,
        samples: &mut [u8],
        stride: usize,
    ) {
        match N {
            1 => samples[0] = self.one(frequencies[0]),
            2 => {
                let rows = self.two(frequencies);
                samples[..2].copy_from_slice(&rows[0]);
                samples[stride..][..2].copy_from_slice(&rows[1]);
            }
            _ => {
                let rows =
                    if flat { [[self.flat::<N>(frequencies[0]); 4]; 4] } else { self.many::<N>(frequencies) };
                for (row, line) in samples.chunks_mut(stride).zip(&rows[..N]) {
                    row[..N].copy_from_slice(&line[..N]);
                }
            }
        }
    }

    /// A block's mean: an eighth of its first frequency.
    #[inline(always)]
    pub(crate) fn one(&self, frequency: i16) -> u8 {
        // Sixteen bits with and sixteen without a sign leave just enough room to round.
        ((i32::from(frequency) * self.whole[0] + ROUNDED_GREY) >> 3).clamp(0, 255) as u8
    }

    /// The cosines of a transform of two points all are the same, and come to an eighth.
    #[inline(always)]
    fn two(&self, frequencies: &[i16; 16]) -> [[u8; 2]; 2] {
        let [mean, down, across, both]: [i64; 4] =
            std::array::from_fn(|place| i64::from(frequencies[place]) * i64::from(self.whole[place]));
        let sample = |sum: i64| ((sum + i64::from(ROUNDED_GREY)) >> 3).clamp(0, 255) as u8;
        let (left, right) = (mean + across, mean - across);
        let (falling, rising) = (down + both, down - both);
        [[sample(left + falling), sample(right + rising)], [sample(left - falling), sample(right - rising)]]
    }

    #[inline(always)]
    fn flat<const N: usize>(&self, frequency: i16) -> u8 {
        to_bytes([f32::from(frequency) * self.scaled[0][0] + f32::from(MID_GREY); 4])[0]
    }

    /// Across, then down; all rows, then all columns, at once.
    #[inline(always)]
    fn many<const N: usize>(&self, frequencies: &[i16; 16]) -> [[u8; 4]; 4] {
        let mut columns = [[0.0; 4]; 4];
        for column in 0..N {
            // Of three points the fourth lane is the next column's, and multiplied by 0.
            for row in 0..4 {
                columns[column][row] = f32::from(frequencies[column * N + row]) * self.scaled[column][row];
            }
        }
        columns[0][0] += f32::from(MID_GREY);
        let across = points::<N>(columns);
        let mut rows = [[0.0; 4]; 4];
        for row in 0..4 {
            for column in 0..4 {
                rows[row][column] = across[column][row];
            }
        }
        let down = points::<N>(rows);
        [to_bytes(down[0]), to_bytes(down[1]), to_bytes(down[2]), to_bytes(down[3])]
    }
}

/// What is added to eight times a sample, before it is divided: the middle of the range, and a half to round.
const ROUNDED_GREY: i32 = 8 * MID_GREY as i32 + 4;

const FRAC_1_SQRT_2: f32 = std::f32::consts::FRAC_1_SQRT_2;
const COS_22_5: f32 = 0.923_879_5;
const COS_30: f32 = 0.866_025_4;
const COS_67_5: f32 = 0.382_683_43;

/// One inverse transform of N points for each of four lanes, of frequencies already multiplied by the cosines of the first point:
/// those of the others follow by sums, for symmetry, and for four points with one factor more.
#[inline(always)]
fn points<const N: usize>(frequencies: [[f32; 4]; 4]) -> [[f32; 4]; 4] {
    let [a, b, c, d] = frequencies;
    let mut points = [[0.0; 4]; 4];
    for lane in 0..4 {
        if N == 3 {
            // The middle point has the cosines 1, 0, -1, of which the third is stored halved.
            let outer = a[lane] + c[lane];
            points[0][lane] = outer + b[lane];
            points[1][lane] = a[lane] - (c[lane] + c[lane]);
            points[2][lane] = outer - b[lane];
        } else {
            let (outer, inner) = (a[lane] + c[lane], a[lane] - c[lane]);
            // cos 67.5° / cos 22.5° is √2 - 1, and its inverse √2 + 1.
            let outer_odd = b[lane] + d[lane];
            let inner_odd = (b[lane] - d[lane]) * std::f32::consts::SQRT_2 - outer_odd;
            points[0][lane] = outer + outer_odd;
            points[1][lane] = inner + inner_odd;
            points[2][lane] = inner - inner_odd;
            points[3][lane] = outer - outer_odd;
        }
    }
    points
}

/// Rounds to bytes. At 1.5 × 2^23 a float has no bits left for a fraction: what is added to it is rounded, and stands in its lowest
/// bits. Four at once, which a conversion to integers that minds every float would not be.
#[inline(always)]
fn to_bytes(samples: [f32; 4]) -> [u8; 4] {
    let mut bytes = [0; 4];
    for lane in 0..4 {
        let sample = if samples[lane] > 0.0 { samples[lane] } else { 0.0 };
        let sample = if sample < 255.0 { sample } else { 255.0 };
        bytes[lane] = (sample + 12_582_912.0).to_bits() as u8;
    }
    bytes
}
