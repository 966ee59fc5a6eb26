//! The blocks of a scan of a sequential picture: each is there as a whole, and is done with at once (T.81, F.2).
#![expect(clippy::inline_always, reason = "the innermost loop: one body for each size")]
#![expect(clippy::cast_possible_truncation, reason = "frequencies of more than 16 bits are no picture's")]

use std::ops::Range;

use crate::{
    bits::{Bits, Reader},
    decode::Budget,
    error::Error,
    frame::Frame,
    huffman::{Ac, Codes, END_OF_BLOCK, Openers, frequencies},
    intervals::Intervals,
    plane::Plane,
    scan::{Part, Scan},
    transform::Transform,
    zigzag::{BLOCK, Wanted},
};

/// Decodes a scan into the planes of its components. Returns how many bytes of the data were read.
pub(crate) fn scan<const N: usize>(
    scan: &Scan<'_>,
    frame: &Frame,
    planes: &mut [Plane],
    budget: &Budget<'_>,
) -> Result<usize, Error> {
    let coders = coders::<N>(scan)?;
    let mut units = Vec::new();
    for (index, part) in scan.parts.iter().enumerate() {
        let coder = coders.iter().find(|coder| coder.is_of(*part));
        let coder = coder.ok_or(Error::Broken("a Huffman table is missing"))?;
        let steps = scan.quantizer(*part, frame)?;
        let (across, down) = scan.sampling(*part, frame);
        for (row, column) in (0..down).flat_map(|row| (0..across).map(move |column| (row, column))) {
            units.push(Unit {
                prediction: index,
                plane: part.component,
                coder,
                transform: Transform::new::<N>(&steps),
                sampling: (across, down),
                place: (column, row),
                at: 0,
            });
        }
    }
    let mut samples: Vec<_> = planes.iter_mut().map(|plane| (&mut plane.samples[..], plane.stride)).collect();
    let mut reader = Reader::new(scan.data);
    let mut intervals = Intervals::new(scan.mcus(frame), scan.tables.restart_interval);
    while intervals.begin(&mut reader) {
        let mut bits = Bits::default();
        let mut predictions = [0; 4];
        while let Some((row, range)) = intervals.next_run() {
            budget.ask()?;
            for unit in &mut units {
                unit.start::<N>(row, range.start, samples[unit.plane].1);
            }
            match run::<N>(&mut reader, bits, &mut units, &mut samples, &mut predictions, range) {
                Some(after) => bits = after,
                None => break,
            }
        }
    }
    Ok(reader.read())
}

/// The tables by which blocks of a component are read.
struct Coder {
    /// Which definitions they are of.
    slots: (usize, usize),
    dc: Codes,
    ac: Ac,
    /// At 1/8 only.
    openers: Option<Openers>,
}

impl Coder {
    fn is_of(&self, part: Part) -> bool {
        self.slots == (part.dc, part.ac)
    }
}

/// Those of a scan, each once: components often share them.
fn coders<const N: usize>(scan: &Scan<'_>) -> Result<Vec<Coder>, Error> {
    let mut coders: Vec<Coder> = Vec::new();
    for part in &scan.parts {
        if coders.iter().any(|coder| coder.is_of(*part)) {
            continue;
        }
        let means = scan.tables.dc(part.dc)?;
        let (dc, ac) = (Codes::of_means(means)?, Ac::new(scan.tables.ac(part.ac)?)?);
        let openers = (N == 1).then(|| Openers::new(means, &ac));
        coders.push(Coder { slots: (part.dc, part.ac), dc, ac, openers });
    }
    Ok(coders)
}

/// One block of every MCU.
struct Unit<'t> {
    /// Which prediction is its component's.
    prediction: usize,
    /// Which plane is its component's.
    plane: usize,
    coder: &'t Coder,
    transform: Transform,
    /// Blocks of its component in an MCU, across and down.
    sampling: (usize, usize),
    /// Which of them it is.
    place: (usize, usize),
    /// Where in the plane's samples the block of the next MCU begins.
    at: usize,
}

impl Unit<'_> {
    fn start<const N: usize>(&mut self, row: usize, column: usize, stride: usize) {
        let row = row * self.sampling.1 + self.place.1;
        let column = column * self.sampling.0 + self.place.0;
        self.at = (row * stride + column) * N;
    }
}

