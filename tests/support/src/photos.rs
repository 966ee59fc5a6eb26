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
