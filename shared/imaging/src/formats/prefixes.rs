//! How much memory the prefix codes of a lossless WebP take, read without making them.
//!
//! A picture of 16 pixels may have 65,536 groups of five codes: 4 MB in the file, and 1.3 GB in the decoder, which asks nobody.
//! So the stream is walked here up to the last of its codes, before it is decoded (RFC 9649, sections 3.5 to 3.7).

use crate::Unthumbnailable;

/// The lengths of the codes by which lengths are coded, in the order in which they come.
const ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// What a group takes before any of its codes has more than one symbol.
const GROUP_BYTES: usize = 512;

/// Bytes that the decoder makes of the codes of a picture of this size, up to the end of the stream if it breaks off. What is
/// more than `most` is not counted further.
///
/// # Errors
/// One of the codes is none: the decoder panics at some of those.
pub(super) fn memory(stream: &[u8], size: (u32, u32), most: usize) -> Result<usize, Unthumbnailable> {
    let mut bits = Bits { stream, at: 0, is_broken: false };
    let memory = bits.memory(size, most);
    if bits.is_broken { Err(Unthumbnailable::Broken) } else { Ok(memory) }
}

/// The symbols of the codes of a group: of green, lengths and what is cached; of red, of blue, of opacity, and of distances.
fn alphabets(cache: usize) -> [usize; 5] {
    [256 + 24 + cache, 256, 256, 256, 40]
}

/// A stream, from the lowest bit of its first byte on.
struct Bits<'a> {
    stream: &'a [u8],
    at: usize,
    /// Whether a code was met that is none.
    is_broken: bool,
}

