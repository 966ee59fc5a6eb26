//! Decodes JPEG pictures straight to 1/8, 2/8, 3/8 or 4/8 of their size, from the low frequencies alone.
//!
//! A JPEG picture is stored as blocks of 8 × 8 frequencies (ITU-T T.81, from here on "T.81"). Whoever wants it at n/8 of its
//! size needs no more than the n × n lowest of each block: an inverse transform of n × n points over them gives n × n samples,
//! as if the whole had been decoded and each block then shrunk with a filter that leaves no aliases. So most of the work of a
//! decoder falls away: no full transform, no upsampling of colours, no conversion, and of most codes only their lengths are
//! needed.
//!
//! ```no_run
//! # fn main() -> Result<(), jpeg_shrink::Error> {
//! # let source: Vec<u8> = Vec::new();
//! use jpeg_shrink::{Budget, Eighths, decode, header, memory};
//!
//! let header = header(&source)?;
//! let eighths = if header.width > 4000 { Eighths::One } else { Eighths::Four };
//! let budget = Budget { memory_bytes: memory(&header, eighths), keep_going: &|| true };
//! let picture = decode(&source, eighths, &budget)?;
//! assert_eq!(picture.planes[0].height, header.height.div_ceil(8) as usize * eighths.count());
//! # Ok(())
//! # }
//! ```
//!
//! # How it goes
//!
//! | step | module | of T.81 |
//! |---|---|---|
//! | from marker to marker | `segments`, `tables`, `frame`, `scan`, `header` | B |
//! | which scans matter at this size | `progression` | G.1.1 |
//! | bits without their stuffing | `bits` | F.2.2.5 |
//! | codes to values, and over what is not wanted | `huffman` | C, F.2.2 |
//! | the blocks of a scan | `intervals`, `sequential`, `progressive` | E.2, F.2, G.2 |
//! | frequencies to samples | `transform`, `zigzag` | A.3.3, A.3.4, A.3.6 |
//!
//! # What it does not do
//!
//! Arithmetic coding, lossless and hierarchical pictures, more than 8 bits and pictures whose height comes after their first scan
//! are [`Error::Unsupported`]: another decoder has to take them. [`header()`] measures them nevertheless. Colours are left as they
//! are stored, at their own sampling.
//!
//! A picture that ends early, or whose data make no sense, is decoded as far as it goes, as libjpeg does it; what is missing is
//! mid-grey. What is wrong in a way that no writer writes is [`Error::Broken`].

mod bits;
mod decode;
mod eighths;
mod error;
mod frame;
mod header;
mod huffman;
mod intervals;
mod plane;
mod profile;
mod progression;
mod progressive;
mod scan;
mod segments;
mod sequential;
mod tables;
mod transform;
mod zigzag;

pub use self::{
    decode::{Budget, Decoded, decode, memory},
    eighths::Eighths,
    error::Error,
    header::{Color, Header, MAX_PROFILE_BYTES, header},
    plane::Plane,
    progression::MAX_SCANS,
};
