//! What a frame says of itself before its first macroblock (sections 9 and 19.2).

use crate::{
    bools::Bools,
    error::Error,
    partitions,
    quantizers::{Adjustments, Quantizer},
    tokens::Probabilities,
};

/// Kinds of macroblocks that may have quantizers of their own.
pub(crate) const SEGMENTS: usize = 4;

/// The part that is not compressed: a tag, a start code and the size.
const TAG_BYTES: usize = 10;

/// A size, and where the rest begins.
pub(crate) struct Tag<'a> {
    pub(crate) width: u32,
    pub(crate) height: u32,
    first_partition: &'a [u8],
    behind_it: &'a [u8],
}

/// All that the macroblocks are read by.
pub(crate) struct Header<'a> {
    /// The modes of the macroblocks, which follow the header.
    pub(crate) modes: Bools<'a>,
    /// Their frequencies: rows of macroblocks take turns with these.
    pub(crate) partitions: Vec<Bools<'a>>,
    /// How the segment of a macroblock is told, where it is.
    pub(crate) segment_probabilities: Option<[u8; 3]>,
    /// The quantizer of each segment.
    pub(crate) quantizers: [Quantizer; SEGMENTS],
    pub(crate) tokens: Probabilities,
    /// How likely a macroblock is to have frequencies, where those that have none are marked.
    pub(crate) skip_probability: Option<u8>,
}

impl<'a> Tag<'a> {
    pub(crate) fn read(bitstream: &'a [u8]) -> Result<Self, Error> {
        let (tag, rest) = bitstream.split_first_chunk::<TAG_BYTES>().ok_or(Error::Broken("no header"))?;
        let [t0, t1, t2, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] = *tag else {
            return Err(Error::Broken("no start code"));
        };
        let tag = u32::from_le_bytes([t0, t1, t2, 0]);
        if tag & 1 != 0 {
            return Err(Error::Broken("no key frame"));
        }
        if tag >> 1 & 7 > 3 {
            return Err(Error::Broken("an unknown version"));
        }
        if tag >> 4 & 1 == 0 {
            return Err(Error::Broken("a frame that is not to be shown"));
        }
        // Above each side is how it should be scaled afterwards, which nobody does.
        let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
        let (width, height) = (side(w0, w1), side(h0, h1));
        if width == 0 || height == 0 {
            return Err(Error::Broken("no pixels"));
        }
        let cut_short = Error::Broken("a first partition that is cut short");
        let (first_partition, behind_it) = rest.split_at_checked((tag >> 5) as usize).ok_or(cut_short)?;
        Ok(Self { width, height, first_partition, behind_it })
    }

    pub(crate) fn header(&self) -> Result<Header<'a>, Error> {
        let mut bools = Bools::new(self.first_partition);
        // The colour space, of which there is one, and whether samples need no clamping, which does them no harm.
        bools.number(2);
        let segments = Segments::read(&mut bools);
        skip_filter(&mut bools);
        let partitions = partitions::split(self.behind_it, bools.number(2))?;
        let (base, adjustments) = (i32::from(bools.number(7)), Adjustments::read(&mut bools));
        let quantizers = segments.indices(base).map(|index| Quantizer::new(index, &adjustments));
        // Whether later frames know these probabilities: there are none.
        bools.flag();
        let tokens = Probabilities::read(&mut bools);
        let skip_probability = bools.flag().then(|| bools.number(8));
        let segment_probabilities = segments.probabilities;
        Ok(Header { modes: bools, partitions, segment_probabilities, quantizers, tokens, skip_probability })
    }
}

/// Section 9.3.
#[derive(Default)]
struct Segments {
    is_enabled: bool,
    is_absolute: bool,
    quantizers: [i32; SEGMENTS],
    probabilities: Option<[u8; 3]>,
}

impl Segments {
    fn read(bools: &mut Bools<'_>) -> Self {
        let mut segments = Self { is_enabled: bools.flag(), ..Self::default() };
        if !segments.is_enabled {
            return segments;
        }
        let (has_map, has_values) = (bools.flag(), bools.flag());
        if has_values {
            segments.is_absolute = bools.flag();
            segments.quantizers = segments.quantizers.map(|_| bools.optional(7).unwrap_or_default());
            // How much to filter.
            for _ in 0..SEGMENTS {
                bools.optional(6);
            }
        }
        if has_map {
            segments.probabilities =
                Some([0; 3].map(|_| if bools.flag() { bools.number(8) } else { u8::MAX }));
        }
        segments
    }

    fn indices(&self, base: i32) -> [i32; SEGMENTS] {
        let is_base_known = self.is_enabled && self.is_absolute;
        self.quantizers.map(|quantizer| if is_base_known { quantizer } else { base + quantizer })
    }
}

/// The loop filter's kind, level, sharpness, and what changes them (sections 9.3 and 9.6).
fn skip_filter(bools: &mut Bools<'_>) {
    bools.number(1);
    bools.number(6);
    bools.number(3);
    let has_adjustments = bools.flag();
    let are_updated = has_adjustments && bools.flag();
    if are_updated {
        for _ in 0..8 {
            bools.optional(6);
        }
    }
}
