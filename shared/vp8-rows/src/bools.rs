//! The arithmetic decoder behind everything: one yes or no after the other, each with its probability (section 7).

#![expect(clippy::inline_always, reason = "each is a few instructions in the innermost loop")]

/// Yes and no, out of some bytes; behind the last of them come zeros.
///
/// It is copied into the registers of whoever reads many, and copied back.
#[derive(Clone, Copy)]
pub(crate) struct Bools<'a> {
    /// What comes next, from the highest bit on.
    window: u64,
    /// Bits of the window that were filled in.
    filled: u32,
    /// The range, which is from 128 to 255, less one.
    below_range: u32,
    rest: &'a [u8],
}

/// How many bits are there at least after [`Bools::fill`]: the four questions that may follow use up to seven each, and the
/// last of them looks at eight.
const FILLED: u32 = 32;

/// As good as without end.
const ENDLESS: u32 = 1 << 31;

impl<'a> Bools<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { window: 0, filled: 0, below_range: 254, rest: bytes }
    }

    /// One question, whatever was asked before.
    #[inline(always)]
    pub(crate) fn ask(&mut self, probability: u8) -> bool {
        self.fill();
        self.next(probability)
    }

    /// So many bits that are as likely set as not, the highest one first.
    pub(crate) fn number(&mut self, bits: u32) -> u8 {
        (0..bits).fold(0, |number, _| number << 1 | u8::from(self.ask(128)))
    }

    /// One such bit.
    pub(crate) fn flag(&mut self) -> bool {
        self.ask(128)
    }

    /// A number of so many bits and its sign, where a flag says that there is one.
    pub(crate) fn optional(&mut self, bits: u32) -> Option<i32> {
        self.flag().then(|| {
            let number = i32::from(self.number(bits));
            if self.flag() { -number } else { number }
        })
    }

    /// To be called before [`Bools::next`], or [`Bools::signed`], is called up to four times.
    #[inline(always)]
    pub(crate) fn fill(&mut self) {
        if self.filled < FILLED {
            self.refill();
        }
    }

    /// The next answer; so many in 256 of them are no.
    #[inline(always)]
    pub(crate) fn next(&mut self, probability: u8) -> bool {
        let below = (self.below_range * u32::from(probability)) >> 8;
        let threshold = u64::from(below + 1) << 56;
        let answer = self.window >= threshold;
        if answer {
            self.window -= threshold;
            self.scale(self.below_range - below);
        } else {
            self.scale(below + 1);
        }
        answer
    }

    /// The number, or its opposite, which is as likely: nothing that a processor could foresee, so there is no branch.
    ///
    /// Half of a range is always too small by one bit, so that the new one is known: 2 (r / 2 + 1) - 1 is the odd one of r and
    /// r + 1, and 2 (r - r / 2) - 1 that of r - 1 and r. (Only the very first range is an exception. A number is never first.)
    #[inline(always)]
    pub(crate) fn signed(&mut self, number: i32) -> i32 {
        let threshold = u64::from((self.below_range >> 1) + 1) << 56;
        let answer = self.window >= threshold;
        // All bits, or none.
        let mask = 0_u64.wrapping_sub(u64::from(answer));
        let sign = 0_i32.wrapping_sub(i32::from(answer));
        self.window = (self.window - (threshold & mask)) << 1;
        self.below_range = (self.below_range - u32::from(answer)) | 1;
        self.filled -= 1;
        (number ^ sign) - sign
    }

    /// Takes a new range, and as many bits as it is too small by.
    #[inline(always)]
    fn scale(&mut self, range: u32) {
        // It is never zero, and never above 255.
        let shift = 7 ^ (range | 1).ilog2();
        self.below_range = (range << shift) - 1;
        self.window <<= shift;
        self.filled -= shift;
    }

    #[inline(always)]
    fn refill(&mut self) {
        if let Some(bytes) = self.rest.first_chunk::<8>() {
            // The part of a byte that has no room comes again the next time.
            self.window |= u64::from_be_bytes(*bytes) >> self.filled;
            let taken = (63 - self.filled) / 8;
            self.rest = &self.rest[taken as usize..];
            self.filled += 8 * taken;
        } else {
            *self = self.refilled_near_the_end();
        }
    }

    #[cold]
    #[inline(never)]
    fn refilled_near_the_end(mut self) -> Self {
        if self.rest.is_empty() {
            self.filled = ENDLESS;
        }
        while let (Some((byte, rest)), ..=56) = (self.rest.split_first(), self.filled) {
            self.window |= u64::from(*byte) << (56 - self.filled);
            self.filled += 8;
            self.rest = rest;
        }
        self
    }
}
