//! Bytes in, thumbnails out: pure CPU, no I/O, no panic on any input.
//!
//! What is a picture is decided by its bytes, never by its claimed type. `docs/formats.md` says which kinds are understood, by
//! which crates, and why others are not. Nothing is decoded before its header was measured and admitted, and whatever is
//! decoded is decoded no larger than its thumbnails need.

mod budget;
mod encode;
mod formats;
mod pipeline;
mod raster;
mod steps;

use media_core::thumbnail::{Format, Shape};

pub use pipeline::{content_type, is_picture, measure, thumbnails};

/// What the header of a picture says, before any pixel is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Pixels across, as seen: after the orientation was applied.
    pub width: u32,
    /// Pixels down, as seen.
    pub height: u32,
    /// Whether there is more than one frame.
    pub moves: bool,
}

/// One thumbnail, encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The shape that it answers. It is still where the source is, whatever was asked for.
    pub shape: Shape,
    /// What it is encoded as.
    pub format: Format,
    /// Its real width, at most the shape's.
    pub width: u32,
    /// Its real height, at most the shape's.
    pub height: u32,
    /// The encoded bytes; the same for the same input.
    pub bytes: Vec<u8>,
}

/// Why there is no thumbnail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unthumbnailable {
    /// The bytes are no picture of a kind that is understood.
    #[error("this is no picture of a kind that is understood")]
    NotAPicture,
    /// They begin like a picture and are none.
    #[error("the picture is broken")]
    Broken,
    /// As many pixels as the limit, or more.
    #[error("the picture has too many pixels")]
    TooManyPixels,
    /// More bytes than the limit.
    #[error("the picture's file is too large")]
    TooManyBytes,
    /// Decoding would take more memory than [`media_core::limits::DECODER_MEMORY_BYTES`].
    #[error("the picture would take too much memory")]
    TooMuchMemory,
    /// The time that the caller gave is over.
    #[error("the time for this picture is over")]
    OutOfTime,
}
