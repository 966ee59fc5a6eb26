//! What is measured.

use clap::ValueEnum;
use imaging::Picture;
use jpeg_shrink::{Budget, Eighths};
use media_core::{Limits, thumbnail::USUAL};
use serde::Deserialize;

use crate::error::Error;

#[derive(Clone, Copy, Debug, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Work {
    /// The largest usual thumbnail.
    One,
    /// All the usual ones.
    Five,
    /// A JPEG decoded at a quarter of its size, and nothing made of it.
    Quarter,
}

/// Does it once, with nothing in its way: pictures may be as large as they are.
pub(crate) fn make(work: Work, source: &[u8]) -> Result<Vec<Picture>, Error> {
    let shapes = match work {
        Work::One => &USUAL[4..],
        Work::Five => &USUAL,
        Work::Quarter => {
            let budget = Budget { memory_bytes: usize::MAX, keep_going: &|| true };
            jpeg_shrink::decode(source, Eighths::Two, &budget)?;
            return Ok(Vec::new());
        }
    };
    let limits = Limits { image_pixels: 1 << 30, image_bytes: u64::MAX, ..Limits::default() };
    Ok(imaging::thumbnails(source, shapes, &limits, &|| false)?)
}

/// The same, as a function of its own, by whose name a tool knows where to begin counting and where to end.
#[inline(never)]
pub(crate) fn counted(work: Work, source: &[u8]) -> Result<Vec<Picture>, Error> {
    make(work, source)
}
