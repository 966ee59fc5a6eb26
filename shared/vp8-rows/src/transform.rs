//! From frequencies to samples (sections 14.3 and 14.4).

#![expect(
    clippy::inline_always,
    reason = "a handful of instructions, of which the sizes are known where they are called"
)]
#![expect(
    clippy::cast_possible_truncation,
    reason = "frequencies of 16 bits, as every decoder computes with; only what no encoder writes is larger"
)]

/// √2 · cos(π/8), without the whole.
const COSINE: i32 = 20091;

/// √2 · sin(π/8).
const SINE: i32 = 35468;

/// The inverse Walsh-Hadamard transform of the means.
pub(crate) fn means(block: &[i16; 16]) -> [i16; 16] {
    let pass = |at: [i32; 4]| {
        let (a, b) = (at[0] + at[3], at[1] + at[2]);
        let (c, d) = (at[1] - at[2], at[0] - at[3]);
        [a + b, c + d, a - b, d - c]
    };
    let block: [i32; 16] = block.map(i32::from);
    let columns: [[i32; 4]; 4] = std::array::from_fn(|x| pass(std::array::from_fn(|y| block[4 * y + x])));
    let rows: [[i32; 4]; 4] = std::array::from_fn(|y| pass(std::array::from_fn(|x| columns[x][y])));
    std::array::from_fn(|at| ((rows[at / 4][at % 4] + 3) >> 3) as i16)
}

/// The same of a block with nothing but its first value: all results are this one.
pub(crate) fn flat_mean(value: i16) -> i16 {
    ((i32::from(value) + 3) >> 3) as i16
}

/// The inverse transform of four by four frequencies: four rows of each block.
///
/// What divides in the end rounds down: whoever wants it to round adds a half, which is 4, to the means.
pub(crate) fn samples<const COUNT: usize>(frequencies: &[[i16; COUNT]; 16]) -> [[[i16; 4]; COUNT]; 4] {
    let mut columns = [[[0; COUNT]; 4]; 4];
    let (lines, _) = frequencies.as_chunks::<4>();
    if let ([first, second, third, fourth], [a, b, c, d]) = (lines, &mut columns) {
        let lines = [first, second, third, fourth].map(|line| line.as_flattened());
        pass(lines, [a, b, c, d].map(|line| line.as_flattened_mut()));
    }
    let mut rows = [[[0; 4]; COUNT]; 4];
    for ([first, second, third, fourth], row) in columns.iter().zip(&mut rows) {
        let [mut a, mut b, mut c, mut d] = [[0; COUNT]; 4];
        pass([first, second, third, fourth], [&mut a, &mut b, &mut c, &mut d]);
        let pairs = zipped(&zipped(&a, &b), &zipped(&c, &d));
        for (samples, [[a, b], [c, d]]) in row.iter_mut().zip(pairs) {
            *samples = [a >> 3, b >> 3, c >> 3, d >> 3];
        }
    }
    rows
}

/// One direction of it, in all blocks at once.
#[inline(always)]
fn pass(lines: [&[i16]; 4], out: [&mut [i16]; 4]) {
    let count = lines[0].len();
    let [first, second, third, fourth] = lines.map(|line| &line[..count]);
    let out = out.map(|line| &mut line[..count]);
    for at in 0..count {
        let (a, b) = (first[at].wrapping_add(third[at]), first[at].wrapping_sub(third[at]));
        let c = sine(second[at]).wrapping_sub(cosine(fourth[at]));
        let d = cosine(second[at]).wrapping_add(sine(fourth[at]));
        out[0][at] = a.wrapping_add(d);
        out[1][at] = b.wrapping_add(c);
        out[2][at] = b.wrapping_sub(c);
        out[3][at] = a.wrapping_sub(d);
    }
}

/// Takes turns between two lines. In one step for four lines it would not become the instruction that it is.
#[inline(always)]
fn zipped<T: Copy + Default, const COUNT: usize>(some: &[T; COUNT], others: &[T; COUNT]) -> [[T; 2]; COUNT] {
    let mut zipped = [[T::default(); 2]; COUNT];
    for at in 0..COUNT {
        zipped[at] = [some[at], others[at]];
    }
    zipped
}

fn cosine(value: i16) -> i16 {
    value.wrapping_add(product(value, COSINE))
}

/// The sine is more than a half: as a number of 16 bits and a sign, it is that much less than one.
fn sine(value: i16) -> i16 {
    value.wrapping_add(product(value, SINE - (1 << 16)))
}

/// Eight of these are one instruction.
fn product(value: i16, factor: i32) -> i16 {
    ((i32::from(value) * factor) >> 16) as i16
}
