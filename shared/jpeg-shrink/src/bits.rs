//! The bits of a scan, without what was stuffed between them (T.81, B.1.1.5 and F.2.2.5).
#![expect(clippy::cast_possible_truncation, reason = "so few bits of a window are cast that they fit")]
#![expect(
    clippy::inline_always,
    reason = "the position in the bits is to stay in registers from block to block"
)]

use crate::segments::{RST0, has_ff, position_of_ff};

/// What an MCU takes at most, in bytes: ten blocks, each of 64 codes of up to 16 bits with up to 15 bits after each; and eight
/// that are looked at ahead.
const MAX_MCU_BYTES: usize = 10 * 248 + 8;

/// How many bytes are looked at together in search of stuffing.
const CHUNK: usize = 32;

/// Bytes kept without stuffing: enough that moving the last MCU to the front costs nothing, few enough to leave room in the
/// processor's first cache.
const BUFFER_BYTES: usize = 16 * 1024;

/// Zeros behind the last byte, so that eight can be read at once from wherever one can.
const PADDING: usize = 8;

/// The data of a scan, freed of stuffing piece by piece.
pub(crate) struct Reader<'a> {
    source: &'a [u8],
    /// What of the source comes next.
    next: usize,
    /// What came, without stuffing.
    plain: Vec<u8>,
    /// Where it ends.
    end: usize,
    /// Whether the next in the source is a marker, or nothing.
    is_at_marker: bool,
}

/// A position in the bits of a [`Reader`]. A value that is handed about, not a part of the reader, to be kept in registers.
#[derive(Clone, Copy, Default)]
pub(crate) struct Bits {
    /// The next bits, the first of them highest.
    window: u64,
    /// How many bits of the window are good, modulo 64.
    count: u32,
    /// The byte that the window is filled from next.
    at: usize,
}

impl<'a> Reader<'a> {
    /// At the beginning of a scan's data.
    pub(crate) fn new(source: &'a [u8]) -> Self {
        let plain = vec![0; BUFFER_BYTES + CHUNK + PADDING];
        let mut reader = Self { source, next: 0, plain, end: 0, is_at_marker: false };
        reader.fill();
        reader
    }

    /// How far the source has been read.
    pub(crate) fn read(&self) -> usize {
        self.next
    }

    /// Sees to it that the next MCU's bits are there, or all that there are. Of a position of before it makes the one of now.
    #[inline(always)]
    pub(crate) fn top_up(&mut self, mut bits: Bits) -> Bits {
        if bits.at + MAX_MCU_BYTES > self.end && !self.is_at_marker {
            bits.at = self.refill(bits.at);
        }
        bits
    }

    /// What [`Bits`] are taken from.
    #[inline(always)]
    pub(crate) fn plain(&self) -> &[u8] {
        &self.plain[..self.end + PADDING]
    }

    /// Whether more bits were taken than there are.
    #[inline(always)]
    pub(crate) fn is_spent(&self, bits: Bits) -> bool {
        bits.at > self.end && bits.at * 8 - (bits.count & 63) as usize > self.end * 8
    }

    /// Goes over what is left until the restart marker of this number. False when it is lost: then either another was found in
    /// its stead, or there are no more of them, and then none of the next will be found either.
    ///
    /// A number one or two too high says that intervals were lost, and the marker stays to be found again; one or two too low,
    /// that this was here before. Any other says nothing, and the marker is taken for the right one.
    pub(crate) fn restart(&mut self, number: usize) -> bool {
        loop {
            let Some(found) = self.find_marker() else { return false };
            match (usize::from(found).wrapping_sub(number)) & 7 {
                1 | 2 => return false,
                6 | 7 => self.next += 2,
                _ => break,
            }
        }
        self.next += 2;
        self.end = 0;
        self.is_at_marker = false;
        self.fill();
        true
    }

    /// Whether any restart marker comes before the end of the scan.
    pub(crate) fn has_more(&mut self) -> bool {
        self.find_marker().is_some()
    }

    /// Moves to the next marker; its number if it is a restart.
    fn find_marker(&mut self) -> Option<u8> {
        loop {
            let rest = self.source.get(self.next..)?;
            self.next += position_of_ff(rest).unwrap_or(rest.len());
            match self.source.get(self.next + 1)? {
                0 => self.next += 2,
                0xff => self.next += 1,
                marker @ RST0..=0xd7 => return Some(marker & 7),
                _ => return None,
            }
        }
    }

    /// Drops what is before a position, and fills up. Returns where the position is then.
    #[cold]
    fn refill(&mut self, at: usize) -> usize {
        let at = at.min(self.end);
        self.plain.copy_within(at..self.end, 0);
        self.end -= at;
        self.fill();
        0
    }

    fn fill(&mut self) {
        while self.end < BUFFER_BYTES {
            let rest = self.source.get(self.next..).unwrap_or_default();
            let to = &mut self.plain[self.end..];
            if let (Some(from), Some(to)) = (rest.first_chunk::<CHUNK>(), to.first_chunk_mut::<CHUNK>()) {
                // Copied in any case; what is too much is overwritten.
                *to = *from;
                if !has_ff(from) {
                    self.next += CHUNK;
                    self.end += CHUNK;
                    continue;
                }
            }
            let clean = &rest[..rest.len().min(CHUNK)];
            let clean = clean.iter().position(|byte| *byte == 0xff).unwrap_or(clean.len());
            to[..clean].copy_from_slice(&rest[..clean]);
            self.next += clean;
            self.end += clean;
            match rest.get(clean..) {
                Some([0xff, 0, ..]) => {
                    self.plain[self.end] = 0xff;
                    self.end += 1;
                    self.next += 2;
                }
                // A fill byte: it may stand before any marker.
                Some([0xff, 0xff, ..]) => self.next += 1,
                Some([byte, _, ..]) if *byte != 0xff => {}
                _ => {
                    self.is_at_marker = true;
                    break;
                }
            }
        }
        self.plain[self.end..][..PADDING].fill(0);
    }
}

impl Bits {
    /// Fills the window up to 56 bits or more. Behind the last there are zeros.
    #[inline(always)]
    pub(crate) fn refill(&mut self, plain: &[u8]) {
        let bytes = plain.get(self.at..).and_then(|rest| rest.first_chunk());
        let count = self.count & 63;
        self.window |= u64::from_be_bytes(bytes.copied().unwrap_or_default()) >> count;
        self.at += ((63 - count) >> 3) as usize;
        // As many whole bytes as fit: 56 bits, and those fewer than eight that were beyond the last whole byte.
        self.count = count | 0b11_1000;
    }

    /// The next bits, without taking them; from one to 32.
    #[inline(always)]
    pub(crate) fn peek(self, count: u32) -> usize {
        (self.window >> (64 - count)) as usize
    }

    /// The next bits, all that there are in the window, the first of them highest.
    #[inline(always)]
    pub(crate) fn window(self) -> u64 {
        self.window
    }

    /// Goes over as many bits as the lowest six bits say.
    #[inline(always)]
    pub(crate) fn skip(&mut self, count: u32) {
        self.window = self.window.wrapping_shl(count);
        self.count = self.count.wrapping_sub(count);
    }

    /// Takes some bits, at most 32.
    #[inline(always)]
    pub(crate) fn take(&mut self, count: u32) -> u32 {
        let taken = (self.window >> 1 >> (63 - count)) as u32;
        self.skip(count);
        taken
    }
}
