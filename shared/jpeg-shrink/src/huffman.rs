//! Huffman codes, and the tables by which they are read several at once (T.81, annex C and F.2.2).
//!
//! Behind each code come so many further bits as its symbol says; together they are one value. Three kinds of tables are looked
//! up with the bits that come next:
//!
//! | table | tells | for |
//! |---|---|---|
//! | [`Codes`] | one code's length, and what its symbol says | values that are wanted |
//! | [`Skips`] | of as many whole codes as fit: their length with all further bits, and how many frequencies they are | what is not wanted |
//! | [`Openers`] | a mean value, and as a [`Skips`] whatever fits behind it | blocks of which nothing else is wanted |
//!
//! They are small on purpose: together with the bits themselves they fit the processor's first cache.
#![expect(clippy::inline_always, reason = "each is a few instructions in the innermost loop")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "entries are packed: each of their parts is bounded where it is made"
)]

use crate::{bits::Bits, error::Error, tables::Definition};

/// Bits that a code is looked up by. Longer codes are rare, as they should be.
const CODE_BITS: u32 = 9;

/// Bits that codes to be skipped are looked up by.
const SKIP_BITS: u32 = 13;

/// Bits that a mean value is looked up by.
const OPENER_BITS: u32 = 10;

/// In the upper part of an entry that skips: the last of its codes ended the block.
pub(crate) const END_OF_BLOCK: u32 = 512;

/// What a code says.
#[derive(Clone, Copy)]
pub(crate) struct Code(u32);

impl Code {
    fn new(length: u32, symbol: u8) -> Self {
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        Self((length + size) | length << 8 | size << 16 | run << 24)
    }

    /// Its length and that of the bits behind it, for [`Bits::skip`], which takes no notice of what is above.
    #[inline(always)]
    pub(crate) fn total(self) -> u32 {
        self.0
    }

    /// Its own length.
    #[inline(always)]
    pub(crate) fn length(self) -> u32 {
        self.0 >> 8 & 0xff
    }

    /// How many bits behind it are its value.
    #[inline(always)]
    pub(crate) fn size(self) -> u32 {
        self.0 >> 16 & 0xff
    }

    /// How many zeros come before the value.
    #[inline(always)]
    pub(crate) fn run(self) -> u32 {
        self.0 >> 24
    }

    /// The value behind this code, at which the bits are (T.81, F.2.2.1: EXTEND).
    #[inline(always)]
    pub(crate) fn value(self, bits: Bits) -> i32 {
        let bits = bits.window() << self.length();
        // A value that begins with 0 is negative, and stored as its complement.
        let complement = !((bits as i64) >> 63);
        let magnitude = ((bits ^ complement as u64) >> 1 >> (63 - self.size())) as i32;
        (magnitude ^ complement as i32) - complement as i32
    }
}

/// A table of codes, to be read one at a time.
pub(crate) struct Codes {
    /// By the bits that come next; 0 for the beginning of a longer code.
    entries: Box<[u32; 1 << CODE_BITS]>,
    /// By length: the first bits, as sixteen, that are beyond the codes of this length.
    limits: [u32; 17],
    /// By length: what to add to a code to get its symbol's place.
    offsets: [i32; 17],
    symbols: [u8; 256],
}

/// All codes of a definition with their lengths, in order: the bits of each, that length, its symbol.
fn codes(definition: Definition<'_>) -> impl Iterator<Item = (usize, u32, u8)> {
    let lengths =
        definition.counts.iter().zip(1..).flat_map(|(count, length)| (0..*count).map(move |_| length));
    let mut code = 0;
    let mut before = 0;
    lengths.zip(definition.symbols).map(move |(length, symbol)| {
        code <<= length - before;
        before = length;
        let this = code;
        code += 1;
        (this, length, *symbol)
    })
}

impl Codes {
    /// Builds the table of a definition.
    pub(crate) fn new(definition: Definition<'_>) -> Result<Self, Error> {
        let mut table = Self {
            entries: Box::new([0; 1 << CODE_BITS]),
            limits: [0; 17],
            offsets: [0; 17],
            symbols: [0; 256],
        };
        for (place, (code, length, symbol)) in codes(definition).enumerate() {
            if code >> length != 0 {
                return Err(Error::Broken("more codes than there can be"));
            }
            table.symbols[place] = symbol;
            table.offsets[length as usize] = place as i32 - code as i32;
            table.limits[length as usize] = (code as u32 + 1) << (16 - length);
            if length <= CODE_BITS {
                let repeats = 1 << (CODE_BITS - length);
                table.entries[code * repeats..][..repeats].fill(Code::new(length, symbol).0);
            }
        }
        Ok(table)
    }

    /// Builds the table of a definition for mean values, whose symbols are sizes and nothing else (T.81, F.1.2.1.1).
    pub(crate) fn of_means(definition: Definition<'_>) -> Result<Self, Error> {
        if definition.symbols.iter().any(|symbol| *symbol > 15) {
            return Err(Error::Broken("a mean value of more than 15 bits"));
        }
        Self::new(definition)
    }

    /// The code that comes next, without taking it. If the window holds 25 bits, then the code and what is behind it.
    #[inline(always)]
    pub(crate) fn next(&self, bits: &mut Bits, plain: &[u8]) -> Code {
        let entry = self.entries[bits.peek(CODE_BITS)];
        if entry == 0 {
            bits.refill(plain);
            return Code(self.long(bits.peek(16) as u32));
        }
        Code(entry)
    }

