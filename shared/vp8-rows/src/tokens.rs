//! The frequencies of a macroblock, out of their tokens (section 13).

#![expect(clippy::inline_always, reason = "each is a few instructions in the innermost loop")]

use crate::{
    bools::Bools,
    quantizers::{Quantizer, Steps},
    residue::{Blocks, Residue},
    token_probabilities::{Branches, DEFAULTS, UPDATES},
};

/// Where the frequencies of a block are in it, in the order in which they are stored.
const ZIGZAG: [usize; 16] = [0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15];

/// Which frequencies share their probabilities. Behind the last one is one that is looked up, and never used.
const BANDS: [usize; 17] = [0, 1, 2, 3, 6, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7, 7];

/// By the place of a frequency instead of its band, and by what the value before it was: zero, one or more. What is behind
/// them is never looked at, and makes places quick to find.
type ByPlace = [[[u8; 16]; 4]; 17];

/// How likely each token is, by the kind of block.
pub(crate) struct Probabilities {
    /// Of luma whose means are in a block of their own.
    luma_without_means: ByPlace,
    means: ByPlace,
    chroma: ByPlace,
    luma: ByPlace,
}

impl Probabilities {
    /// Section 13.4: the usual ones, and those that differ.
    pub(crate) fn read(bools: &mut Bools<'_>) -> Self {
        let mut by_band = DEFAULTS;
        let branches = by_band.as_flattened_mut().as_flattened_mut().as_flattened_mut();
        let updates = UPDATES.as_flattened().as_flattened().as_flattened();
        for (branch, update) in branches.iter_mut().zip(updates) {
            if bools.ask(*update) {
                *branch = bools.number(8);
            }
        }
        let [luma_without_means, means, chroma, luma] =
            by_band.map(|kind| BANDS.map(|band| padded(&kind[band])));
        Self { luma_without_means, means, chroma, luma }
    }
}

fn padded(contexts: &[Branches; 3]) -> [[u8; 16]; 4] {
    let mut padded = [[0; 16]; 4];
    for (padded, branches) in padded.iter_mut().zip(contexts) {
        padded[..branches.len()].copy_from_slice(branches);
    }
    padded
}

/// Whether the blocks beside a macroblock have frequencies: four of luma, two each of both chromas, and the block of means.
#[derive(Clone, Copy, Default)]
pub(crate) struct Edge {
    luma: [bool; 4],
    chroma: [[bool; 2]; 2],
    means: bool,
}

impl Edge {
    /// After a macroblock without any. The block of means is the last one that there was.
    pub(crate) fn clear(&mut self, has_means: bool) {
        *self = Self { means: self.means && !has_means, ..Self::default() };
    }
}

/// Reads all blocks of a macroblock.
#[inline(never)]
pub(crate) fn read(
    bools: &mut Bools<'_>,
    probabilities: &Probabilities,
    quantizer: &Quantizer,
    has_means: bool,
    (above, left): (&mut Edge, &mut Edge),
    residue: &mut Residue,
) {
    let mut reader = *bools;
    let (kind, first) = if has_means {
        let context = usize::from(above.means) + usize::from(left.means);
        let end =
            block(&mut reader, &probabilities.means, 0, context, &quantizer.means, &mut residue.means, 0);
        (above.means, left.means) = (end > 0, end > 0);
        (&probabilities.luma_without_means, 1)
    } else {
        (&probabilities.luma, 0)
    };
    for (row, left) in left.luma.iter_mut().enumerate() {
        for (column, above) in above.luma.iter_mut().enumerate() {
            let at = 4 * row + column;
            let context = usize::from(*above) + usize::from(*left);
            let end = block(&mut reader, kind, first, context, &quantizer.luma, &mut residue.luma, at);
            (*above, *left) = (end > first, end > first);
        }
    }
    let kind = &probabilities.chroma;
    for at in 0..8 {
        let above = &mut above.chroma[at / 4][at % 2];
        let left = &mut left.chroma[at / 4][at / 2 % 2];
        let context = usize::from(*above) + usize::from(*left);
        let end = block(&mut reader, kind, 0, context, &quantizer.chroma, &mut residue.chroma, at);
        (*above, *left) = (end > 0, end > 0);
    }
    *bools = reader;
}

/// Reads one of some blocks, multiplied by its steps, and says where it ends: behind its last token.
#[inline(always)]
fn block<const COUNT: usize>(
    bools: &mut Bools<'_>,
    probabilities: &ByPlace,
    first: usize,
    context: usize,
    steps: &Steps,
    to: &mut Blocks<COUNT>,
    at: usize,
) -> usize {
    let end = frequencies(bools, probabilities, first, context, steps, |place, value| {
        to.frequencies[place][at] = value;
    });
    // Without any, the end is where it began.
    to.end = to.end.max(if end > first { end } else { 0 });
    end
}

#[inline(always)]
fn frequencies(
    bools: &mut Bools<'_>,
    probabilities: &ByPlace,
    first: usize,
    context: usize,
    steps: &Steps,
    mut put: impl FnMut(usize, i16),
) -> usize {
    let mut place = first;
    let mut branches = &probabilities[place][context];
    while place < 16 {
        bools.fill();
        if !bools.next(branches[0]) {
            return place;
        }
        while !bools.next(branches[1]) {
            place += 1;
            if place == 16 {
                return place;
            }
            branches = &probabilities[place][0];
            bools.fill();
        }
        let (value, context) = if bools.next(branches[2]) { (large(bools, branches), 2) } else { (1, 1) };
        // Only what no encoder writes is too large.
        #[expect(clippy::cast_possible_truncation, reason = "and then any value is as good as another")]
        let value = (bools.signed(value) * steps[place]) as i16;
        put(ZIGZAG[place], value);
        place += 1;
        branches = &probabilities[place][context];
    }
    place
}

/// The bits behind the tokens of ranges, and how likely each is not set (`Pcat3` to `Pcat6`).
const CATEGORIES: [&[u8]; 4] = [
    &[173, 148, 140],
    &[176, 155, 140, 135],
    &[180, 157, 141, 134, 130],
    &[254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129],
];

/// A value of two or more (section 13.2, `coeff_tree` from its fourth branch on).
#[inline(always)]
fn large(bools: &mut Bools<'_>, branches: &[u8; 16]) -> i32 {
    bools.fill();
    if !bools.next(branches[3]) {
        return if bools.next(branches[4]) { 3 + i32::from(bools.next(branches[5])) } else { 2 };
    }
    if !bools.next(branches[6]) {
        let is_second = bools.next(branches[7]);
        bools.fill();
        return if is_second {
            7 + 2 * i32::from(bools.next(165)) + i32::from(bools.next(145))
        } else {
            5 + i32::from(bools.next(159))
        };
    }
    let upper = usize::from(bools.next(branches[8]));
    let category = 2 * upper + usize::from(bools.next(branches[9 + upper]));
    let mut more = 0;
    for probability in CATEGORIES[category] {
        more = 2 * more + i32::from(bools.ask(*probability));
    }
    bools.fill();
    3 + (8 << category) + more
}
