//! Decodes the key frame of a lossy WebP row by row, without its loop filter: for those who make it smaller.
//!
//! What a WebP's `VP8 ` chunk holds is one key frame of a VP8 film (RFC 6386). A complete decoder makes all of it before it
//! smooths the edges of its blocks, which is a third of the work, and for which it keeps every sample. Whoever shrinks the
//! picture has no use for that: an edge that is a pixel wide is not seen when several pixels become one. Without the filter no
//! row depends on more than the one above it, so that rows are handed out as soon as they are there, and forgotten.
//!
//! ```no_run
//! # fn main() -> Result<(), vp8_rows::Error> {
//! # let chunk: Vec<u8> = Vec::new();
//! use vp8_rows::Frame;
//!
//! let frame = Frame::read(&chunk)?;
//! let mut sum = 0;
//! frame.rows(&|| true, |rows| {
//!     for line in rows.luma.iter() {
//!         assert_eq!(line.len(), frame.width() as usize);
//!         sum += line.iter().map(|sample| u64::from(*sample)).sum::<u64>();
//!     }
//! })?;
//! # Ok(())
//! # }
//! ```
//!
//! # How it goes
//!
//! | step | module | of RFC 6386 |
//! |---|---|---|
//! | yes or no, out of bytes | `bools` | 7 |
//! | what the frame says of itself | `header`, `partitions`, `quantizers` | 9, 19.2 |
//! | how each macroblock is predicted | `modes` | 8, 10, 11 |
//! | its frequencies | `tokens` | 13 |
//! | prediction: whole blocks, and subblocks | `predict`, `subblocks` | 12 |
//! | frequencies to samples | `residue`, `transform` | 14 |
//! | one macroblock, and a row of them | `canvas`, `frame` | |
//!
//! Numbers that the standard lists are in `mode_probabilities`, `token_probabilities` and `quantizer_steps`.
//!
//! # What it does not do
//!
//! The loop filter (section 15), frames that depend on others, and the colours: samples are as they are stored, in the range
//! of television.
//!
//! A frame that ends early is decoded as if zeros followed, which are blocks without frequencies: what is there of it is
//! shown. Where nothing can be shown, since the first partition or the sizes of the others are cut short, it is
//! [`Error::Broken`]. Work is bounded by the size that the header tells, memory by its width.
#![forbid(unsafe_code)]

mod bools;
mod canvas;
mod error;
mod frame;
mod header;
mod mode_probabilities;
mod modes;
mod partitions;
mod predict;
mod quantizer_steps;
mod quantizers;
mod residue;
mod rows;
mod subblocks;
mod token_probabilities;
mod tokens;
mod transform;

pub use self::{
    error::Error,
    frame::Frame,
    rows::{Lines, Rows},
};
