//! Rows become columns: what is quick to do down all columns at once is then done along the rows.

/// Samples along each side of what is turned at once.
const SIDE: usize = 8;

/// Turns `picture`, whose rows begin `from_stride` apart, into `turned`, whose rows begin `to_stride` apart.
pub(super) fn turn(
    picture: &[u8],
    from_stride: usize,
    (width, height): (usize, usize),
    turned: &mut [u8],
    to_stride: usize,
) {
    let (whole_columns, whole_rows) = (width / SIDE, height / SIDE);
    for (column, strip) in turned.chunks_mut(SIDE * to_stride).take(whole_columns).enumerate() {
        // Cut to one length, so that whether a square is inside is asked once and not for every line.
        let mut lines = strip.chunks_mut(to_stride).map(|line| line[..height].as_chunks_mut::<SIDE>().0);
        let mut lines: [&mut [[u8; SIDE]]; SIDE] = std::array::from_fn(|_| lines.next().unwrap_or_default());
        for row in 0..whole_rows {
            let from =
                &picture[row * SIDE * from_stride + column * SIDE..][..(SIDE - 1) * from_stride + SIDE];
            let eight = |y: usize| from[y * from_stride..].first_chunk().copied().unwrap_or_default();
            let square = turned_square(std::array::from_fn(|y| u64::from_le_bytes(eight(y))));
            for (line, eight) in lines.iter_mut().zip(square) {
                line[row] = eight.to_le_bytes();
            }
        }
    }
    for y in 0..height {
        let from = if y < whole_rows * SIDE { whole_columns * SIDE } else { 0 };
        for x in from..width {
            turned[x * to_stride + y] = picture[y * from_stride + x];
        }
    }
}

/// Squares of one, two and four samples change places across the diagonal (Hacker's Delight, 7-3).
#[inline]
fn turned_square(mut lines: [u64; SIDE]) -> [u64; SIDE] {
    exchange::<1>(&mut lines, 0x00ff_00ff_00ff_00ff);
    exchange::<2>(&mut lines, 0x0000_ffff_0000_ffff);
    exchange::<4>(&mut lines, 0x0000_0000_ffff_ffff);
    lines
}

#[inline]
fn exchange<const SQUARE: usize>(lines: &mut [u64; SIDE], left: u64) {
    for at in (0..SIDE).filter(|at| at & SQUARE == 0) {
        let changes = (lines[at] >> (8 * SQUARE) ^ lines[at + SQUARE]) & left;
        lines[at + SQUARE] ^= changes;
        lines[at] ^= changes << (8 * SQUARE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_changes_row_for_column() {
        for (width, height) in [(1, 1), (8, 8), (3, 20), (20, 3), (16, 9), (17, 25)] {
            let (from_stride, to_stride) = (width + 2, height + 5);
            let picture: Vec<u8> =
                (0..from_stride * height).map(|at| u8::try_from(at * 7 % 251).unwrap_or_default()).collect();
            let mut turned = vec![255; to_stride * width];
            turn(&picture, from_stride, (width, height), &mut turned, to_stride);
            for (at, sample) in turned.iter().enumerate() {
                let (x, y) = (at / to_stride, at % to_stride);
                let expected = if y < height { picture[y * from_stride + x] } else { 255 };
                assert_eq!(*sample, expected, "{width}x{height}: {x}, {y}");
            }
        }
    }
}
