//! What a frame header says: how large, of which components, sampled how (T.81, B.2.2).

use crate::{eighths::Eighths, error::Error, plane::Plane, segments::Segment};

/// A picture's size and its components.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) is_progressive: bool,
    /// Why this decoder does not decode it.
    pub(crate) unsupported: Option<&'static str>,
    /// Its components' names, also of a frame that is not decoded.
    pub(crate) ids: Vec<u8>,
    pub(crate) components: Vec<Component>,
    /// MCUs in a row, and rows of them, in a scan of several components.
    pub(crate) mcus: (usize, usize),
}

/// One component of a picture.
#[derive(Clone, Debug)]
pub(crate) struct Component {
    pub(crate) id: u8,
    /// Blocks beside and above one another in an MCU.
    pub(crate) sampling: (usize, usize),
    /// Which quantisation table is its own.
    pub(crate) quantizer: usize,
    /// Blocks in a row, and rows of them, that show something of the picture; a scan of this component alone has no others.
    pub(crate) shown: (usize, usize),
    /// Blocks in a row, and rows of them, padded to whole MCUs.
    pub(crate) blocks: (usize, usize),
    /// Its samples in a row, and rows of them, rounded up (T.81, A.1.1).
    samples: (usize, usize),
    /// The same, unrounded.
    exact: (f64, f64),
}

/// Whether a marker begins a frame, of whichever kind (T.81, table B.1).
pub(crate) fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

impl Frame {
    /// Reads a frame header.
    pub(crate) fn parse(segment: Segment<'_>) -> Result<Self, Error> {
        let [precision, h1, h0, w1, w0, count, specifications @ ..] = segment.payload else {
            return Err(Error::Broken("a frame header that is too short"));
        };
        let height = usize::from(u16::from_be_bytes([*h1, *h0]));
        let width = usize::from(u16::from_be_bytes([*w1, *w0]));
        if width == 0 {
            return Err(Error::Broken("a picture without width"));
        }
        let (specifications, _) = specifications.as_chunks::<3>();
        let specifications = specifications.get(..usize::from(*count));
        let specifications = specifications.ok_or(Error::Broken("a frame header that is too short"))?;
        let unsupported = why_not(segment.marker, *precision, height, specifications.len());
        let mut frame = Self {
            width,
            height,
            is_progressive: matches!(segment.marker, 0xc2 | 0xc6 | 0xca | 0xce),
            unsupported,
            ids: specifications.iter().map(|[id, ..]| *id).collect(),
            components: Vec::new(),
            mcus: (0, 0),
        };
        if unsupported.is_none() {
            frame.sample(specifications)?;
        }
        Ok(frame)
    }

    /// A component's plane at so many eighths, without its samples.
    pub(crate) fn plane(&self, component: usize, eighths: Eighths) -> Plane {
        let component = &self.components[component];
        let n = eighths.count();
        let shrink = |exact: f64| exact * f64::from([0, 1, 2, 3, 4][n]) / 8.0;
        Plane {
            width: (component.samples.0 * n).div_ceil(8),
            height: (component.samples.1 * n).div_ceil(8),
            exact_width: shrink(component.exact.0),
            exact_height: shrink(component.exact.1),
            stride: component.blocks.0 * n,
            samples: Vec::new(),
        }
    }

    fn sample(&mut self, specifications: &[[u8; 3]]) -> Result<(), Error> {
        let parts = |factors: u8| (usize::from(factors >> 4), usize::from(factors & 15));
        // One component alone is never interleaved, whatever its factors say (T.81, A.2.2).
        let is_alone = specifications.len() == 1;
        let of = |factors| if is_alone { (1, 1) } else { parts(factors) };
        let mut max = (1, 1);
        for (index, [id, factors, quantizer]) in specifications.iter().enumerate() {
            let (across, down) = parts(*factors);
            if !(1..=4).contains(&across) || !(1..=4).contains(&down) {
                return Err(Error::Broken("sampling factors that there are not"));
            }
            if specifications[..index].iter().any(|[other, ..]| other == id) {
                return Err(Error::Broken("two components of one name"));
            }
            if *quantizer > 3 {
                return Err(Error::Broken("a quantisation table that there is not"));
            }
            let (across, down) = of(*factors);
            max = (max.0.max(across), max.1.max(down));
        }
        self.mcus = (self.width.div_ceil(8 * max.0), self.height.div_ceil(8 * max.1));
        self.components = specifications
            .iter()
            .map(|[id, factors, quantizer]| {
                let sampling = of(*factors);
                let samples =
                    ((self.width * sampling.0).div_ceil(max.0), (self.height * sampling.1).div_ceil(max.1));
                Component {
                    id: *id,
                    sampling,
                    quantizer: usize::from(*quantizer),
                    shown: (samples.0.div_ceil(8), samples.1.div_ceil(8)),
                    blocks: (self.mcus.0 * sampling.0, self.mcus.1 * sampling.1),
                    samples,
                    exact: (share(self.width, sampling.0, max.0), share(self.height, sampling.1, max.1)),
                }
            })
            .collect();
        Ok(())
    }
}

impl Component {
    /// All of its blocks, the padding among them.
    pub(crate) fn block_count(&self) -> usize {
        self.blocks.0 * self.blocks.1
    }
}

fn why_not(marker: u8, precision: u8, height: usize, components: usize) -> Option<&'static str> {
    match marker {
        0xc0..=0xc2 => {}
        0xc3 => return Some("lossless"),
        0xc5..=0xc7 | 0xcd..=0xcf => return Some("hierarchical"),
        _ => return Some("arithmetic coding"),
    }
    if precision != 8 {
        return Some("samples of other than 8 bits");
    }
    if height == 0 {
        return Some("the height comes after the first scan");
    }
    (!matches!(components, 1 | 3 | 4)).then_some("neither one, three nor four components")
}

/// How many samples a component has in a row, or rows, unrounded.
#[expect(clippy::cast_precision_loss, reason = "none of them is above 4 × 65 535")]
fn share(pixels: usize, factor: usize, max: usize) -> f64 {
    (pixels * factor) as f64 / max as f64
}