impl Bits<'_> {
    fn memory(&mut self, size: (u32, u32), most: usize) -> usize {
        let Some((groups, cache)) = self.groups(size) else { return 0 };
        let mut memory = 0;
        for _ in 0..groups {
            memory += GROUP_BYTES;
            for alphabet in alphabets(cache) {
                let Some(code) = self.code(alphabet) else { return memory };
                memory += code.memory();
            }
            if memory > most {
                break;
            }
        }
        memory
    }

    /// Reads up to the codes of the picture itself: how many groups of them there are, and how many colours are cached.
    fn groups(&mut self, (width, height): (u32, u32)) -> Option<(usize, usize)> {
        let (mut across, down) = (width as usize, height as usize);
        let mut seen = 0;
        while self.take(1)? == 1 {
            let transform = self.take(2)?;
            // Each comes once: the decoder follows no other, and who reads on may read for long.
            if seen >> transform & 1 == 1 {
                return None;
            }
            seen |= 1 << transform;
            match transform {
                0 | 1 => {
                    let size = self.take(3)? + 2;
                    self.image(across.div_ceil(1 << size) * down.div_ceil(1 << size))?;
                }
                2 => {}
                _ => {
                    let colours = self.take(8)? + 1;
                    self.image(colours)?;
                    across = across.div_ceil(match colours {
                        1 | 2 => 8,
                        3..=4 => 4,
                        5..=16 => 2,
                        _ => 1,
                    });
                }
            }
        }
        let cache = self.cache()?;
        if self.take(1)? == 0 {
            return Some((1, cache));
        }
        let size = self.take(3)? + 2;
        let largest = self.image(across.div_ceil(1 << size) * down.div_ceil(1 << size))?;
        Some((largest + 1, cache))
    }

    fn take(&mut self, count: usize) -> Option<usize> {
        let mut value = 0;
        for place in 0..count {
            let byte = self.stream.get(self.at / 8)?;
            value |= usize::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        Some(value)
    }

    /// Colours that a cache holds.
    fn cache(&mut self) -> Option<usize> {
        if self.take(1)? == 0 {
            return Some(0);
        }
        let bits = self.take(4)?;
        (1..=11).contains(&bits).then_some(1 << bits)
    }

    /// Walks over a picture within the picture: the largest number that red and green make together, of its literals. What is
    /// copied was one before.
    fn image(&mut self, pixels: usize) -> Option<usize> {
        let cache = self.cache()?;
        let mut codes = Vec::new();
        for alphabet in alphabets(cache) {
            codes.push(self.code(alphabet)?);
        }
        let (mut done, mut largest) = (0, 0);
        while done < pixels {
            match self.symbol(&codes[0])? {
                green @ ..256 => {
                    let red = self.symbol(&codes[1])?;
                    largest = largest.max(red << 8 | green);
                    self.symbol(&codes[2])?;
                    self.symbol(&codes[3])?;
                    done += 1;
                    // Codes of one symbol each take no bits: all that follows is the same.
                    if codes[..4].iter().all(|code| code.symbols.len() == 1) {
                        break;
                    }
                }
                length @ 256..280 => {
                    done += self.number(length - 256)?;
                    let distance = self.symbol(&codes[4])?;
                    self.number(distance)?;
                }
                _ => done += 1,
            }
        }
        Some(largest)
    }

    /// A length or distance, by its symbol and the bits that follow it.
    fn number(&mut self, symbol: usize) -> Option<usize> {
        if symbol < 4 {
            return Some(symbol + 1);
        }
        let extra = (symbol - 2) >> 1;
        let offset = (2 + (symbol & 1)) << extra;
        Some(offset + self.take(extra)? + 1)
    }

    fn code(&mut self, alphabet: usize) -> Option<Code> {
        if self.take(1)? == 1 {
            let is_pair = self.take(1)? == 1;
            let first_bits = if self.take(1)? == 1 { 8 } else { 1 };
            let mut symbols = vec![self.take(first_bits)?];
            if is_pair {
                symbols.push(self.take(8)?);
            }
            if symbols.iter().any(|symbol| *symbol >= alphabet) {
                return None;
            }
            let mut counts = [0; 16];
            counts[1] = symbols.len();
            return Some(Code { counts, symbols });
        }
        let mut lengths = [0; 19];
        for place in ORDER.into_iter().take(4 + self.take(4)?) {
            lengths[place] = u8::try_from(self.take(3)?).ok()?;
        }
        let coded = self.code_of(&lengths)?;
        let mut left = alphabet;
        if self.take(1)? == 1 {
            let bits = 2 + 2 * self.take(3)?;
            left = 2 + self.take(bits)?;
            if left > alphabet {
                return None;
            }
        }
        let mut lengths = Vec::with_capacity(alphabet);
        let mut last = 8;
        while lengths.len() < alphabet && left > 0 {
            left -= 1;
            let (length, times) = match self.symbol(&coded)? {
                length @ ..16 => (u8::try_from(length).ok()?, 1),
                16 => (last, 3 + self.take(2)?),
                17 => (0, 3 + self.take(3)?),
                _ => (0, 11 + self.take(7)?),
            };
            if length != 0 {
                last = length;
            }
            if lengths.len() + times > alphabet {
                return None;
            }
            lengths.resize(lengths.len() + times, length);
        }
        self.code_of(&lengths)
    }

    fn code_of(&mut self, lengths: &[u8]) -> Option<Code> {
        let code = Code::of(lengths);
        self.is_broken |= code.is_none();
        code
    }

    /// The next symbol of a code, bit by bit.
    fn symbol(&mut self, code: &Code) -> Option<usize> {
        if let [only] = code.symbols[..] {
            return Some(only);
        }
        let (mut value, mut first, mut index) = (0, 0, 0);
        for count in &code.counts[1..] {
            value |= self.take(1)?;
            if value < first + count {
                return code.symbols.get(index + value - first).copied();
            }
            index += count;
            first = (first + count) << 1;
            value <<= 1;
        }
        None
    }
}

/// A canonical prefix code: how many symbols have each length, and the symbols in the order of their codes.
struct Code {
    counts: [usize; 16],
    symbols: Vec<usize>,
}

impl Code {
    fn of(lengths: &[u8]) -> Option<Self> {
        let mut counts = [0; 16];
        let mut symbols: Vec<usize> = (0..lengths.len()).filter(|symbol| lengths[*symbol] != 0).collect();
        symbols.sort_by_key(|symbol| lengths[*symbol]);
        for symbol in &symbols {
            *counts.get_mut(usize::from(lengths[*symbol]))? += 1;
        }
        // Each code word has its share of all there are, and together they have the whole, but for one that is alone.
        let share: usize = (1..16).map(|length| counts[length] << (15 - length)).sum();
        (symbols.len() == 1 || share == 1 << 15).then_some(Self { counts, symbols })
    }

    /// A table of four bytes for every ten bits at most, and a tree of sixteen bytes for every node.
    fn memory(&self) -> usize {
        if self.symbols.len() < 2 {
            return 0;
        }
        let longest = self.counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        (4 << longest.min(10)) + 32 * self.symbols.len()
    }
}
