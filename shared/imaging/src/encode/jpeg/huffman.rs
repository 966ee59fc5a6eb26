//! The shortest codes for symbols that occur so often (T.81, K.2).

#![expect(
    clippy::cast_possible_truncation,
    reason = "there are 256 symbols, with codes of at most sixteen bits"
)]

use super::tokens::Frequencies;

/// The longest code that a file may have, in bits.
const MAX_LENGTH: usize = 16;

/// A code for each symbol.
#[derive(Clone)]
pub(super) struct Code {
    /// How many symbols have codes of each length, from one bit on.
    counts: [u8; MAX_LENGTH],
    /// The symbols, those with shorter codes first.
    symbols: Vec<u8>,
    /// Bits and length of each symbol's code.
    codes: [(u16, u8); 256],
}

impl Code {
    pub(super) fn optimal(frequencies: &Frequencies) -> Self {
        let mut lengths = lengths(frequencies);
        let mut counts = [0_usize; 257];
        for length in lengths.iter().filter(|length| **length > 0) {
            counts[usize::from(*length)] += 1;
        }
        shorten(&mut counts);
        // The code of all ones, which no file may have, was reserved for nobody: it is among the longest.
        if let Some(longest) = counts.iter().rposition(|count| *count > 0) {
            counts[longest] -= 1;
        }
        lengths[256] = 0;
        let mut symbols: Vec<u8> = (0..=255).filter(|symbol| lengths[usize::from(*symbol)] > 0).collect();
        symbols.sort_by_key(|symbol| lengths[usize::from(*symbol)]);
        let counts = std::array::from_fn(|at| counts[at + 1] as u8);
        Self { counts, codes: assign(&counts, &symbols), symbols }
    }

    /// The bits of a symbol's code, and how many they are.
    pub(super) fn of(&self, symbol: u8) -> (u16, u32) {
        let (code, length) = self.codes[usize::from(symbol)];
        (code, length.into())
    }

    pub(super) fn counts(&self) -> &[u8; MAX_LENGTH] {
        &self.counts
    }

    pub(super) fn symbols(&self) -> &[u8] {
        &self.symbols
    }
}

/// How long each symbol's code is when nothing limits it (figure K.1): the two rarest are joined until one is left. Number
/// 256 stands for the code that is reserved.
fn lengths(frequencies: &Frequencies) -> [u16; 257] {
    let mut weights: Vec<u64> = frequencies.iter().map(|often| u64::from(*often)).chain([1]).collect();
    let mut groups: Vec<Vec<usize>> = (0..weights.len()).map(|symbol| vec![symbol]).collect();
    let mut lengths = [0_u16; 257];
    loop {
        let mut left: Vec<usize> = (0..weights.len()).filter(|at| weights[*at] > 0).collect();
        // Of equally rare ones the last.
        left.sort_by_key(|at| (weights[*at], std::cmp::Reverse(*at)));
        let [rarest, next, ..] = left[..] else { return lengths };
        weights[rarest] += weights[next];
        weights[next] = 0;
        let joined = std::mem::take(&mut groups[next]);
        groups[rarest].extend(joined);
        for symbol in &groups[rarest] {
            lengths[*symbol] += 1;
        }
    }
}

/// Moves codes that are too long up to where there is room (figure K.3).
fn shorten(counts: &mut [usize; 257]) {
    for length in (MAX_LENGTH + 1..counts.len()).rev() {
        while counts[length] > 0 {
            // Two of the longest codes: one becomes their common beginning, the other halves a shorter code.
            let Some(shorter) = (1..length - 1).rev().find(|at| counts[*at] > 0) else { return };
            counts[length] -= 2;
            counts[length - 1] += 1;
            counts[shorter + 1] += 2;
            counts[shorter] -= 1;
        }
    }
}

/// Codes in order of their lengths, each one more than the last (annex C).
fn assign(counts: &[u8; MAX_LENGTH], symbols: &[u8]) -> [(u16, u8); 256] {
    let mut codes = [(0, 0); 256];
    let (mut code, mut symbols) = (0_u32, symbols.iter());
    for (at, count) in counts.iter().enumerate() {
        for symbol in symbols.by_ref().take((*count).into()) {
            codes[usize::from(*symbol)] = (code as u16, at as u8 + 1);
            code += 1;
        }
        code <<= 1;
    }
    codes
}
