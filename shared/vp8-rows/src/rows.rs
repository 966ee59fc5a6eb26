//! What is handed out: some rows of each plane.

/// The rows of one row of macroblocks, cut to the picture.
pub struct Rows<'a> {
    /// Brightness: sixteen rows, or what is left of the picture.
    pub luma: Lines<'a>,
    /// The difference to blue, of half as many samples each way, rounded up.
    pub u: Lines<'a>,
    /// The difference to red.
    pub v: Lines<'a>,
}

/// Some rows of one plane.
#[derive(Clone, Copy)]
pub struct Lines<'a> {
    samples: &'a [u8],
    stride: usize,
    width: usize,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(
        luma: &'a [u8],
        [u, v]: [&'a [u8]; 2],
        columns: usize,
        (width, height): (u32, u32),
        row: usize,
    ) -> Self {
        let (width, height) = (width as usize, height as usize);
        let left = (height - 16 * row).min(16);
        let lines = |samples: &'a [u8], stride: usize, width: usize, count: usize| Lines {
            samples: &samples[..stride * count],
            stride,
            width,
        };
        let chroma = |samples| lines(samples, 8 * columns, width.div_ceil(2), left.div_ceil(2));
        Self { luma: lines(luma, 16 * columns, width, left), u: chroma(u), v: chroma(v) }
    }
}

impl<'a> Lines<'a> {
    /// From top to bottom.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let width = self.width;
        self.samples.chunks_exact(self.stride).map(move |line| &line[..width])
    }
}
