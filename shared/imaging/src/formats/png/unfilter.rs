//! From what a row's filter has left of it to its samples, for two rows at once where it pays.
//!
//! <https://www.w3.org/TR/png-3/#9Filters>

use wide::{i16x8, u8x16};

use crate::Unthumbnailable;

/// The one filter that is worth two rows at a time: most rows of photographs have it, and within one row each pixel waits for
/// the one before.
pub(super) const PAETH: u8 = 4;

/// Samples of a row. Above the first one are zeros, as there are left of every row.
pub(super) fn unfilter<const PIXEL: usize>(
    filter: u8,
    above: &[u8],
    row: &mut [u8],
) -> Result<(), Unthumbnailable> {
    let (above, _) = above.as_chunks::<PIXEL>();
    let (row, _) = row.as_chunks_mut::<PIXEL>();
    let (mut left, mut corner) = ([0; PIXEL], [0; PIXEL]);
    match filter {
        0 => {}
        1 => {
            for pixel in row {
                left = sum(*pixel, left);
                *pixel = left;
            }
        }
        2 => {
            for (pixel, above) in row.as_flattened_mut().iter_mut().zip(above.as_flattened()) {
                *pixel = pixel.wrapping_add(*above);
            }
        }
        3 => {
            for (pixel, above) in row.iter_mut().zip(above) {
                left = sum(*pixel, mean(left, *above));
                *pixel = left;
            }
        }
        PAETH if PIXEL > 2 => one_of_paeth::<PIXEL>(above.as_flattened(), row.as_flattened_mut()),
        PAETH => {
            for (pixel, above) in row.iter_mut().zip(above) {
                left = sum(*pixel, std::array::from_fn(|at| nearest(left[at], above[at], corner[at])));
                (*pixel, corner) = (left, *above);
            }
        }
        _ => return Err(Unthumbnailable::Broken),
    }
    Ok(())
}

/// Of four bytes all are added at once, without their highest bits, which are added without a carry. Of fewer one by one: it
/// costs more to bring them together.
fn sum<const PIXEL: usize>(stored: [u8; PIXEL], predicted: [u8; PIXEL]) -> [u8; PIXEL] {
    if PIXEL < 4 {
        return std::array::from_fn(|at| stored[at].wrapping_add(predicted[at]));
    }
    let (one, other) = (together(stored), together(predicted));
    apart(((one & 0x7f7f_7f7f) + (other & 0x7f7f_7f7f)) ^ ((one ^ other) & 0x8080_8080))
}

/// Rounded down; of four at once: what both have, and half of what only one has.
fn mean<const PIXEL: usize>(one: [u8; PIXEL], other: [u8; PIXEL]) -> [u8; PIXEL] {
    if PIXEL < 4 {
        return std::array::from_fn(|at| one[at].midpoint(other[at]));
    }
    let (one, other) = (together(one), together(other));
    apart((one & other) + (((one ^ other) & 0xfefe_fefe) >> 1))
}

fn together<const PIXEL: usize>(pixel: [u8; PIXEL]) -> u32 {
    let mut four = [0; 4];
    four[..PIXEL].copy_from_slice(&pixel);
    u32::from_le_bytes(four)
}

fn apart<const PIXEL: usize>(four: u32) -> [u8; PIXEL] {
    let four = four.to_le_bytes();
    std::array::from_fn(|at| four[at])
}

/// Which of three neighbours is nearest to left + above − corner; of equals the first (section 9.4). Thrice the
/// corner, less the others, tells: no more than the lower of them, it is the higher, and the other way round.
fn nearest(left: u8, above: u8, corner: u8) -> u8 {
    let [left, above, corner] = [left, above, corner].map(i16::from);
    let (low, high) = (left.min(above), left.max(above));
    let third = 3 * corner - left - above;
    // Two choices in a row, neither of which is worth a guess of the processor's.
    let within = if high <= third { low } else { corner };
    let nearest = if third <= low { high } else { within };
    nearest.to_le_bytes()[0]
}

/// Samples of two such rows, under the row `above` them; `PIXEL` bytes each, three or four: of fewer it does not pay.
///
/// The lower row a pixel behind the upper one, so that all that each pixel needs is there, in the two halves of a vector.
pub(super) fn two_of_paeth<const PIXEL: usize>(above: &[u8], upper: &mut [u8], lower: &mut [u8]) {
    let length = above.len().min(upper.len()).min(lower.len()) / PIXEL * PIXEL;
    let (above, upper, lower) = (&above[..length], &mut upper[..length], &mut lower[..length]);
    // Where the upper row ends what goes together: four bytes are read at once, and the fourth may be the next pixel's.
    let together = length.saturating_sub(PIXEL);
    paeth_from::<PIXEL>(0, &above[..length.min(PIXEL)], upper);
    let [mut left, mut corner] = [halves(four(upper, 0), 0), halves(four(above, 0), 0)];
    for at in (PIXEL..together).step_by(PIXEL) {
        let stored = halves(four(upper, at), four(lower, at - PIXEL));
        let above = first_halves(halves(four(above, at), 0), left);
        let samples = (stored + nearest_of_eight(left, above, corner)) & i16x8::splat(0xff);
        let bytes = u8x16::narrow_i16x8(samples, samples).to_array();
        upper[at..at + PIXEL].copy_from_slice(&bytes[..PIXEL]);
        lower[at - PIXEL..at].copy_from_slice(&bytes[4..4 + PIXEL]);
        (left, corner) = (samples, above);
    }
    // The upper row's last pixel, and the lower row's last two.
    paeth_from::<PIXEL>(together.max(PIXEL), above, upper);
    paeth_from::<PIXEL>(together.saturating_sub(PIXEL), upper, lower);
}

