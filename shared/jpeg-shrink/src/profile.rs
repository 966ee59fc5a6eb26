//! A colour profile put together from the pieces that it comes in (ICC.1:2022, annex B.4).

use std::borrow::Cow;

/// The largest profile that is put together, in bytes. Those of presses have two to three millions.
pub const MAX_PROFILE_BYTES: usize = 4 * 1024 * 1024;

/// Pieces are numbered by a byte.
const MAX_PIECES: usize = 255;

/// What every piece begins with, before its number and the number of pieces.
const NAME: &[u8] = b"ICC_PROFILE\0";

/// The pieces of a profile, as they come.
#[derive(Default)]
pub(crate) struct Pieces<'a> {
    /// Number, number of all, bytes.
    found: Vec<(u8, u8, &'a [u8])>,
}

impl<'a> Pieces<'a> {
    /// Takes an APP2 segment, if it is a piece. One more than there are numbers for is enough to know that they do not fit.
    pub(crate) fn take(&mut self, payload: &'a [u8]) {
        if let Some([number, count, bytes @ ..]) = payload.strip_prefix(NAME)
            && self.found.len() <= MAX_PIECES
        {
            self.found.push((*number, *count, bytes));
        }
    }

    /// The whole, if each piece is there once and all say the same of their number.
    pub(crate) fn join(mut self) -> Option<Cow<'a, [u8]>> {
        self.found.sort_by_key(|(number, ..)| *number);
        let is_whole = self.found.iter().zip(1..).all(|((number, count, _), expected)| {
            *number == expected && usize::from(*count) == self.found.len()
        });
        let bytes: usize = self.found.iter().map(|(.., bytes)| bytes.len()).sum();
        if !is_whole || bytes > MAX_PROFILE_BYTES {
            return None;
        }
        match self.found[..] {
            [] => None,
            [(.., bytes)] => Some(Cow::Borrowed(bytes)),
            _ => Some(Cow::Owned(self.found.iter().flat_map(|(.., bytes)| *bytes).copied().collect())),
        }
    }
}
