//! How large a picture is and how it is held, from its header.

use image::metadata::Orientation;

use crate::{
    Measured, Unthumbnailable,
    formats::{self, Header, Kind},
};

/// Reads the header; decodes no pixel.
pub(crate) fn measure(source: &[u8], kind: Kind) -> Result<Header, Unthumbnailable> {
    let header = formats::header(source, kind)?;
    if header.width == 0 || header.height == 0 {
        return Err(Unthumbnailable::Broken);
    }
    Ok(header)
}

impl Header {
    /// The size as it is seen: what lies on its side is turned.
    pub(crate) fn seen(&self) -> Measured {
        let (width, height) = self.turned((self.width, self.height));
        Measured { width, height, moves: self.frames > 1 }
    }

    /// A size as stored for one as seen, and the other way round.
    pub(crate) fn turned(&self, (width, height): (u32, u32)) -> (u32, u32) {
        use Orientation as O;
        match self.orientation {
            O::Rotate90 | O::Rotate270 | O::Rotate90FlipH | O::Rotate270FlipH => (height, width),
            O::NoTransforms | O::Rotate180 | O::FlipHorizontal | O::FlipVertical => (width, height),
        }
    }
}
