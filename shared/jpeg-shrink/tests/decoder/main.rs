//! What the decoder promises, asked through its front door.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod blocks;
mod bombs;
mod handmade;
mod headers;
mod mutilations;
mod pictures;
mod progressions;
mod restarts;
mod truncations;

use jpeg_shrink::{Budget, Decoded, Eighths, Error, decode};

/// Decodes with all the memory that there is.
fn small(source: &[u8], eighths: Eighths) -> Result<Decoded, Error> {
    decode(source, eighths, &Budget { memory_bytes: usize::MAX, keep_going: &|| true })
}
