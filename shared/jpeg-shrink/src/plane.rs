//! One component of a picture, decoded.

/// What is left grey where a picture has no data: the middle of the samples' range (T.81, A.3.1).
pub(crate) const MID_GREY: u8 = 128;

/// The samples of one component, at its own sampling.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    /// Samples in a row, the last of which may be of the picture in part only.
    pub width: usize,
    /// Rows, the last of which may be of the picture in part only.
    pub height: usize,
    /// How much of `width` is of the picture: the picture's width times the component's share of it, times n/8, unrounded. For
    /// a resizer that wants to know exactly where the picture ends.
    pub exact_width: f64,
    /// How much of `height` is of the picture.
    pub exact_height: f64,
    /// From the beginning of one row to the beginning of the next, in `samples`. What is between, and what is below the last row,
    /// pads the picture to whole blocks.
    pub stride: usize,
    /// Row by row.
    pub samples: Vec<u8>,
}
