//! What a scan header says: of which components, with which codes, which frequencies (T.81, B.2.3).

use crate::{
    error::Error,
    frame::{Frame, is_frame},
    progression::MAX_SCANS,
    segments::{SOS, Segments},
    tables::Tables,
};

/// Blocks in an MCU, at most (T.81, B.2.3).
pub(crate) const MAX_BLOCKS_IN_MCU: usize = 10;

/// One pass over the picture.
#[derive(Clone)]
pub(crate) struct Scan<'a> {
    /// Its data, and all that comes after.
    pub(crate) data: &'a [u8],
    /// The definitions in force.
    pub(crate) tables: Tables<'a>,
    /// Whose blocks it holds, in order.
    pub(crate) parts: Vec<Part>,
    /// The first frequency in it (`Ss`).
    pub(crate) first: u8,
    /// The last frequency in it (`Se`).
    pub(crate) last: u8,
    /// How many low bits the scan before left out (`Ah`); 0 when there was none.
    pub(crate) high: u8,
    /// How many low bits this one leaves out (`Al`).
    pub(crate) low: u8,
}

/// A component's part in a scan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Which one of the frame's components.
    pub(crate) component: usize,
    /// Its table for mean values.
    pub(crate) dc: usize,
    /// Its table for all other frequencies.
    pub(crate) ac: usize,
}

impl<'a> Scan<'a> {
    fn parse(payload: &[u8], data: &'a [u8], tables: &Tables<'a>, frame: &Frame) -> Result<Self, Error> {
        const TOO_SHORT: Error = Error::Broken("a scan header that is too short");
        let (count, rest) = payload.split_first().ok_or(TOO_SHORT)?;
        let (selectors, rest) = rest.split_at_checked(2 * usize::from(*count)).ok_or(TOO_SHORT)?;
        let [first, last, bits, ..] = rest else { return Err(TOO_SHORT) };
        let mut parts = Vec::with_capacity(4);
        for [id, tables] in selectors.as_chunks::<2>().0 {
            let component = frame.components.iter().position(|component| component.id == *id);
            let component = component.ok_or(Error::Broken("a scan of a component that there is not"))?;
            if parts.iter().any(|part: &Part| part.component == component) {
                return Err(Error::Broken("a scan that has a component twice"));
            }
            parts.push(Part { component, dc: usize::from(tables >> 4), ac: usize::from(tables & 15) });
        }
        let blocks: usize =
            parts.iter().map(|part| frame.components[part.component].sampling).map(area).sum();
        if parts.is_empty() || (parts.len() > 1 && blocks > MAX_BLOCKS_IN_MCU) {
            return Err(Error::Broken("a scan of too few or too many blocks"));
        }
        Ok(Self { data, tables: *tables, parts, first: *first, last: *last, high: bits >> 4, low: bits & 15 })
    }

    /// The steps by which a component's frequencies are multiplied, in stored order.
    pub(crate) fn quantizer(&self, part: Part, frame: &Frame) -> Result<[u16; 64], Error> {
        self.tables.quantizer(frame.components[part.component].quantizer)
    }

    /// MCUs in a row, and rows of them.
    pub(crate) fn mcus(&self, frame: &Frame) -> (usize, usize) {
        match self.parts[..] {
            [part] => frame.components[part.component].shown,
            _ => frame.mcus,
        }
    }

    /// The blocks of the component that are beside and above one another in an MCU of this scan.
    pub(crate) fn sampling(&self, part: Part, frame: &Frame) -> (usize, usize) {
        if self.parts.len() == 1 { (1, 1) } else { frame.components[part.component].sampling }
    }

    /// The frequencies in it, as a set of bits.
    pub(crate) fn band(&self) -> u64 {
        (u64::MAX << self.first) & (u64::MAX >> (63 - self.last))
    }
}

/// The scans of a picture, one after the other, each with what is defined before it.
pub(crate) struct Scans<'a> {
    segments: Segments<'a>,
    frame: &'a Frame,
    tables: Tables<'a>,
    frames: usize,
    begun: usize,
}

impl<'a> Scans<'a> {
    /// Before the first.
    pub(crate) fn new(source: &'a [u8], frame: &'a Frame) -> Result<Self, Error> {
        Ok(Self { segments: Segments::new(source)?, frame, tables: Tables::default(), frames: 0, begun: 0 })
    }

    /// The next scan whose header is there. The data of the one before must have been skipped.
    pub(crate) fn next(&mut self) -> Result<Option<Scan<'a>>, Error> {
        while let Some(segment) = self.segments.next() {
            if segment.marker == SOS {
                self.begun += 1;
                if self.begun > MAX_SCANS {
                    return Err(Error::TooManyScans);
                }
                return Scan::parse(segment.payload, self.segments.rest(), &self.tables, self.frame)
                    .map(Some);
            }
            self.frames += usize::from(is_frame(segment.marker));
            if self.frames > 1 {
                return Err(Error::Broken("more than one frame"));
            }
            self.tables.define(segment)?;
        }
        Ok(None)
    }

    /// Goes over the data of the last scan, of which so many bytes are known to be its.
    pub(crate) fn skip(&mut self, read: usize) {
        self.segments.skip_scan(read);
    }
}

fn area((across, down): (usize, usize)) -> usize {
    across * down
}
