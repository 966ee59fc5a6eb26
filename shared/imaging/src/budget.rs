//! What one picture may cost, asked inside the decoders and not after them.

use media_core::limits::DECODER_MEMORY_BYTES;

use crate::Unthumbnailable;

/// The memory and the time that are left for one source.
#[derive(Clone, Copy)]
pub(crate) struct Budget<'a> {
    /// Bytes that a decoder may hold at any moment, its result among them; the source is not counted.
    pub(crate) memory_bytes: usize,
    time_is_up: &'a dyn Fn() -> bool,
}

impl<'a> Budget<'a> {
    pub(crate) fn new(time_is_up: &'a dyn Fn() -> bool) -> Self {
        Self { memory_bytes: DECODER_MEMORY_BYTES, time_is_up }
    }

    /// What is left where so many bytes are taken.
    pub(crate) fn beside(&self, bytes: usize) -> Self {
        Self { memory_bytes: self.memory_bytes.saturating_sub(bytes), ..*self }
    }

    /// To be asked between pieces of work of a few milliseconds.
    pub(crate) fn in_time(&self) -> Result<(), Unthumbnailable> {
        if (self.time_is_up)() { Err(Unthumbnailable::OutOfTime) } else { Ok(()) }
    }

    /// To be asked before that much is allocated.
    pub(crate) fn has_memory(&self, bytes: usize) -> Result<(), Unthumbnailable> {
        if bytes > self.memory_bytes { Err(Unthumbnailable::TooMuchMemory) } else { Ok(()) }
    }
}
