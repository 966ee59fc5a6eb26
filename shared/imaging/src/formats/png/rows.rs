//! The rows of a PNG as they are stored: inflated, and not yet told from their neighbours.

use fdeflate::Decompressor;

use crate::Unthumbnailable;

/// How far back what is compressed may refer (RFC 1951, section 2).
const LOOKBACK: usize = 32 * 1024;

/// Bytes inflated at once, which stay in the nearest cache until they are used.
const AT_ONCE: usize = 8 * 1024;

/// How often what is kept is moved to the front: once in so many bytes.
const ROOM: usize = 128 * 1024;

/// Inflates what the `IDAT` chunks hold.
pub(super) struct StoredRows<'a> {
    /// What follows the chunks that have been begun.
    chunks: &'a [u8],
    /// What is left of the present one.
    chunk: &'a [u8],
    inflater: Box<Decompressor>,
    window: Vec<u8>,
    /// What has been inflated of the window, and taken.
    filled: usize,
    taken: usize,
}

impl<'a> StoredRows<'a> {
    /// Of a source whose signature has been seen, with rows of so many bytes.
    pub(super) fn new(source: &'a [u8], row: usize) -> Self {
        let mut inflater = Box::new(Decompressor::new());
        // What it guards against is not what is in the way of a thumbnail.
        inflater.ignore_adler32();
        let window = vec![0; LOOKBACK.max(row + 1) + ROOM];
        let chunks = source.get(8..).unwrap_or_default();
        Self { chunks, chunk: &[], inflater, window, filled: 0, taken: 0 }
    }

    /// Bytes that are held for rows of this length.
    pub(super) fn memory(row: usize) -> usize {
        LOOKBACK.max(row + 1) + ROOM + size_of::<Decompressor>()
    }

    /// The next row's filter, and its bytes into `row`.
    pub(super) fn next(&mut self, row: &mut [u8]) -> Result<u8, Unthumbnailable> {
        let length = row.len() + 1;
        while self.filled - self.taken < length {
            self.inflate()?;
        }
        let stored = &self.window[self.taken..][..length];
        row.copy_from_slice(&stored[1..]);
        self.taken += length;
        Ok(stored[0])
    }

    fn inflate(&mut self) -> Result<(), Unthumbnailable> {
        if self.chunk.is_empty() {
            self.chunk = next_data(&mut self.chunks).unwrap_or_default();
        }
        if self.filled == self.window.len() {
            let kept = self.taken.min(self.filled - LOOKBACK);
            self.window.copy_within(kept..self.filled, 0);
            (self.filled, self.taken) = (self.filled - kept, self.taken - kept);
        }
        let end = self.window.len().min(self.filled + AT_ONCE);
        let is_last = self.chunk.is_empty();
        let read = self.inflater.read(self.chunk, &mut self.window[..end], self.filled, is_last);
        let (read, inflated) = read.map_err(|_| Unthumbnailable::Broken)?;
        if read == 0 && inflated == 0 {
            return Err(Unthumbnailable::Broken);
        }
        self.chunk = &self.chunk[read..];
        self.filled += inflated;
        Ok(())
    }
}

/// What the next `IDAT` chunk holds that is not empty; the last one may be cut short. They stand in a row (section 5.6).
fn next_data<'a>(chunks: &mut &'a [u8]) -> Option<&'a [u8]> {
    loop {
        let (length, rest) = chunks.split_first_chunk()?;
        let (name, rest) = rest.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let data = rest.get(..length).unwrap_or(rest);
        // A checksum of four bytes stands behind it.
        *chunks = rest.get(length + 4..).unwrap_or_default();
        if name == b"IDAT" && !data.is_empty() {
            return Some(data);
        }
    }
}