/// The samples of a row alone, four at once: pixels of three or four bytes.
fn one_of_paeth<const PIXEL: usize>(above: &[u8], row: &mut [u8]) {
    let end = row.len().saturating_sub(PIXEL);
    let (mut left, mut corner) = (i16x8::ZERO, i16x8::ZERO);
    for at in (0..end).step_by(PIXEL) {
        let above = halves(four(above, at), 0);
        let samples = (halves(four(row, at), 0) + nearest_of_eight(left, above, corner)) & i16x8::splat(0xff);
        row[at..at + PIXEL].copy_from_slice(&u8x16::narrow_i16x8(samples, samples).to_array()[..PIXEL]);
        (left, corner) = (samples, above);
    }
    paeth_from::<PIXEL>(end, above, row);
}

/// As [`nearest`], of each.
fn nearest_of_eight(left: i16x8, above: i16x8, corner: i16x8) -> i16x8 {
    let (low, high) = (left.min(above), left.max(above));
    let third = corner + corner + corner - left - above;
    let within = high.simd_gt(third).select(corner, low);
    third.simd_gt(low).select(within, high)
}

/// The rest of a row of which the pixels before `at` are samples already.
fn paeth_from<const PIXEL: usize>(at: usize, above: &[u8], row: &mut [u8]) {
    for at in at..above.len() {
        let before = |row: &[u8]| at.checked_sub(PIXEL).map_or(0, |at| row[at]);
        row[at] = row[at].wrapping_add(nearest(before(row), above[at], before(above)));
    }
}

/// Four bytes from here on; none where there are fewer.
fn four(row: &[u8], at: usize) -> u32 {
    row.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |four| u32::from_le_bytes(*four))
}

/// Four bytes in each half, widened.
fn halves(first: u32, second: u32) -> i16x8 {
    let both = u128::from(first) | u128::from(second) << 32;
    i16x8::from_u8x16_low(u8x16::new(both.to_le_bytes()))
}

/// The first halves of both: what was the upper row's last pixel stands above the lower row's next.
fn first_halves(one: i16x8, other: i16x8) -> i16x8 {
    let (one, other) = (one.to_array(), other.to_array());
    i16x8::new([one[0], one[1], one[2], one[3], other[0], other[1], other[2], other[3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As section 9.4 says it.
    fn by_the_book(a: u8, b: u8, c: u8) -> u8 {
        let p = i32::from(a) + i32::from(b) - i32::from(c);
        let away = |of: u8| (p - i32::from(of)).abs();
        if away(a) <= away(b) && away(a) <= away(c) {
            a
        } else if away(b) <= away(c) {
            b
        } else {
            c
        }
    }

    #[test]
    fn the_nearest_is_the_one_of_the_specification() {
        for a in (0..=255).step_by(3) {
            for b in (0..=255).step_by(5) {
                for c in 0..=255 {
                    assert_eq!(nearest(a, b, c), by_the_book(a, b, c), "{a} {b} {c}");
                }
            }
        }
    }

    #[test]
    fn rows_in_vectors_are_what_they_are_byte_by_byte() {
        fn check<const PIXEL: usize>(pixels: usize) {
            let mut state = 7_u32;
            let mut row = || {
                let mut next = || {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state.to_be_bytes()[0]
                };
                (0..pixels * PIXEL).map(|_| next()).collect::<Vec<u8>>()
            };
            let (above, upper, lower) = (row(), row(), row());
            let (mut one, mut other) = (upper.clone(), lower.clone());
            paeth_from::<PIXEL>(0, &above, &mut one);
            paeth_from::<PIXEL>(0, &one, &mut other);
            let mut alone = upper.clone();
            unfilter::<PIXEL>(PAETH, &above, &mut alone).expect("a filter");
            assert_eq!(alone, one, "{PIXEL} {pixels}");
            if PIXEL < 3 {
                return;
            }
            let (mut upper, mut lower) = (upper, lower);
            two_of_paeth::<PIXEL>(&above, &mut upper, &mut lower);
            assert_eq!((upper, lower), (one, other), "{PIXEL} {pixels}");
        }
        for pixels in [1, 2, 3, 7, 64] {
            check::<1>(pixels);
            check::<2>(pixels);
            check::<3>(pixels);
            check::<4>(pixels);
        }
        for (one, other) in (0..=u8::MAX).flat_map(|one| (0..=u8::MAX).map(move |other| (one, other))) {
            let (ones, others) = ([one, 0, one, 255], [other, 255, 3, other]);
            let each = |of: fn(u8, u8) -> u8| std::array::from_fn(|at| of(ones[at], others[at]));
            assert_eq!(sum(ones, others), each(u8::wrapping_add), "{one} {other}");
            assert_eq!(mean(ones, others), each(u8::midpoint), "{one} {other}");
        }
        assert_eq!(unfilter::<1>(5, &[0], &mut [0]), Err(Unthumbnailable::Broken));
    }
}
