//! Whether a picture may be decoded, by its header and its length alone.

use media_core::Limits;

use crate::{Unthumbnailable, formats::Header};

/// Says no before anything is decoded: a header that promises too much costs nothing.
pub(crate) fn admit(source: &[u8], header: &Header, limits: &Limits) -> Result<(), Unthumbnailable> {
    if source.len() as u64 > limits.image_bytes {
        return Err(Unthumbnailable::TooManyBytes);
    }
    // Synapse refuses at the limit, not above it (`max_image_pixels`).
    if u64::from(header.width) * u64::from(header.height) >= limits.image_pixels {
        return Err(Unthumbnailable::TooManyPixels);
    }
    Ok(())
}