    /// A code that is longer than the table is wide (T.81, F.2.2.3: DECODE). What is no code counts as sixteen bits of nothing,
    /// as libjpeg has it.
    #[cold]
    fn long(&self, bits: u32) -> u32 {
        for length in CODE_BITS + 1..=16 {
            if bits < self.limits[length as usize] {
                let place = (bits >> (16 - length)) as i32 + self.offsets[length as usize];
                return Code::new(length, self.symbols[(place & 0xff) as usize]).0;
            }
        }
        Code::new(16, 0).0
    }
}

/// A table of codes that are to be skipped. In an entry: bits, above them frequencies in steps of 64, above them
/// [`END_OF_BLOCK`].
pub(crate) struct Skips(Box<[u16; 1 << SKIP_BITS]>);

impl Skips {
    /// What comes next, to be judged with [`Bits::skip`] and [`frequencies`].
    #[inline(always)]
    pub(crate) fn next(&self, bits: Bits) -> u32 {
        u32::from(self.0[bits.peek(SKIP_BITS)])
    }
}

/// How many frequencies an entry goes over; with [`END_OF_BLOCK`] when it also ends the block.
#[inline(always)]
pub(crate) fn frequencies(entry: u32) -> usize {
    (entry >> 6 & 0x3ff) as usize
}

/// The tables for a definition of AC codes: to read them, to skip them, and to open blocks that use them.
pub(crate) struct Ac {
    pub(crate) codes: Codes,
    pub(crate) skips: Skips,
    /// [`Skips`] of every number of bits up to [`OPENER_BITS`], without [`STUCK`]: of n bits from 2^n on.
    short: Box<[u16]>,
}

/// In [`Skips`]: not one whole code fits. It leads beyond the end of every block.
const STUCK: u16 = 64 << 6;

impl Ac {
    /// Builds them.
    pub(crate) fn new(definition: Definition<'_>) -> Result<Self, Error> {
        let codes = Codes::new(definition)?;
        let all = skips_of_every_width(definition);
        let (short, widest) = all.split_at(1 << SKIP_BITS);
        let mut skips = Box::new([0; 1 << SKIP_BITS]);
        skips
            .iter_mut()
            .zip(widest)
            .for_each(|(skip, entry)| *skip = if *entry == 0 { STUCK } else { *entry });
        Ok(Self { codes, skips: Skips(skips), short: short[..2 << OPENER_BITS].into() })
    }
}

/// For every number of bits up to [`SKIP_BITS`], what can be skipped if only they are known; of n bits from 2^n on.
///
/// Whatever begins with a code goes on as the shorter table for the bits behind it says. So each table is put together from
/// pieces of the shorter ones, and none of its entries has to be followed code by code.
fn skips_of_every_width(definition: Definition<'_>) -> Vec<u16> {
    let mut all = vec![0u16; 2 << SKIP_BITS];
    for width in 1..=SKIP_BITS {
        let (shorter, table) = all.split_at_mut(1 << width);
        for (code, length, symbol) in codes(definition) {
            if length > width {
                break;
            }
            let left = width - length;
            let table = &mut table[code << left..][..1 << left];
            let (run, size) = (u16::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 && run != 15 {
                table.fill(length as u16 | (END_OF_BLOCK as u16) << 6);
            } else if size <= left {
                let step = (length + size) as u16 | (run + 1) << 6;
                let behind = &shorter[1 << (left - size)..][..1 << (left - size)];
                for table in table.chunks_exact_mut(behind.len()) {
                    table.iter_mut().zip(behind).for_each(|(entry, more)| *entry = more + step);
                }
            }
        }
    }
    all
}

/// A table of mean values, for blocks of which nothing else is wanted. In an entry: the value above 16 bits of what is skipped, as
/// in [`Skips`]; nothing when the value does not fit.
pub(crate) struct Openers(Box<[u32; 1 << OPENER_BITS]>);

impl Openers {
    /// Builds the table for blocks that begin with one definition's codes and go on with another's.
    pub(crate) fn new(dc: Definition<'_>, ac: &Ac) -> Self {
        let mut table = Box::new([0; 1 << OPENER_BITS]);
        for (code, length, symbol) in codes(dc) {
            let size = u32::from(symbol & 15);
            if length + size > OPENER_BITS {
                continue;
            }
            let left = OPENER_BITS - length - size;
            let behind = &ac.short[1 << left..][..1 << left];
            let start = code << (OPENER_BITS - length);
            for (raw, table) in table[start..].chunks_exact_mut(behind.len()).take(1 << size).enumerate() {
                let raw = raw as i32;
                let is_negative = size > 0 && raw >> (size - 1) == 0;
                let value = if is_negative { raw - (1 << size) + 1 } else { raw };
                for (entry, more) in table.iter_mut().zip(behind) {
                    // The mean value is the first of 64; what leads beyond the last is left to be read code by code.
                    let fits = frequencies(u32::from(*more)) & 511 < 63;
                    let more = if fits { u32::from(*more) } else { 0 };
                    *entry = (value as u32) << 16 | (more + length + size);
                }
            }
        }
        Self(table)
    }

    /// What comes next: the mean value's difference and an entry as of [`Skips`], or nothing.
    #[inline(always)]
    pub(crate) fn next(&self, bits: Bits) -> Option<(i32, u32)> {
        let entry = self.0[bits.peek(OPENER_BITS)];
        (entry != 0).then_some((entry as i32 >> 16, entry & 0xffff))
    }
}
