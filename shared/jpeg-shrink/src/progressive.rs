//! The blocks of a progressive picture: scan after scan adds to their frequencies (T.81, G.1.2 and G.2).
#![expect(clippy::inline_always, reason = "the innermost loops")]
#![expect(clippy::cast_possible_truncation, reason = "frequencies of more than 16 bits are no picture's")]

use crate::{
    bits::{Bits, Reader},
    decode::Budget,
    error::Error,
    frame::Frame,
    huffman::Codes,
    intervals::Intervals,
    plane::{MID_GREY, Plane},
    scan::Scan,
    transform::Transform,
    zigzag::{NOWHERE, Wanted},
};

/// The frequencies that are wanted at N/8 of the size, of all components.
pub(crate) struct Coefficients<const N: usize> {
    components: Vec<Component>,
}

/// Those of one.
struct Component {
    /// N × N for each block, in the order of [`Wanted::PLACES`].
    values: Vec<i16>,
    /// For each block, which of all of its frequencies are not zero so far. Not kept at 1/8, where only means are wanted.
    marks: Vec<u64>,
    /// Blocks in a row.
    columns: usize,
}

impl<const N: usize> Coefficients<N> {
    /// Of a picture of which nothing has been read: all zero.
    pub(crate) fn new(frame: &Frame) -> Self {
        let components = frame.components.iter().map(|component| Component {
            values: vec![0; component.block_count() * N * N],
            marks: vec![0; if N == 1 { 0 } else { component.block_count() }],
            columns: component.blocks.0,
        });
        Self { components: components.collect() }
    }

    /// Adds what a scan brings.
    pub(crate) fn add(&mut self, scan: &Scan<'_>, frame: &Frame, budget: &Budget<'_>) -> Result<(), Error> {
        match (scan.first, scan.high) {
            (0, 0) => self.first_means(scan, frame, budget),
            (0, _) => self.more_of_means(scan, frame, budget),
            (_, 0) => self.first_others(scan, frame, budget),
            (..) => self.more_of_others(scan, frame, budget),
        }
    }

    /// The planes, filled with what the frequencies come to. A component without quantiser has had no scan.
    pub(crate) fn finish(
        mut self,
        mut planes: Vec<Plane>,
        frame: &Frame,
        quantizers: &[Option<[u16; 64]>],
        budget: &Budget<'_>,
    ) -> Result<Vec<Plane>, Error> {
        // No longer needed, and the planes take as much memory.
        self.components.iter_mut().for_each(|component| component.marks = Vec::new());
        for (((plane, component), quantizer), shape) in
            planes.iter_mut().zip(self.components).zip(quantizers).zip(&frame.components)
        {
            plane.samples = vec![MID_GREY; shape.block_count() * N * N];
            let Some(steps) = quantizer else { continue };
            let transform = Transform::new::<N>(steps);
            let rows = plane.samples.chunks_exact_mut(plane.stride * N);
            for (row, blocks) in rows.zip(component.values.chunks_exact(component.columns * N * N)) {
                budget.ask()?;
                for (column, values) in blocks.chunks_exact(N * N).enumerate() {
                    let mut block = [0; 16];
                    block[..N * N].copy_from_slice(values);
                    let flat = N > 2 && block[1..].iter().fold(0, |any, value| any | value) == 0;
                    transform.write::<N>(&block, flat, &mut row[column * N..], plane.stride);
                }
            }
        }
        Ok(planes)
    }

    /// T.81, G.1.2.1: differences, as in a sequential picture, less some low bits.
    fn first_means(&mut self, scan: &Scan<'_>, frame: &Frame, budget: &Budget<'_>) -> Result<(), Error> {
        let codes: Result<Vec<_>, _> =
            scan.parts.iter().map(|part| Codes::of_means(scan.tables.dc(part.dc)?)).collect();
        let codes = codes?;
        self.each_mean(scan, frame, budget, |bits, plain, part, prediction, value| {
            let code = codes[part].next(bits, plain);
            *prediction = prediction.wrapping_add(code.value(*bits));
            bits.skip(code.total());
            *value = (*prediction << scan.low) as i16;
        })
    }

    /// T.81, G.1.2.1: one more bit of each.
    fn more_of_means(&mut self, scan: &Scan<'_>, frame: &Frame, budget: &Budget<'_>) -> Result<(), Error> {
        self.each_mean(scan, frame, budget, |bits, _, _, _, value| {
            *value |= (bits.take(1) as i16) << scan.low;
        })
    }

