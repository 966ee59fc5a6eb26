//! What is to be written of the coefficients, kept until it is known which codes are the shortest for it.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "symbols and their bits are packed into numbers as long as they are, and taken out again"
)]

use super::{dct::Coefficients, huffman::Code};

/// For brightness and for colour, of the mean and of the rest.
pub(super) type Tables<T> = [[T; 2]; 2];

/// How often each symbol occurs.
pub(super) type Frequencies = [u32; 256];

/// Sixteen zeros in a row (T.81, F.1.2.2.1: ZRL).
const SIXTEEN_ZEROS: u8 = 0xf0;

/// Nothing but zeros to the end of the block (EOB).
const END_OF_BLOCK: u8 = 0;

/// Symbols of one scan with the bits that follow each.
pub(super) struct Tokens {
    /// Symbol, table and bits, packed: the table in bits 24 and 25, the symbol in the eight below, its bits in the lowest.
    packed: Vec<u32>,
    frequencies: Tables<Frequencies>,
    last_mean: Vec<i16>,
}

impl Tokens {
    pub(super) fn new(components: usize) -> Self {
        Self { packed: Vec::new(), frequencies: [[[0; 256]; 2]; 2], last_mean: vec![0; components] }
    }

    /// One block: the difference of its mean to the last of its component, then runs of zeros and what ends them.
    pub(super) fn add(&mut self, component: usize, coefficients: &Coefficients) {
        let kind = usize::from(component > 0);
        let mean = coefficients[0];
        let difference = mean - self.last_mean[component];
        self.last_mean[component] = mean;
        let (size, bits) = magnitude(difference);
        self.push(kind, 0, size, bits);

        let mut is_set =
            coefficients.iter().rev().fold(0_u64, |set, value| set << 1 | u64::from(*value != 0)) & !1;
        let mut next = 1;
        while is_set != 0 {
            let at = is_set.trailing_zeros();
            is_set &= is_set - 1;
            let mut zeros = at - next;
            while zeros > 15 {
                self.push(kind, 1, SIXTEEN_ZEROS, 0);
                zeros -= 16;
            }
            let (size, bits) = magnitude(coefficients[at as usize & 63]);
            self.push(kind, 1, (zeros as u8 & 15) << 4 | size, bits);
            next = at + 1;
        }
        if next < 64 {
            self.push(kind, 1, END_OF_BLOCK, 0);
        }
    }

    fn push(&mut self, kind: usize, rest: usize, symbol: u8, bits: u16) {
        self.frequencies[kind][rest][usize::from(symbol)] += 1;
        let table = (kind << 1 | rest) as u32;
        self.packed.push(table << 24 | u32::from(symbol) << 16 | u32::from(bits));
    }

    pub(super) fn frequencies(&self) -> &Tables<Frequencies> {
        &self.frequencies
    }

    /// About how long the file becomes: a token takes a byte, more or less.
    pub(super) fn estimated_bytes(&self) -> usize {
        self.packed.len() + 1024
    }

    /// Writes the scan: codes and bits, and after a byte of ones one of zeros (T.81, B.1.1.5).
    pub(super) fn write(&self, codes: &Tables<Code>, bytes: &mut Vec<u8>) {
        let (mut waiting, mut count) = (0_u64, 0_u32);
        for token in &self.packed {
            let (table, symbol) = ((token >> 24) as usize, (token >> 16) as u8);
            let size = u32::from(symbol & 15);
            let (code, length) = codes[table >> 1 & 1][table & 1].of(symbol);
            waiting = (waiting << length | u64::from(code)) << size | u64::from(token & 0xffff);
            count += length + size;
            while count >= 32 {
                count -= 32;
                put(bytes, (waiting >> count) as u32);
            }
        }
        // The last byte is filled up with ones.
        let missing = (8 - count % 8) % 8;
        waiting = waiting << missing | ((1 << missing) - 1);
        count += missing;
        while count > 0 {
            count -= 8;
            let byte = (waiting >> count) as u8;
            bytes.push(byte);
            if byte == 0xff {
                bytes.push(0);
            }
        }
    }
}

fn put(bytes: &mut Vec<u8>, four: u32) {
    let four = four.to_be_bytes();
    if four.contains(&0xff) {
        for byte in four {
            bytes.push(byte);
            if byte == 0xff {
                bytes.push(0);
            }
        }
    } else {
        bytes.extend_from_slice(&four);
    }
}

/// How many bits a value takes, and these bits: those of a negative one are its own less one (T.81, F.1.2.1).
fn magnitude(value: i16) -> (u8, u16) {
    let size = u16::BITS - value.unsigned_abs().leading_zeros();
    let bits = (value + (value >> 15)) as u16 & ((1_u32 << size) - 1) as u16;
    (size as u8, bits)
}
