//! By what the values of frequencies are multiplied (sections 9.6 and 14.1).

use crate::{
    bools::Bools,
    quantizer_steps::{AC_STEPS, DC_STEPS},
};

/// Of each frequency of a block, in stored order: of the mean one, of all others another.
pub(crate) type Steps = [i32; 16];

/// The steps of each kind of block.
#[derive(Clone, Copy)]
pub(crate) struct Quantizer {
    pub(crate) luma: Steps,
    /// Of the block of means.
    pub(crate) means: Steps,
    pub(crate) chroma: Steps,
}

/// How far from the index of a quantizer those of its parts are.
pub(crate) struct Adjustments {
    luma_dc: i32,
    means_dc: i32,
    means_ac: i32,
    chroma_dc: i32,
    chroma_ac: i32,
}

impl Adjustments {
    pub(crate) fn read(bools: &mut Bools<'_>) -> Self {
        let mut next = || bools.optional(4).unwrap_or_default();
        Self { luma_dc: next(), means_dc: next(), means_ac: next(), chroma_dc: next(), chroma_ac: next() }
    }
}

impl Quantizer {
    pub(crate) fn new(index: i32, adjustments: &Adjustments) -> Self {
        let step = |steps: &[i16; 128], adjustment: i32| -> i32 {
            let index = (index + adjustment).clamp(0, 127);
            steps[usize::try_from(index).unwrap_or_default()].into()
        };
        let Adjustments { luma_dc, means_dc, means_ac, chroma_dc, chroma_ac } = *adjustments;
        Self {
            luma: steps(step(&DC_STEPS, luma_dc), step(&AC_STEPS, 0)),
            means: steps(step(&DC_STEPS, means_dc) * 2, (step(&AC_STEPS, means_ac) * 155 / 100).max(8)),
            chroma: steps(step(&DC_STEPS, chroma_dc).min(132), step(&AC_STEPS, chroma_ac)),
        }
    }
}

fn steps(mean: i32, others: i32) -> Steps {
    let mut steps = [others; 16];
    steps[0] = mean;
    steps
}