    /// Goes over the blocks of all components of a scan, with the prediction of each.
    #[inline(always)]
    fn each_mean(
        &mut self,
        scan: &Scan<'_>,
        frame: &Frame,
        budget: &Budget<'_>,
        read: impl Fn(&mut Bits, &[u8], usize, &mut i32, &mut i16),
    ) -> Result<(), Error> {
        let mut reader = Reader::new(scan.data);
        let mut intervals = Intervals::new(scan.mcus(frame), scan.tables.restart_interval);
        while intervals.begin(&mut reader) {
            let mut bits = Bits::default();
            let mut predictions = [0; 4];
            'interval: while let Some((row, columns)) = intervals.next_run() {
                budget.ask()?;
                for column in columns {
                    bits = reader.top_up(bits);
                    for (index, part) in scan.parts.iter().enumerate() {
                        let (across, down) = scan.sampling(*part, frame);
                        let component = &mut self.components[part.component];
                        for line in row * down..(row + 1) * down {
                            let first = line * component.columns + column * across;
                            for block in first..first + across {
                                bits.refill(reader.plain());
                                let value = &mut component.values[block * N * N];
                                read(&mut bits, reader.plain(), index, &mut predictions[index], value);
                            }
                        }
                    }
                    if reader.is_spent(bits) {
                        break 'interval;
                    }
                }
            }
        }
        Ok(())
    }

    /// T.81, G.1.2.2: runs of zeros and values, less some low bits, and runs of blocks that have no more of them.
    fn first_others(&mut self, scan: &Scan<'_>, frame: &Frame, budget: &Budget<'_>) -> Result<(), Error> {
        let (component, codes) = self.only_part(scan)?;
        let mut reader = Reader::new(scan.data);
        let mut intervals = Intervals::new(scan.mcus(frame), scan.tables.restart_interval);
        while intervals.begin(&mut reader) {
            let mut bits = Bits::default();
            let mut ended = 0;
            'interval: while let Some((row, mut columns)) = intervals.next_run() {
                budget.ask()?;
                while !columns.is_empty() {
                    if ended > 0 {
                        let passed = columns.len().min(ended);
                        columns.start += passed;
                        ended -= passed;
                        continue;
                    }
                    let block = row * component.columns + columns.start;
                    columns.start += 1;
                    bits = reader.top_up(bits);
                    let values = &mut component.values[block * N * N..][..N * N];
                    let marks = &mut component.marks[block];
                    (bits, ended) = first_of_block::<N>(bits, reader.plain(), &codes, scan, values, marks);
                    if reader.is_spent(bits) {
                        break 'interval;
                    }
                }
            }
        }
        Ok(())
    }

    /// T.81, G.1.2.3: one more bit of what is not zero, and what is no longer.
    fn more_of_others(&mut self, scan: &Scan<'_>, frame: &Frame, budget: &Budget<'_>) -> Result<(), Error> {
        let (component, codes) = self.only_part(scan)?;
        let mut reader = Reader::new(scan.data);
        let mut intervals = Intervals::new(scan.mcus(frame), scan.tables.restart_interval);
        while intervals.begin(&mut reader) {
            let mut bits = Bits::default();
            let mut ended = 0;
            'interval: while let Some((row, mut columns)) = intervals.next_run() {
                budget.ask()?;
                while !columns.is_empty() {
                    if ended > 0 {
                        let start = row * component.columns;
                        let marks = &component.marks[start + columns.start..start + columns.end];
                        let passed = unmarked(&marks[..marks.len().min(ended)], scan.band());
                        columns.start += passed;
                        ended -= passed;
                        if passed > 0 {
                            continue;
                        }
                    }
                    let block = row * component.columns + columns.start;
                    columns.start += 1;
                    bits = reader.top_up(bits);
                    let mut refinement = Refinement::<N> {
                        plain: reader.plain(),
                        bits,
                        values: &mut component.values[block * N * N..][..N * N],
                        marks: component.marks[block],
                        step: 1 << scan.low,
                    };
                    ended = refinement.block(&codes, scan, ended);
                    bits = refinement.bits;
                    component.marks[block] = refinement.marks;
                    if reader.is_spent(bits) {
                        break 'interval;
                    }
                }
            }
        }
        Ok(())
    }

    /// The component of a scan that has only one, and its codes.
    fn only_part(&mut self, scan: &Scan<'_>) -> Result<(&mut Component, Codes), Error> {
        let part = scan.parts[0];
        Ok((&mut self.components[part.component], Codes::new(scan.tables.ac(part.ac)?)?))
    }
}

