//! Fewer pixels by whole numbers: the mean of so many by so many, row by row, before anything finer.

use crate::{Unthumbnailable, budget::Budget, raster::Plane};

/// The largest factor: a sum of that many samples of 8 bits fits into 16.
const MAX_FACTOR: u32 = 256;

/// What is left for the finer filter to do, in halves: a mean of squares is a coarse filter, and shows where it comes last.
const LEFT_IN_HALVES: u32 = 3;

/// How many pixels in each direction may become one, so that half as many again remain as wanted, or all.
pub(crate) fn factor((width, height): (u32, u32), at_least: (u32, u32)) -> u32 {
    let along = |side: u32, at_least: u32| {
        let wanted = u64::from(at_least.max(1)) * u64::from(LEFT_IN_HALVES);
        u32::try_from(u64::from(side) * 2 / wanted).unwrap_or(MAX_FACTOR)
    };
    along(width, at_least.0).min(along(height, at_least.1)).clamp(1, MAX_FACTOR)
}

/// Takes rows as they arrive and holds no more of them than the result.
///
/// What shows through counts by how much it shows: colours are weighed by their opacity.
pub(crate) struct Reducer {
    width: usize,
    height: usize,
    channels: usize,
    factor: usize,
    reduced: (u32, u32),
    samples: Vec<u8>,
    gathered: Gathered,
}

/// What has been taken of cells that are not full yet.
enum Gathered {
    /// A factor of one: nothing is gathered.
    Nothing,
    /// Rows in order: one row of column sums, of the last so many rows; weighed by opacity from the first of them on that
    /// shows something through.
    Columns { sums: Vec<u16>, weighed: Vec<[u32; 4]>, shows_through: bool, rows: usize },
    /// Pixels in any order: sums of every cell.
    Cells { sums: Vec<u32> },
}

impl Reducer {
    /// For a picture of `size` whose rows come from top to bottom, or `scattered`, as interlaced pictures have them.
    pub(crate) fn new(
        (width, height): (u32, u32),
        channels: usize,
        factor: u32,
        scattered: bool,
        budget: &Budget<'_>,
    ) -> Result<Self, Unthumbnailable> {
        let reduced = (width.div_ceil(factor), height.div_ceil(factor));
        let length = reduced.0 as usize * reduced.1 as usize * channels;
        let row = width as usize * channels;
        let (gathered, held) = match (factor, scattered) {
            (1, _) => (Gathered::Nothing, 0),
            (_, false) => {
                let weighed = vec![[0; 4]; if channels == 4 { width as usize } else { 0 }];
                let sums = vec![0; row];
                (Gathered::Columns { sums, weighed, shows_through: false, rows: 0 }, 6 * row)
            }
            (_, true) => {
                budget.has_memory(5 * length)?;
                (Gathered::Cells { sums: vec![0; length] }, 4 * length)
            }
        };
        budget.has_memory(length + held)?;
        let samples = match (&gathered, scattered) {
            (Gathered::Nothing, true) => vec![0; length],
            _ => Vec::with_capacity(length),
        };
        let (width, height) = (width as usize, height as usize);
        Ok(Self { width, height, channels, factor: factor as usize, reduced, samples, gathered })
    }

    /// The next row.
    pub(crate) fn push(&mut self, row: &[u8]) {
        match &mut self.gathered {
            Gathered::Columns { sums, weighed, shows_through, rows } => {
                let (pixels, _) = row.as_chunks::<4>();
                if self.channels == 4 && !*shows_through && !is_opaque(pixels) {
                    *shows_through = true;
                    for (weighed, sums) in weighed.iter_mut().zip(sums.as_chunks::<4>().0) {
                        *weighed = sums.map(|sum| u32::from(sum) * u32::from(u8::MAX));
                        weighed[3] = sums[3].into();
                    }
                }
                if *shows_through {
                    for (sum, [red, green, blue, opacity]) in weighed.iter_mut().zip(pixels) {
                        let weight = u32::from(*opacity);
                        let parts = [*red, *green, *blue].map(|sample| u32::from(sample) * weight);
                        *sum = [sum[0] + parts[0], sum[1] + parts[1], sum[2] + parts[2], sum[3] + weight];
                    }
                } else {
                    for (sum, sample) in sums.iter_mut().zip(row) {
                        *sum += u16::from(*sample);
                    }
                }
                *rows += 1;
                if *rows == self.factor {
                    self.close_row();
                }
            }
            Gathered::Nothing | Gathered::Cells { .. } => self.samples.extend_from_slice(row),
        }
    }

