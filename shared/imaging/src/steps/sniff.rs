//! What kind of picture these bytes are, by their beginning.

use image::ImageFormat;

use crate::Unthumbnailable;

/// The kinds that are decoded here.
const KINDS: [ImageFormat; 8] = [
    ImageFormat::Jpeg,
    ImageFormat::Png,
    ImageFormat::Gif,
    ImageFormat::WebP,
    ImageFormat::Bmp,
    ImageFormat::Ico,
    ImageFormat::Tiff,
    ImageFormat::Qoi,
];

/// The kind, or a refusal when it is none of ours.
pub(crate) fn sniff(source: &[u8]) -> Result<ImageFormat, Unthumbnailable> {
    let kind = image::guess_format(source).map_err(|_| Unthumbnailable::NotAPicture)?;
    if KINDS.contains(&kind) { Ok(kind) } else { Err(Unthumbnailable::NotAPicture) }
}
