//! How each macroblock is predicted (sections 8, 10 and 11).

use crate::{bools::Bools, header::Header, mode_probabilities::SUBBLOCK_PROBABILITIES};

/// Ways to predict a whole block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Dc,
    Vertical,
    Horizontal,
    TrueMotion,
}

/// Ways to predict a subblock, as the standard numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubMode {
    Dc,
    TrueMotion,
    Vertical,
    Horizontal,
    LeftDown,
    RightDown,
    VerticalRight,
    VerticalLeft,
    HorizontalDown,
    HorizontalUp,
}

/// How many of them there are.
pub(crate) const SUBBLOCK_MODES: usize = 10;

/// How the luma of a macroblock is predicted.
#[derive(Clone, Copy)]
pub(crate) enum Luma {
    Whole(Mode),
    /// Each of its subblocks in its own way, row by row.
    Subblocks([SubMode; 16]),
}

/// What is known of a macroblock before its frequencies.
#[derive(Clone, Copy)]
pub(crate) struct Macroblock {
    pub(crate) segment: usize,
    /// There are no frequencies.
    pub(crate) is_skipped: bool,
    pub(crate) luma: Luma,
    pub(crate) chroma: Mode,
}

/// Reads one macroblock after the other, and remembers of those above and to the left what the next one's probabilities need.
pub(crate) struct Modes<'a> {
    bools: Bools<'a>,
    segment_probabilities: Option<[u8; 3]>,
    skip_probability: Option<u8>,
    above: Vec<[SubMode; 4]>,
    left: [SubMode; 4],
}

impl<'a> Modes<'a> {
    pub(crate) fn new(header: &Header<'a>, columns: usize) -> Self {
        Self {
            bools: header.modes,
            segment_probabilities: header.segment_probabilities,
            skip_probability: header.skip_probability,
            above: vec![[SubMode::Dc; 4]; columns],
            left: [SubMode::Dc; 4],
        }
    }

    pub(crate) fn start_row(&mut self) {
        self.left = [SubMode::Dc; 4];
    }

    /// The macroblock of the next column of this row.
    pub(crate) fn next(&mut self, column: usize) -> Macroblock {
        let bools = &mut self.bools;
        let segment = match self.segment_probabilities {
            Some([upper, first, second]) => {
                if bools.ask(upper) {
                    2 + usize::from(bools.ask(second))
                } else {
                    usize::from(bools.ask(first))
                }
            }
            None => 0,
        };
        let is_skipped = self.skip_probability.is_some_and(|probability| bools.ask(probability));
        let luma = if bools.ask(145) {
            let mode = match (bools.ask(156), ()) {
                (false, ()) if bools.ask(163) => Mode::Vertical,
                (false, ()) => Mode::Dc,
                (true, ()) if bools.ask(128) => Mode::TrueMotion,
                (true, ()) => Mode::Horizontal,
            };
            self.above[column] = [mode.of_subblocks(); 4];
            self.left = [mode.of_subblocks(); 4];
            Luma::Whole(mode)
        } else {
            Luma::Subblocks(subblocks(bools, &mut self.above[column], &mut self.left))
        };
        let chroma = match () {
            () if !self.bools.ask(142) => Mode::Dc,
            () if !self.bools.ask(114) => Mode::Vertical,
            () if !self.bools.ask(183) => Mode::Horizontal,
            () => Mode::TrueMotion,
        };
        Macroblock { segment, is_skipped, luma, chroma }
    }
}

impl Mode {
    /// What it counts as beside a macroblock of subblocks.
    fn of_subblocks(self) -> SubMode {
        match self {
            Self::Dc => SubMode::Dc,
            Self::Vertical => SubMode::Vertical,
            Self::Horizontal => SubMode::Horizontal,
            Self::TrueMotion => SubMode::TrueMotion,
        }
    }
}

fn subblocks(bools: &mut Bools<'_>, above: &mut [SubMode; 4], left: &mut [SubMode; 4]) -> [SubMode; 16] {
    let mut modes = [SubMode::Dc; 16];
    let mut reader = *bools;
    for (row, left) in modes.as_chunks_mut::<4>().0.iter_mut().zip(left) {
        for (mode, above) in row.iter_mut().zip(&mut *above) {
            *mode = subblock(&mut reader, &SUBBLOCK_PROBABILITIES[*above as usize][*left as usize]);
            (*above, *left) = (*mode, *mode);
        }
    }
    *bools = reader;
    modes
}

/// Section 11.2, `bmode_tree`.
fn subblock(bools: &mut Bools<'_>, probabilities: &[u8; SUBBLOCK_MODES - 1]) -> SubMode {
    let mut is = |branch: usize| bools.ask(probabilities[branch]);
    if !is(0) {
        SubMode::Dc
    } else if !is(1) {
        SubMode::TrueMotion
    } else if !is(2) {
        SubMode::Vertical
    } else if !is(3) {
        if !is(4) {
            SubMode::Horizontal
        } else if !is(5) {
            SubMode::RightDown
        } else {
            SubMode::VerticalRight
        }
    } else if !is(6) {
        SubMode::LeftDown
    } else if !is(7) {
        SubMode::VerticalLeft
    } else if !is(8) {
        SubMode::HorizontalDown
    } else {
        SubMode::HorizontalUp
    }
}
