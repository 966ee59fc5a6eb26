//! Pixels to bytes: a photograph stays JPEG, what shows something through is PNG, and the rest is whichever is smaller.

use image::{
    DynamicImage, ExtendedColorType, ImageEncoder as _, ImageFormat,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use media_core::thumbnail::{Format, Shape};

use crate::{Picture, Unthumbnailable};

/// The JPEG quality, of 100, as Synapse's.
const JPEG_QUALITY: u8 = 80;

/// Encodes one thumbnail; metadata of the source is not carried over.
pub(crate) fn encode(
    small: &DynamicImage,
    shape: Shape,
    source: ImageFormat,
) -> Result<Picture, Unthumbnailable> {
    let (format, bytes) = match small {
        DynamicImage::ImageRgba8(_) => (Format::Png, png(small)?),
        _ if source == ImageFormat::Jpeg => (Format::Jpeg, jpeg(small)?),
        _ => {
            let (lossless, photographic) = (png(small)?, jpeg(small)?);
            if photographic.len() < lossless.len() {
                (Format::Jpeg, photographic)
            } else {
                (Format::Png, lossless)
            }
        }
    };
    Ok(Picture { shape, format, width: small.width(), height: small.height(), bytes })
}

fn png(small: &DynamicImage) -> Result<Vec<u8>, Unthumbnailable> {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
    let color = if small.color().has_alpha() { ExtendedColorType::Rgba8 } else { ExtendedColorType::Rgb8 };
    encoder
        .write_image(small.as_bytes(), small.width(), small.height(), color)
        .map_err(|_| Unthumbnailable::Broken)?;
    Ok(bytes)
}

fn jpeg(small: &DynamicImage) -> Result<Vec<u8>, Unthumbnailable> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, JPEG_QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    let side = |pixels: u32| u16::try_from(pixels).map_err(|_| Unthumbnailable::TooManyPixels);
    encoder
        .encode(small.as_bytes(), side(small.width())?, side(small.height())?, ColorType::Rgb)
        .map_err(|_| Unthumbnailable::Broken)?;
    Ok(bytes)
}