    /// The pixels of row `y` that stand at `first`, and every `step` after it.
    pub(crate) fn scatter(&mut self, pixels: &[u8], (first, step): (u32, u32), y: u32) {
        let (channels, factor, across) = (self.channels, self.factor, self.reduced.0 as usize);
        let cell_row = (y as usize / factor) * across;
        let columns = (first as usize..self.width).step_by(step as usize);
        for (x, pixel) in columns.zip(pixels.chunks_exact(channels)) {
            let at = (cell_row + x / factor) * channels;
            match &mut self.gathered {
                Gathered::Cells { sums } => {
                    let cell = &mut sums[at..at + channels];
                    if let [red, green, blue, opacity] = *pixel {
                        let weight = u32::from(opacity);
                        for (sum, sample) in cell.iter_mut().zip([red, green, blue]) {
                            *sum += u32::from(sample) * weight;
                        }
                        cell[3] += weight;
                    } else {
                        for (sum, sample) in cell.iter_mut().zip(pixel) {
                            *sum += u32::from(*sample);
                        }
                    }
                }
                Gathered::Nothing | Gathered::Columns { .. } => {
                    self.samples[at..at + channels].copy_from_slice(pixel);
                }
            }
        }
    }

    /// The reduced picture, once all rows were given.
    pub(crate) fn finish(mut self) -> Result<Plane, Unthumbnailable> {
        if matches!(self.gathered, Gathered::Columns { rows: 1.., .. }) {
            self.close_row();
        }
        if let Gathered::Cells { sums } = &self.gathered {
            let rows = sums.chunks_exact(self.reduced.0 as usize * self.channels);
            for (y, row) in rows.enumerate() {
                let down = self.factor.min(self.height - y * self.factor);
                for (x, cell) in row.chunks_exact(self.channels).enumerate() {
                    let mean = Mean::of(self.factor.min(self.width - x * self.factor) * down);
                    match *cell {
                        [red, green, blue, opacity] => {
                            self.samples.extend(uncovered([red, green, blue, opacity], mean));
                        }
                        _ => self.samples.extend(cell.iter().map(|sum| mean.rounded(*sum))),
                    }
                }
            }
        }
        Plane::new(self.reduced.0, self.reduced.1, self.channels, self.samples)
    }

    /// Turns what was gathered of the last rows into one row of the result.
    fn close_row(&mut self) {
        let Gathered::Columns { sums, weighed, shows_through, rows } = &mut self.gathered else { return };
        match self.channels {
            1 => close::<1>(sums.as_chunks().0, self.factor, *rows, &mut self.samples),
            3 => close::<3>(sums.as_chunks().0, self.factor, *rows, &mut self.samples),
            _ if *shows_through => close_weighed(weighed, self.factor, *rows, &mut self.samples),
            // Where everything weighs the same, weighing changes nothing: not even what is rounded.
            _ => close::<4>(sums.as_chunks().0, self.factor, *rows, &mut self.samples),
        }
        // What has shown something through once is taken to do so to its end: looking for it anew costs more than weighing.
        if *shows_through {
            weighed.fill([0; 4]);
        } else {
            sums.fill(0);
        }
        *rows = 0;
    }
}

/// Looked at as a whole row, which is quicker than stopping at the first that is not.
fn is_opaque(pixels: &[[u8; 4]]) -> bool {
    pixels.iter().fold(u8::MAX, |all, pixel| all & pixel[3]) == u8::MAX
}

