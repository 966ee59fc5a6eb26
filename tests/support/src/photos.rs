//! Real pictures, and ways to compare them by look.

use std::path::PathBuf;

use bytes::Bytes;

/// A file of `tests/fixtures`.
#[must_use]
pub fn fixture(name: &str) -> Bytes {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into()
}

/// Width and height of an encoded picture.
#[must_use]
pub fn size_of(picture: &[u8]) -> (u32, u32) {
    let picture = image::load_from_memory(picture).expect("a picture");
    (picture.width(), picture.height())
}

/// A PNG of these pixels, in which no two neighbours are alike.
#[must_use]
pub fn drawn(width: u32, height: u32) -> Bytes {
    let shade = |x: u32| u8::try_from(x % 256).unwrap_or_default();
    let picture =
        image::RgbImage::from_fn(width, height, |x, y| image::Rgb([shade(x), shade(y), shade(x * y)]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("a PNG");
    bytes.into_inner().into()
}

/// An uncompressed picture: three bytes a pixel.
#[must_use]
pub fn drawn_as_bitmap(width: u32, height: u32) -> Bytes {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::new(width, height);
    picture.write_to(&mut bytes, image::ImageFormat::Bmp).expect("a bitmap");
    bytes.into_inner().into()
}

/// The media type of an encoded picture, by its own bytes.
#[must_use]
pub fn type_of(picture: &[u8]) -> &'static str {
    image::guess_format(picture).expect("a picture").to_mime_type()
}

/// How many frames an encoded picture has.
#[must_use]
pub fn frames_of(picture: &[u8]) -> usize {
    use image::AnimationDecoder as _;
    let bytes = std::io::Cursor::new(picture);
    match image::guess_format(picture).expect("a picture") {
        image::ImageFormat::Gif => {
            image::codecs::gif::GifDecoder::new(bytes).expect("a GIF").into_frames().count()
        }
        image::ImageFormat::WebP => {
            let webp = image::codecs::webp::WebPDecoder::new(bytes).expect("a WebP");
            if webp.has_animation() { webp.into_frames().count() } else { 1 }
        }
        _ => 1,
    }
}

/// How differently two encoded pictures look, from 0 (alike) to 255: both are shrunk to 16×16 and compared.
#[must_use]
pub fn difference(one: &[u8], other: &[u8]) -> f64 {
    let (one, other) = (miniature(one), miniature(other));
    let sum: u32 = one.iter().zip(&other).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    f64::from(sum) / f64::from(u32::try_from(one.len()).expect("a miniature's length"))
}

fn miniature(picture: &[u8]) -> Vec<u8> {
    let picture = image::load_from_memory(picture).expect("a picture");
    picture.resize_exact(16, 16, image::imageops::FilterType::Triangle).to_rgb8().into_raw()
}
