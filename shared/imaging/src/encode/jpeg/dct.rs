//! The forward transform of a block, by the factorisation of Arai, Agui and Nakajima (1988), in which what is left to
//! multiply is multiplied into the quantisation.
//!
//! Eight columns are transformed at once, so that the compiler makes vectors of them on any processor, and nothing but
//! additions and multiplications of single floats, so that every processor comes to the same result.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "what is cut off are the bits that rounding has cleared, and indices below 64 are exact floats"
)]

/// Coefficients of one block, in zigzag order.
pub(super) type Coefficients = [i16; 64];

/// T.81, figure A.6: where each coefficient stands in the block.
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// The same for a block whose rows and columns have changed places.
const TURNED_ZIGZAG: [u8; 64] = {
    let mut turned = ZIGZAG;
    let mut at = 0;
    while at < 64 {
        turned[at] = ZIGZAG[at] % 8 * 8 + ZIGZAG[at] / 8;
        at += 1;
    }
    turned
};

/// Adding and taking away this rounds a float of less than 2²² to a whole number, which its lowest bits then are.
const ROUND: f32 = 12_582_912.0;

/// How much, of a step, a coefficient leans towards zero before it is rounded: of those in the middle the smaller costs fewer
/// bits, and is as near. Two per cent of the bytes, for less likeness than can be seen.
const LEANING: f32 = 0.04;

/// A table in zigzag order, as it stands in a file.
pub(super) fn in_zigzag(table: &[u8; 64]) -> [u8; 64] {
    ZIGZAG.map(|at| table[usize::from(at)])
}

/// What the transform's results are multiplied with: one over the step, and what the factorisation left to multiply.
pub(super) fn divisors(steps: &[u8; 64]) -> [f32; 64] {
    // cos(k·π/16)·√2 for k > 0, and 1.
    let scale = |k: usize| match k {
        0 => 1.0,
        _ => (std::f64::consts::PI * k as f64 / 16.0).cos() * std::f64::consts::SQRT_2,
    };
    let mut divisors = [0.0; 64];
    for (at, divisor) in divisors.iter_mut().enumerate() {
        // Rows and columns change places on the way.
        let (row, column) = (at % 8, at / 8);
        *divisor = (1.0 / (8.0 * f64::from(steps[row * 8 + column]) * scale(row) * scale(column))) as f32;
    }
    divisors
}

/// Samples, from which 128 was taken, to coefficients.
pub(super) fn transform_and_divide(block: &mut [f32; 64], divisors: &[f32; 64]) -> Coefficients {
    columns(block);
    transpose(block);
    columns(block);
    let mut whole = [0; 64];
    for ((whole, value), divisor) in whole.iter_mut().zip(&*block).zip(divisors) {
        let steps = value * divisor;
        // The lowest bits of the rounded float are those of the whole number.
        *whole = (steps - steps.clamp(-LEANING, LEANING) + ROUND).to_bits() as i16;
    }
    let mut coefficients = [0; 64];
    for (coefficient, at) in coefficients.iter_mut().zip(TURNED_ZIGZAG) {
        *coefficient = whole[usize::from(at)];
    }
    coefficients
}

fn transpose(block: &mut [f32; 64]) {
    for row in 0..8 {
        for column in row + 1..8 {
            block.swap(row * 8 + column, column * 8 + row);
        }
    }
}

/// One-dimensional transforms down all eight columns.
fn columns(block: &mut [f32; 64]) {
    type Lanes = [f32; 8];
    let (rows, _) = block.as_chunks_mut::<8>();
    let add = |a: Lanes, b: Lanes| -> Lanes { std::array::from_fn(|lane| a[lane] + b[lane]) };
    let sub = |a: Lanes, b: Lanes| -> Lanes { std::array::from_fn(|lane| a[lane] - b[lane]) };
    let mul = |a: Lanes, by: f32| -> Lanes { std::array::from_fn(|lane| a[lane] * by) };

    let mirrored = |near: usize| (add(rows[near], rows[7 - near]), sub(rows[near], rows[7 - near]));
    let ((s0, d0), (s1, d1), (s2, d2), (s3, d3)) = (mirrored(0), mirrored(1), mirrored(2), mirrored(3));

    // Even frequencies.
    let (e0, e3, e1, e2) = (add(s0, s3), sub(s0, s3), add(s1, s2), sub(s1, s2));
    let turned = mul(add(e2, e3), std::f32::consts::FRAC_1_SQRT_2);
    rows[0] = add(e0, e1);
    rows[4] = sub(e0, e1);
    rows[2] = add(e3, turned);
    rows[6] = sub(e3, turned);

    // Odd frequencies: c6, c2 − c6 and c2 + c6 for ck = cos(k·π/16).
    let (o0, o1, o2) = (add(d3, d2), add(d2, d1), add(d1, d0));
    let shared = mul(sub(o0, o2), 0.382_683_43);
    let (z2, z4) = (add(mul(o0, 0.541_196_1), shared), add(mul(o2, 1.306_562_9), shared));
    let z3 = mul(o1, std::f32::consts::FRAC_1_SQRT_2);
    let (z11, z13) = (add(d0, z3), sub(d0, z3));
    rows[5] = add(z13, z2);
    rows[3] = sub(z13, z2);
    rows[1] = add(z11, z4);
    rows[7] = sub(z11, z4);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The transform as T.81 (A.3.3) writes it.
    fn by_the_book(block: &[f32; 64], u: usize, v: usize) -> f64 {
        let norm = |k| if k == 0 { std::f64::consts::FRAC_1_SQRT_2 } else { 1.0 };
        let angle =
            |at: usize, k: usize| ((2 * at + 1) as f64 * k as f64 * std::f64::consts::PI / 16.0).cos();
        let sum: f64 = (0..64).map(|at| f64::from(block[at]) * angle(at % 8, u) * angle(at / 8, v)).sum();
        sum * norm(u) * norm(v) / 4.0
    }

    #[test]
    fn the_transform_is_the_one_of_the_standard() {
        let mut state = 1_u32;
        for _ in 0..50 {
            let block: [f32; 64] = std::array::from_fn(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                f32::from((state >> 24) as u8) - 128.0
            });
            let mut steps = [1_u8; 64];
            steps[8] = 7;
            let got = transform_and_divide(&mut block.clone(), &divisors(&steps));
            for (at, place) in ZIGZAG.iter().map(|place| usize::from(*place)).enumerate() {
                let expected = by_the_book(&block, place % 8, place / 8) / f64::from(steps[place]);
                assert!(
                    (f64::from(got[at]) - expected).abs() < 0.51 + f64::from(LEANING),
                    "{at}: {} {expected}",
                    got[at]
                );
            }
        }
    }
}
