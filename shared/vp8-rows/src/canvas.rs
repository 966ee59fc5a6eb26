//! One macroblock while it is predicted and corrected, with the samples around it that it is predicted from.

use crate::{
    modes::{Luma, Macroblock, Mode},
    predict,
    residue::{Residue, Samples},
    subblocks,
};

/// Samples in a row of the canvas: all sizes are known when this is compiled, so that no bound is checked when it runs.
pub(crate) const ACROSS: usize = 32;

/// The column of the first sample of luma, and of the first chroma; left of it is the column that is predicted from.
pub(crate) const FIRST: usize = 8;

/// The column of the first sample of the second chroma.
pub(crate) const SECOND: usize = 24;

/// A row of the canvas. The uppermost one is that above the macroblock.
pub(crate) type Row = [u8; ACROSS];

/// What is to the left of the picture.
const LEFT_OF_ALL: u8 = 129;

/// The samples of a macroblock, and around it.
pub(crate) struct Canvas {
    /// Behind the macroblock are four samples more: those above and to the right, for the subblocks of its last column.
    pub(crate) luma: [Row; 17],
    /// Both chromas beside each other.
    pub(crate) chroma: [Row; 9],
}

/// What is above a macroblock.
pub(crate) struct Above {
    pub(crate) luma: [u8; 16],
    pub(crate) right: [u8; 4],
    pub(crate) chroma: [[u8; 8]; 2],
}

impl Canvas {
    pub(crate) fn new() -> Self {
        Self { luma: [[0; ACROSS]; 17], chroma: [[0; ACROSS]; 9] }
    }

    /// At the left edge of the picture. What is above and to the left belongs to the row above where there is none.
    pub(crate) fn start_row(&mut self, is_first: bool) {
        let corner = if is_first { 127 } else { LEFT_OF_ALL };
        for row in &mut self.luma {
            row[FIRST - 1] = LEFT_OF_ALL;
        }
        for row in &mut self.chroma {
            (row[FIRST - 1], row[SECOND - 1]) = (LEFT_OF_ALL, LEFT_OF_ALL);
        }
        self.luma[0][FIRST - 1] = corner;
        (self.chroma[0][FIRST - 1], self.chroma[0][SECOND - 1]) = (corner, corner);
    }

    /// Moves on to the next macroblock of the row: what was its last column is to the left of that.
    pub(crate) fn step(&mut self) {
        for row in &mut self.luma {
            row[FIRST - 1] = row[FIRST + 15];
        }
        for row in &mut self.chroma {
            (row[FIRST - 1], row[SECOND - 1]) = (row[FIRST + 7], row[SECOND + 7]);
        }
    }

    pub(crate) fn set_above(&mut self, above: &Above) {
        put(&mut self.luma[0], FIRST, above.luma);
        for row in [0, 4, 8, 12] {
            put(&mut self.luma[row], FIRST + 16, above.right);
        }
        put(&mut self.chroma[0], FIRST, above.chroma[0]);
        put(&mut self.chroma[0], SECOND, above.chroma[1]);
    }

    /// Predicts a macroblock, and adds its frequencies.
    pub(crate) fn draw(&mut self, macroblock: &Macroblock, edges: predict::Edges, residue: &mut Residue) {
        match &macroblock.luma {
            Luma::Whole(mode) => {
                residue.spread_means();
                predict::block::<16, 17, FIRST>(&mut self.luma, *mode, edges);
                match residue.luma.take() {
                    Samples::None => {}
                    Samples::Flat(means) => {
                        for (rows, means) in
                            self.luma[1..].as_chunks_mut::<4>().0.iter_mut().zip(means.as_chunks().0)
                        {
                            let [a, b, c, d] = *means;
                            let samples = [[a; 4], [b; 4], [c; 4], [d; 4]];
                            for row in rows {
                                add::<16>(row, FIRST, samples.as_flattened());
                            }
                        }
                    }
                    Samples::Full(lines) => {
                        for (y, row) in self.luma[1..].iter_mut().enumerate() {
                            add::<16>(row, FIRST, lines[y % 4][y / 4 * 4..][..4].as_flattened());
                        }
                    }
                }
            }
            Luma::Subblocks(modes) => {
                let samples = residue.luma.take();
                for (at, mode) in modes.iter().enumerate() {
                    let (top, column) = (4 * (at / 4), FIRST + 4 * (at % 4));
                    subblocks::predict(&mut self.luma, (at / 4, at % 4), *mode);
                    let rows = &mut self.luma[top + 1..top + 5];
                    match &samples {
                        Samples::None => {}
                        Samples::Flat(means) => {
                            for row in rows {
                                add::<4>(row, column, &[means[at]; 4]);
                            }
                        }
                        Samples::Full(lines) => {
                            rows.iter_mut()
                                .zip(lines)
                                .for_each(|(row, line)| add::<4>(row, column, &line[at]));
                        }
                    }
                }
            }
        }
        self.draw_chroma(macroblock.chroma, edges, &residue.chroma.take());
    }

    fn draw_chroma(&mut self, mode: Mode, edges: predict::Edges, samples: &Samples<8>) {
        predict::block::<8, 9, FIRST>(&mut self.chroma, mode, edges);
        predict::block::<8, 9, SECOND>(&mut self.chroma, mode, edges);
        for (y, row) in self.chroma[1..].iter_mut().enumerate() {
            let block = y / 4 * 2;
            match samples {
                Samples::None => break,
                Samples::Flat(means) => {
                    for (column, block) in [(FIRST, block), (SECOND, 4 + block)] {
                        let pair = [[means[block]; 4], [means[block + 1]; 4]];
                        add::<8>(row, column, pair.as_flattened());
                    }
                }
                Samples::Full(lines) => {
                    let line = &lines[y % 4];
                    add::<8>(row, FIRST, line[block..][..2].as_flattened());
                    add::<8>(row, SECOND, line[4 + block..][..2].as_flattened());
                }
            }
        }
    }
}

/// Adds to so many samples of a row.
#[expect(clippy::cast_sign_loss, reason = "clamped")]
fn add<const LENGTH: usize>(row: &mut Row, column: usize, more: &[i16]) {
    for (sample, more) in row[column..column + LENGTH].iter_mut().zip(&more[..LENGTH]) {
        *sample = (i16::from(*sample) + more).clamp(0, 255) as u8;
    }
}

/// Some samples of a row.
pub(crate) fn piece<const LENGTH: usize>(row: &Row, column: usize) -> [u8; LENGTH] {
    let mut piece = [0; LENGTH];
    piece.copy_from_slice(&row[column..column + LENGTH]);
    piece
}

/// Writes some samples of a row.
pub(crate) fn put<const LENGTH: usize>(row: &mut Row, column: usize, samples: [u8; LENGTH]) {
    row[column..column + LENGTH].copy_from_slice(&samples);
}
