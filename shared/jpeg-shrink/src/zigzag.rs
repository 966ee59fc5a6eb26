//! The order in which the frequencies of a block are stored, and which of them are wanted.

/// The place of each stored frequency within its block, row by row (T.81, figure A.6).
pub(crate) const NATURAL: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, //
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28, //
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, //
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Where a frequency that nobody wants is written to, in a block of [`BLOCK`] places.
pub(crate) const NOWHERE: u8 = 31;

/// Places for the wanted frequencies of a block and for [`NOWHERE`].
pub(crate) const BLOCK: usize = 32;

/// What of a block is wanted at N/8 of the size: the N × N lowest frequencies.
pub(crate) struct Wanted<const N: usize>;

impl<const N: usize> Wanted<N> {
    /// Where each stored frequency goes: by columns, N of them, N places each; else [`NOWHERE`]. By columns, because then the
    /// transform gets by with one transposition. Twice as long as a block, for a run of zeros that leads beyond the end.
    pub(crate) const PLACES: [u8; 128] = places(N);

    /// The wanted ones as a set of bits.
    pub(crate) const SET: u64 = set(&Self::PLACES);

    /// The last wanted one.
    pub(crate) const LAST: usize = 63 - Self::SET.leading_zeros() as usize;
}

const fn places(n: usize) -> [u8; 128] {
    let mut places = [NOWHERE; 128];
    let mut k = 0;
    while k < 64 {
        let (row, column) = (NATURAL[k] as usize / 8, NATURAL[k] as usize % 8);
        if row < n && column < n {
            places[k] = SMALL[column * n + row];
        }
        k += 1;
    }
    places
}

/// The first numbers as bytes, for want of a lossless conversion in constants.
const SMALL: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

const fn set(places: &[u8; 128]) -> u64 {
    let mut set = 0;
    let mut k = 0;
    while k < 64 {
        if places[k] != NOWHERE {
            set |= 1 << k;
        }
        k += 1;
    }
    set
}
