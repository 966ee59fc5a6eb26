//! Planes as blocks of eight by eight, in the order in which one scan interleaves them.

use crate::raster::Plane;

/// One component's plane, cut into blocks. What lies beyond its edge repeats the edge.
pub(super) struct Grid<'a> {
    plane: &'a Plane,
}

impl<'a> Grid<'a> {
    pub(super) fn new(plane: &'a Plane) -> Self {
        Self { plane }
    }

    fn columns(&self) -> usize {
        self.plane.width.div_ceil(8) as usize
    }

    fn rows(&self) -> usize {
        self.plane.height.div_ceil(8) as usize
    }

    /// The samples of a block, each less 128 (T.81, A.3.1).
    pub(super) fn read(&self, column: usize, row: usize, block: &mut [f32; 64]) {
        let (width, height) = (self.plane.width as usize, self.plane.height as usize);
        let (left, top) = (column * 8, row * 8);
        let samples = &self.plane.samples;
        let mut bytes = [[0; 8]; 8];
        if left + 8 <= width && top + 8 <= height {
            let stored = &samples[top * width + left..][..7 * width + 8];
            for (line, stored) in bytes.iter_mut().zip(stored.chunks(width)) {
                *line = stored.first_chunk().copied().unwrap_or_default();
            }
        } else {
            for (y, line) in bytes.iter_mut().enumerate() {
                let stored = &samples[(top + y).min(height - 1) * width..][..width];
                *line = std::array::from_fn(|x| stored[(left + x).min(width - 1)]);
            }
        }
        // All of them at once, so that the compiler takes many at a time.
        for (value, sample) in block.iter_mut().zip(bytes.as_flattened()) {
            *value = f32::from(*sample) - 128.0;
        }
    }
}

/// Component, column and row of every block: one component alone row by row (T.81, A.2.2), or four blocks of brightness and
/// one of each colour for every sixteen by sixteen pixels (A.2.3).
pub(super) fn scan_order(grids: &[Grid<'_>]) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
    let (columns, rows) = (grids[0].columns(), grids[0].rows());
    let components = grids.len();
    let unit = if components == 1 { 1 } else { 2 };
    let units = (0..rows.div_ceil(unit)).flat_map(move |y| (0..columns.div_ceil(unit)).map(move |x| (x, y)));
    units.flat_map(move |(x, y)| {
        let of_luma = (0..unit).flat_map(move |v| (0..unit).map(move |h| (0, x * unit + h, y * unit + v)));
        of_luma.chain((1..components).map(move |component| (component, x, y)))
    })
}
