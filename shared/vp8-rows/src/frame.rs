//! A frame, decoded from its first row of macroblocks to its last.

use crate::{
    canvas::{Above, Canvas, FIRST, SECOND, piece},
    error::Error,
    header::{Header, Tag},
    modes::{Luma, Modes},
    predict::Edges,
    residue::Residue,
    rows::Rows,
    tokens::{self, Edge},
};

/// What decoding takes besides what the frame's width demands, in bytes.
const FIXED_BYTES: usize = 16 * 1024;

/// A key frame whose header was read.
pub struct Frame<'a> {
    tag: Tag<'a>,
    header: Header<'a>,
}

impl<'a> Frame<'a> {
    /// Reads the header of what a `VP8 ` chunk holds.
    pub fn read(bitstream: &'a [u8]) -> Result<Self, Error> {
        let tag = Tag::read(bitstream)?;
        let header = tag.header()?;
        Ok(Self { tag, header })
    }

    /// Pixels across.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.tag.width
    }

    /// Pixels down.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.tag.height
    }

    /// How much memory [`Frame::rows`] allocates at most, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let samples = 16 * 16 + 2 * 8 * 8;
        FIXED_BYTES + self.columns() * (samples + size_of::<Edge>() + 4)
    }

    /// Decodes the frame, and hands out what each row of macroblocks has become. `keep_going` is asked before each.
    pub fn rows(&self, keep_going: &dyn Fn() -> bool, mut take: impl FnMut(&Rows<'_>)) -> Result<(), Error> {
        let columns = self.columns();
        let mut modes = Modes::new(&self.header, columns);
        let mut partitions = self.header.partitions.clone();
        let count = partitions.len();
        let mut above = vec![Edge::default(); columns];
        let mut strip = Strip::new(columns);
        let mut canvas = Canvas::new();
        let mut residue = Residue::new();
        for row in 0..self.tag.height.div_ceil(16) as usize {
            if !keep_going() {
                return Err(Error::Stopped);
            }
            let bools = &mut partitions[row % count];
            let mut left = Edge::default();
            modes.start_row();
            canvas.start_row(row == 0);
            for (column, above) in above.iter_mut().enumerate() {
                let macroblock = modes.next(column);
                let has_means = matches!(macroblock.luma, Luma::Whole(_));
                if macroblock.is_skipped {
                    above.clear(has_means);
                    left.clear(has_means);
                } else {
                    let quantizer = &self.header.quantizers[macroblock.segment];
                    let edges = (above, &mut left);
                    tokens::read(bools, &self.header.tokens, quantizer, has_means, edges, &mut residue);
                }
                canvas.set_above(&strip.above(column));
                let edges = Edges { above: row > 0, left: column > 0 };
                canvas.draw(&macroblock, edges, &mut residue);
                strip.put(column, &canvas);
                canvas.step();
            }
            take(&strip.rows((self.tag.width, self.tag.height), row));
        }
        Ok(())
    }

    fn columns(&self) -> usize {
        self.tag.width.div_ceil(16) as usize
    }
}

/// One row of macroblocks, finished; while the next one is made, what is not replaced of it yet is what that is predicted from.
struct Strip {
    columns: usize,
    luma: Vec<[u8; 16]>,
    chroma: [Vec<[u8; 8]>; 2],
}

impl Strip {
    /// Above the first row is 127 everywhere.
    fn new(columns: usize) -> Self {
        let chroma = vec![[127; 8]; 8 * columns];
        Self { columns, luma: vec![[127; 16]; 16 * columns], chroma: [chroma.clone(), chroma] }
    }

    fn above(&self, column: usize) -> Above {
        let luma = &self.luma[15 * self.columns..];
        let right = match luma.get(column + 1) {
            Some([first, second, third, fourth, ..]) => [*first, *second, *third, *fourth],
            None => [luma[column][15]; 4],
        };
        let chroma = [0, 1].map(|plane: usize| self.chroma[plane][7 * self.columns + column]);
        Above { luma: luma[column], right, chroma }
    }

    fn put(&mut self, column: usize, canvas: &Canvas) {
        for (to, row) in self.luma.chunks_exact_mut(self.columns).zip(&canvas.luma[1..]) {
            to[column] = piece(row, FIRST);
        }
        for (plane, first) in self.chroma.iter_mut().zip([FIRST, SECOND]) {
            for (to, row) in plane.chunks_exact_mut(self.columns).zip(&canvas.chroma[1..]) {
                to[column] = piece(row, first);
            }
        }
    }

    fn rows(&self, size: (u32, u32), row: usize) -> Rows<'_> {
        let chroma = [0, 1].map(|plane: usize| self.chroma[plane].as_flattened());
        Rows::new(self.luma.as_flattened(), chroma, self.columns, size, row)
    }
}
