//! What is defined between the scans: quantisation, codes, restarts (T.81, B.2.4).
//!
//! Definitions are kept as the bytes that they are, and read when a scan needs them: a picture may define what it never uses,
//! many times over.

use crate::{
    error::Error,
    segments::{DHT, DQT, DRI, Segment},
};

/// The definitions in force.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tables<'a> {
    quantizers: [Option<&'a [u8]>; 4],
    dc: [Option<Definition<'a>>; 4],
    ac: [Option<Definition<'a>>; 4],
    /// After so many MCUs comes a marker, and everything begins anew; 0 is never.
    pub(crate) restart_interval: usize,
}

/// A Huffman table as it is stored (T.81, B.2.4.2).
#[derive(Clone, Copy)]
pub(crate) struct Definition<'a> {
    /// How many codes there are of 1, 2, … 16 bits.
    pub(crate) counts: &'a [u8; 16],
    /// What they stand for, shortest first.
    pub(crate) symbols: &'a [u8],
}

impl<'a> Tables<'a> {
    /// Takes a segment that defines something. Others change nothing.
    pub(crate) fn define(&mut self, segment: Segment<'a>) -> Result<(), Error> {
        match segment.marker {
            DQT => self.quantization(segment.payload),
            DHT => self.codes(segment.payload),
            DRI => match segment.payload {
                [high, low, ..] => {
                    self.restart_interval = usize::from(u16::from_be_bytes([*high, *low]));
                    Ok(())
                }
                _ => Err(Error::Broken("a restart interval without its two bytes")),
            },
            _ => Ok(()),
        }
    }

    /// The steps by which a component's frequencies are multiplied, in stored order.
    pub(crate) fn quantizer(&self, slot: usize) -> Result<[u16; 64], Error> {
        let stored = self.quantizers.get(slot).copied().flatten();
        let stored = stored.ok_or(Error::Broken("a quantisation table is missing"))?;
        let mut steps = [0; 64];
        if let (pairs, []) = stored.as_chunks::<2>()
            && pairs.len() == 64
        {
            steps.iter_mut().zip(pairs).for_each(|(step, pair)| *step = u16::from_be_bytes(*pair));
        } else {
            steps.iter_mut().zip(stored).for_each(|(step, byte)| *step = u16::from(*byte));
        }
        Ok(steps)
    }

    /// The codes of differences between mean values.
    pub(crate) fn dc(&self, slot: usize) -> Result<Definition<'a>, Error> {
        self.dc.get(slot).copied().flatten().ok_or(Error::Broken("a DC table is missing"))
    }

    /// The codes of all other frequencies.
    pub(crate) fn ac(&self, slot: usize) -> Result<Definition<'a>, Error> {
        self.ac.get(slot).copied().flatten().ok_or(Error::Broken("an AC table is missing"))
    }

    fn quantization(&mut self, mut payload: &'a [u8]) -> Result<(), Error> {
        const BROKEN: Error = Error::Broken("a quantisation table of no known shape");
        while let [shape, rest @ ..] = payload {
            let bytes = match shape >> 4 {
                0 => 64,
                1 => 128,
                _ => return Err(BROKEN),
            };
            let (steps, rest) = rest.split_at_checked(bytes).ok_or(BROKEN)?;
            *self.quantizers.get_mut(usize::from(shape & 15)).ok_or(BROKEN)? = Some(steps);
            payload = rest;
        }
        Ok(())
    }

    fn codes(&mut self, mut payload: &'a [u8]) -> Result<(), Error> {
        const BROKEN: Error = Error::Broken("a Huffman table of no known shape");
        while let [shape, rest @ ..] = payload {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or(BROKEN)?;
            let symbols = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(symbols).ok_or(BROKEN)?;
            let slots = match shape >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return Err(BROKEN),
            };
            let slot = slots.get_mut(usize::from(shape & 15)).ok_or(BROKEN)?;
            *slot = (symbols.len() <= 256).then_some(Definition { counts, symbols });
            payload = rest;
        }
        Ok(())
    }
}
