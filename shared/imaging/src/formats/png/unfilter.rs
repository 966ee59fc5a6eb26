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

/// Four bytes are added at once, without their highest bits, which are added without a carry.
fn sum<const PIXEL: usize>(stored: [u8; PIXEL], predicted: [u8; PIXEL]) -> [u8; PIXEL] {
    let (one, other) = (together(stored), together(predicted));
    apart(((one & 0x7f7f_7f7f) + (other & 0x7f7f_7f7f)) ^ ((one ^ other) & 0x8080_8080))
}

/// Rounded down, four at once: what both have, and half of what only one has.
fn mean<const PIXEL: usize>(one: [u8; PIXEL], other: [u8; PIXEL]) -> [u8; PIXEL] {
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
    let (low, high) = (left.min(above), left.max(above));
    let third = 3 * i16::from(corner) - i16::from(left) - i16::from(above);
    if third <= i16::from(low) {
        high
    } else if i16::from(high) <= third {
        low
    } else {
        corner
    }
}

/// Samples of two such rows, under the row `above` them; `PIXEL` bytes each.
///
/// The lower row a pixel behind the upper one, so that all that each pixel needs is there, in the two halves of a vector.
pub(super) fn two_of_paeth<const PIXEL: usize>(above: &[u8], upper: &mut [u8], lower: &mut [u8]) {
    let (above, _) = above.as_chunks::<PIXEL>();
    let (upper, _) = upper.as_chunks_mut::<PIXEL>();
    let (lower, _) = lower.as_chunks_mut::<PIXEL>();
    let pixels = above.len().min(upper.len()).min(lower.len());
    let (above, upper, lower) = (&above[..pixels], &mut upper[..pixels], &mut lower[..pixels]);
    let Some(end) = pixels.checked_sub(1) else { return };
    // Left of both rows are zeros, to which what stands above is nearest.
    let mut last = sum(upper[0], above[0]);
    upper[0] = last;
    let (mut left, mut corner) = (halves(last, [0; PIXEL]), halves(above[0], [0; PIXEL]));
    for x in 1..pixels {
        let stored = halves(upper[x], lower[x - 1]);
        let above = halves(above[x], last);
        let (low, high) = (left.min(above), left.max(above));
        let third = corner + corner + corner - left - above;
        let within = high.simd_gt(third).select(corner, low);
        let nearest = third.simd_gt(low).select(within, high);
        let samples = (stored + nearest) & i16x8::splat(0xff);
        let bytes = u8x16::narrow_i16x8(samples, samples).to_array();
        last = std::array::from_fn(|at| bytes[at]);
        upper[x] = last;
        lower[x - 1] = std::array::from_fn(|at| bytes[at + 4]);
        (left, corner) = (samples, above);
    }
    let before = end.checked_sub(1);
    let (left, corner) = before.map_or(([0; PIXEL], [0; PIXEL]), |x| (lower[x], upper[x]));
    let nearest = std::array::from_fn(|at| nearest(left[at], last[at], corner[at]));
    lower[end] = sum(lower[end], nearest);
}

/// Up to four bytes in each half, widened.
fn halves<const PIXEL: usize>(first: [u8; PIXEL], second: [u8; PIXEL]) -> i16x8 {
    let both = u128::from(together(first)) | u128::from(together(second)) << 32;
    i16x8::from_u8x16_low(u8x16::new(both.to_le_bytes()))
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
    fn two_rows_at_once_are_what_they_are_one_by_one() {
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
            unfilter::<PIXEL>(PAETH, &above, &mut one).expect("a filter");
            unfilter::<PIXEL>(PAETH, &one, &mut other).expect("a filter");
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