/// One row of means, of the column sums of so many rows.
fn close<const CHANNELS: usize>(sums: &[[u16; CHANNELS]], factor: usize, rows: usize, samples: &mut Vec<u8>) {
    let add = |cell: &[[u16; CHANNELS]]| match *cell {
        // The factor of most pictures.
        [one, other] => std::array::from_fn(|at| u32::from(one[at]) + u32::from(other[at])),
        _ => cell.iter().fold([0; CHANNELS], |sum: [u32; CHANNELS], part| {
            std::array::from_fn(|at| sum[at] + u32::from(part[at]))
        }),
    };
    let cells = sums.chunks_exact(factor);
    let narrower = cells.remainder();
    // First all are added, then all divided: so many are divided at once.
    let added: Vec<[u32; CHANNELS]> = cells.map(add).collect();
    let mean = Mean::of(factor * rows);
    if factor * rows <= Mean::FEW {
        samples.extend(added.as_flattened().iter().map(|sum| mean.rounded_of_few(*sum)));
    } else {
        samples.extend(added.as_flattened().iter().map(|sum| mean.rounded(*sum)));
    }
    if !narrower.is_empty() {
        let mean = Mean::of(narrower.len() * rows);
        samples.extend(add(narrower).map(|sum| mean.rounded(sum)));
    }
}

/// The same, of colours that were weighed by the opacity behind them.
fn close_weighed(sums: &[[u32; 4]], factor: usize, rows: usize, samples: &mut Vec<u8>) {
    let usual = Mean::of(factor * rows);
    for cell in sums.chunks(factor) {
        let mean = if cell.len() == factor { usual } else { Mean::of(cell.len() * rows) };
        let sum =
            cell.iter().fold([0; 4], |sum: [u32; 4], part| std::array::from_fn(|at| sum[at] + part[at]));
        samples.extend(uncovered(sum, mean));
    }
}

/// A colour out of a sum that was weighed by opacity, and the mean opacity.
fn uncovered([red, green, blue, opacity]: [u32; 4], mean: Mean) -> [u8; 4] {
    let colour = |sum: u32| u8::try_from((sum + opacity / 2) / opacity.max(1)).unwrap_or(u8::MAX);
    [colour(red), colour(green), colour(blue), mean.rounded(opacity)]
}

/// Divides by a number of samples, by multiplying.
#[derive(Clone, Copy)]
struct Mean {
    half: u32,
    share: u64,
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a mean of bytes is one, and there are at most 2¹⁶ of them"
)]
impl Mean {
    /// Enough for sums of 24 bits of up to 2¹⁶ samples: the result is that of a division.
    const BITS: u32 = 40;

    /// So many samples' sum, times a share of 24 bits, fits into 32.
    const FEW: usize = 256;

    fn of(samples: usize) -> Self {
        let samples = samples.max(1) as u64;
        Self { half: (samples / 2) as u32, share: (1_u64 << Self::BITS).div_ceil(samples) }
    }

    fn rounded(self, sum: u32) -> u8 {
        ((u64::from(sum + self.half) * self.share) >> Self::BITS) as u8
    }

    /// The same for at most `FEW` samples, of which more are divided at once.
    fn rounded_of_few(self, sum: u32) -> u8 {
        let share = ((self.share - 1) >> (Self::BITS - 24)) as u32 + 1;
        (((sum + self.half) * share) >> 24) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_what_division_makes_of_it() {
        for count in 1..=Mean::FEW {
            let mean = Mean::of(count);
            let whole = u32::try_from(count).unwrap_or_default();
            for sum in 0..=255 * whole {
                let expected = (sum + whole / 2) / whole;
                assert_eq!(u32::from(mean.rounded(sum)), expected, "{sum} / {count}");
                assert_eq!(u32::from(mean.rounded_of_few(sum)), expected, "{sum} / {count}");
            }
        }
    }
}