/// How many of the blocks, from the first on, have nothing to refine in a band.
fn unmarked(marks: &[u64], band: u64) -> usize {
    let (chunks, _) = marks.as_chunks::<8>();
    let clean =
        chunks.iter().take_while(|chunk| chunk.iter().fold(0, |any, marks| any | marks) & band == 0).count()
            * 8;
    clean + marks[clean..].iter().take_while(|marks| **marks & band == 0).count()
}

/// Reads a block, and of how many blocks after it the data say that there is nothing in them.
#[inline(always)]
fn first_of_block<const N: usize>(
    mut bits: Bits,
    plain: &[u8],
    codes: &Codes,
    scan: &Scan<'_>,
    values: &mut [i16],
    marks: &mut u64,
) -> (Bits, usize) {
    let (mut at, last) = (u32::from(scan.first), u32::from(scan.last));
    while at <= last {
        bits.refill(plain);
        let code = codes.next(&mut bits, plain);
        if code.size() == 0 {
            bits.skip(code.total());
            if code.run() != 15 {
                let ended = end_of_band(&mut bits, code.run());
                return (bits, ended - 1);
            }
            at += 16;
            continue;
        }
        at += code.run();
        if at > last {
            break;
        }
        *marks |= 1 << at;
        let place = Wanted::<N>::PLACES[at as usize];
        if place != NOWHERE {
            values[usize::from(place)] = (code.value(bits) << scan.low) as i16;
        }
        bits.skip(code.total());
        at += 1;
    }
    (bits, 0)
}

/// How many blocks, this one among them, have no more to come (T.81, table G.1).
#[inline(always)]
fn end_of_band(bits: &mut Bits, size: u32) -> usize {
    (1 << size) + bits.take(size) as usize
}

/// A block while its frequencies get one more bit.
struct Refinement<'b, const N: usize> {
    plain: &'b [u8],
    bits: Bits,
    values: &'b mut [i16],
    marks: u64,
    /// What that bit stands for.
    step: i16,
}

impl<const N: usize> Refinement<'_, N> {
    /// Refines it; `ended` blocks, from this one on, have no new frequencies. Returns of how many after it that holds.
    #[inline(always)]
    fn block(&mut self, codes: &Codes, scan: &Scan<'_>, mut ended: usize) -> usize {
        let mut ahead = scan.band();
        if ended == 0 {
            while ahead != 0 {
                self.bits.refill(self.plain);
                let code = codes.next(&mut self.bits, self.plain);
                self.bits.skip(code.length());
                if code.size() == 0 && code.run() != 15 {
                    ended = end_of_band(&mut self.bits, code.run());
                    break;
                }
                let is_positive = code.size() > 0 && self.bits.take(1) == 1;
                // The run counts what is still zero; after it comes the place of the new one, zero as well until now.
                let mut zeros = ahead & !self.marks;
                for _ in 0..code.run() {
                    zeros &= zeros.wrapping_sub(1);
                }
                let place = zeros & zeros.wrapping_neg();
                let before = place.wrapping_sub(1);
                self.refine(ahead & self.marks & before);
                ahead &= !(before | place);
                if code.size() > 0 && place != 0 {
                    self.marks |= place;
                    let to = Wanted::<N>::PLACES[place.trailing_zeros() as usize];
                    if to != NOWHERE {
                        self.values[usize::from(to)] = if is_positive { self.step } else { -self.step };
                    }
                }
            }
        }
        if ended > 0 {
            self.refine(ahead & self.marks);
            ended -= 1;
        }
        ended
    }

    /// Takes one bit for each of a set of frequencies: of the low ones one by one, of those that are beyond all that is wanted at once.
    #[inline(always)]
    fn refine(&mut self, set: u64) {
        let (mut low, high) = (set & ((2 << Wanted::<N>::LAST) - 1), set >> Wanted::<N>::LAST >> 1);
        if low != 0 {
            self.bits.refill(self.plain);
            while low != 0 {
                let to = Wanted::<N>::PLACES[low.trailing_zeros() as usize];
                low &= low - 1;
                if self.bits.take(1) == 1 && to != NOWHERE {
                    let value = &mut self.values[usize::from(to)];
                    if *value & self.step == 0 {
                        *value = value.wrapping_add(if *value >= 0 { self.step } else { -self.step });
                    }
                }
            }
        }
        let mut left = high.count_ones();
        while left > 0 {
            self.bits.refill(self.plain);
            let count = left.min(56);
            self.bits.skip(count);
            left -= count;
        }
    }
}
