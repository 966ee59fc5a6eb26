//! What is added to the prediction of a macroblock: frequencies, and the samples that they become.

use crate::transform;

/// The frequencies of one macroblock; all zero between two of them.
pub(crate) struct Residue {
    pub(crate) luma: Blocks<16>,
    /// Four blocks of one chroma, then four of the other.
    pub(crate) chroma: Blocks<8>,
    /// The means of luma, where they have a block of their own (section 14.3, "Y2").
    pub(crate) means: Blocks<1>,
}

/// Blocks beside each other: of each frequency those of all blocks, so that what is done to one is done to all at once.
pub(crate) struct Blocks<const COUNT: usize> {
    pub(crate) frequencies: [[i16; COUNT]; 16],
    /// The largest of the ends of all blocks. Behind the end of a block are zeros, in stored order.
    pub(crate) end: usize,
}

/// What is to be added to the samples of some blocks.
pub(crate) enum Samples<const COUNT: usize> {
    /// Nothing at all.
    None,
    /// To all samples of each block the same.
    Flat([i16; COUNT]),
    /// Four rows of each block.
    Full([[[i16; 4]; COUNT]; 4]),
}

impl Residue {
    pub(crate) fn new() -> Self {
        Self { luma: Blocks::new(), chroma: Blocks::new(), means: Blocks::new() }
    }

    /// Brings the means from the block of their own to where they belong.
    pub(crate) fn spread_means(&mut self) {
        let means = &mut self.means.frequencies;
        self.luma.frequencies[0] = match self.means.end {
            0 => return,
            1 => [transform::flat_mean(means[0][0]); 16],
            _ => transform::means(means.as_flattened().first_chunk().unwrap_or(&[0; 16])),
        };
        *means = [[0]; 16];
        self.means.end = 0;
        self.luma.end = self.luma.end.max(1);
    }
}

impl<const COUNT: usize> Blocks<COUNT> {
    fn new() -> Self {
        Self { frequencies: [[0; COUNT]; 16], end: 0 }
    }

    /// What the frequencies become. They are zero afterwards.
    pub(crate) fn take(&mut self) -> Samples<COUNT> {
        match std::mem::take(&mut self.end) {
            0 => Samples::None,
            1 => {
                let means = std::mem::replace(&mut self.frequencies[0], [0; COUNT]);
                Samples::Flat(means.map(|mean| mean.wrapping_add(4) >> 3))
            }
            _ => {
                for mean in &mut self.frequencies[0] {
                    *mean = mean.wrapping_add(4);
                }
                let samples = transform::samples(&self.frequencies);
                self.frequencies = [[0; COUNT]; 16];
                Samples::Full(samples)
            }
        }
    }
}