/// Decodes MCUs that are beside one another. Nothing when the data ended before they did; the last is completed with zeros, and
/// what comes after it is left alone.
#[inline(never)]
fn run<const N: usize>(
    reader: &mut Reader<'_>,
    mut bits: Bits,
    units: &mut [Unit<'_>],
    planes: &mut [(&mut [u8], usize)],
    predictions: &mut [i32; 4],
    columns: Range<usize>,
) -> Option<Bits> {
    for _ in columns {
        bits = reader.top_up(bits);
        let plain = reader.plain();
        for unit in &mut *units {
            let (samples, stride) = &mut planes[unit.plane];
            let prediction = &mut predictions[unit.prediction];
            if N == 1 {
                let difference;
                (bits, difference) = mean(bits, plain, unit.coder);
                *prediction = prediction.wrapping_add(difference);
                samples[unit.at] = unit.transform.one(*prediction as i16);
            } else {
                let mut block = [0; BLOCK];
                let (difference, flat);
                (bits, difference, flat) = low_frequencies::<N>(bits, plain, unit.coder, &mut block);
                *prediction = prediction.wrapping_add(difference);
                block[0] = *prediction as i16;
                if let Some(block) = block.first_chunk() {
                    unit.transform.write::<N>(block, flat, &mut samples[unit.at..], *stride);
                }
            }
            unit.at += unit.sampling.0 * N;
        }
        if reader.is_spent(bits) {
            return None;
        }
    }
    Some(bits)
}

/// Reads a block's mean, as its difference from the one before, and skips all else.
#[inline(always)]
fn mean(mut bits: Bits, plain: &[u8], coder: &Coder) -> (Bits, i32) {
    bits.refill(plain);
    if let Some((difference, entry)) = coder.openers.as_ref().and_then(|openers| openers.next(bits)) {
        bits.skip(entry);
        let done = frequencies(entry);
        if done as u32 & END_OF_BLOCK != 0 {
            return (bits, difference);
        }
        (skip_rest::<3>(bits, plain, &coder.ac, 1 + done), difference)
    } else {
        let code = coder.dc.next(&mut bits, plain);
        let difference = code.value(bits);
        bits.skip(code.total());
        bits.refill(plain);
        (skip_rest::<4>(bits, plain, &coder.ac, 1), difference)
    }
}

/// Reads a block's wanted frequencies, the first as its difference from the one before, and skips the others. Says whether that
/// first one is all.
#[inline(always)]
fn low_frequencies<const N: usize>(
    mut bits: Bits,
    plain: &[u8],
    coder: &Coder,
    block: &mut [i16; BLOCK],
) -> (Bits, i32, bool) {
    // Of each window two codes are read with what is behind them.
    bits.refill(plain);
    let code = coder.dc.next(&mut bits, plain);
    let difference = code.value(bits);
    bits.skip(code.total());
    let mut at;
    (bits, at) = frequency::<N>(bits, plain, &coder.ac, 1, block);
    let flat = at == ENDED;
    while at <= Wanted::<N>::LAST {
        bits.refill(plain);
        (bits, at) = frequency::<N>(bits, plain, &coder.ac, at, block);
        if at <= Wanted::<N>::LAST {
            (bits, at) = frequency::<N>(bits, plain, &coder.ac, at, block);
        }
    }
    if at > 63 {
        return (bits, difference, flat);
    }
    bits.refill(plain);
    (skip_rest::<4>(bits, plain, &coder.ac, at), difference, flat)
}

/// What comes after a frequency when no more do.
const ENDED: usize = 128;

/// Reads one frequency, before which so many have been read. Returns how many have been read then.
#[inline(always)]
fn frequency<const N: usize>(
    mut bits: Bits,
    plain: &[u8],
    ac: &Ac,
    before: usize,
    block: &mut [i16; BLOCK],
) -> (Bits, usize) {
    let code = ac.codes.next(&mut bits, plain);
    let at = before + code.run() as usize;
    if code.size() == 0 {
        bits.skip(code.total());
        return (bits, if code.run() == 15 { at + 1 } else { ENDED });
    }
    block[usize::from(Wanted::<N>::PLACES[at & 127]) % BLOCK] = code.value(bits) as i16;
    bits.skip(code.total());
    (bits, at + 1)
}

/// Goes to the end of a block of which so many frequencies are read. The window must hold bits for so many look-ups.
#[inline(always)]
fn skip_rest<const LOOKUPS: usize>(bits: Bits, plain: &[u8], ac: &Ac, before: usize) -> Bits {
    let (mut bits, mut at) = skip_some::<LOOKUPS>(bits, plain, ac, before);
    while at < 64 {
        bits.refill(plain);
        (bits, at) = skip_some::<4>(bits, plain, ac, at);
    }
    bits
}

/// Goes on in a block of which so many frequencies are read, so many look-ups far. Returns how many frequencies are read then.
#[inline(always)]
fn skip_some<const LOOKUPS: usize>(mut bits: Bits, plain: &[u8], ac: &Ac, mut at: usize) -> (Bits, usize) {
    for _ in 0..LOOKUPS {
        let entry = ac.skips.next(bits);
        let next = at + frequencies(entry);
        if next < 64 {
            bits.skip(entry);
            at = next;
            continue;
        }
        if next >= END_OF_BLOCK as usize && next & 511 < 64 {
            bits.skip(entry);
            return (bits, ENDED);
        }
        // A code that is too long for the table, or a block that ends without saying so: one by one.
        bits.refill(plain);
        let code = ac.codes.next(&mut bits, plain);
        bits.skip(code.total());
        let is_end = code.size() == 0 && code.run() != 15;
        return (bits, if is_end { ENDED } else { at + code.run() as usize + 1 });
    }
    (bits, at)
}
