//! Broken pictures: hundreds of each kind, the same ones every time, and none that panics.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbaImage};
use imaging::{measure, thumbnails};
use media_core::{Limits, thumbnail::USUAL};

/// Mutants of each seed.
const MUTANTS: usize = 60;

/// Chance that is the same every time (a linear congruential generator, by Knuth).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end.max(1)
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }
}

/// At least one picture of every kind, and of every way to keep pixels in it.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let drawn = RgbaImage::from_fn(40, 30, |x, y| {
        image::Rgba([x, y, x ^ y, 10 * x].map(|value| u8::try_from(6 * value % 256).unwrap()))
    });
    let clear = DynamicImage::ImageRgba8(drawn);
    let opaque = DynamicImage::ImageRgb8(clear.to_rgb8());
    let gray = DynamicImage::ImageLuma8(clear.to_luma8());
    let formats = [
        (ImageFormat::Jpeg, vec![&opaque, &gray]),
        (ImageFormat::Png, vec![&opaque, &clear, &gray]),
        (ImageFormat::Gif, vec![&opaque, &clear]),
        (ImageFormat::WebP, vec![&opaque, &clear]),
        (ImageFormat::Bmp, vec![&opaque, &clear]),
        (ImageFormat::Ico, vec![&clear]),
        (ImageFormat::Tiff, vec![&opaque, &clear, &gray]),
        (ImageFormat::Qoi, vec![&opaque, &clear]),
    ];
    let mut seeds = Vec::new();
    for (format, pictures) in formats {
        for (at, picture) in pictures.into_iter().enumerate() {
            let mut bytes = Cursor::new(Vec::new());
            picture.write_to(&mut bytes, format).unwrap();
            seeds.push((format!("{format:?} {at}"), bytes.into_inner()));
        }
    }
    let mut files: Vec<_> = std::fs::read_dir(format!("{}/tests/pictures", env!("CARGO_MANIFEST_DIR")))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension != "md"))
        .collect();
    files.sort();
    seeds.extend(files.into_iter().map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())));
    seeds
}

/// Does to a picture what storms, bad disks and bad people do.
fn mutilate(source: &[u8], other: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut broken = source.to_vec();
    for _ in 0..=chance.below(3) {
        let length = broken.len().max(1);
        // Most that matters stands at the beginning.
        let at = if chance.below(2) == 0 { chance.below(length.min(100)) } else { chance.below(length) };
        let run = 1 + chance.below(40);
        let end = (at + run).min(broken.len());
        match chance.below(9) {
            0 | 1 => broken[at..end.min(at + 1)].fill(chance.byte()),
            2 => broken[at..end.min(at + 4)].fill([0, 0xff, 0x7f, 0x80][chance.below(4)]),
            3 => broken.truncate(at.max(8)),
            4 => drop(broken.drain(at..end)),
            5 => {
                let twice = broken[at..end].to_vec();
                broken.splice(at..at, twice);
            }
            6 => {
                let to = chance.below(length - (end - at));
                let moved: Vec<u8> = broken.drain(at..end).collect();
                broken.splice(to..to, moved);
            }
            7 => {
                let from = chance.below(other.len());
                broken.splice(at.., other[from..].iter().copied());
            }
            _ => broken.iter_mut().skip(at).take(run).for_each(|byte| *byte ^= 1 << chance.below(8)),
        }
        if broken.is_empty() {
            broken = source.to_vec();
        }
    }
    broken
}

#[test]
fn no_broken_picture_panics_and_what_comes_of_one_is_whole() {
    let seeds = seeds();
    let limits = Limits { image_pixels: 4 * 1024 * 1024, ..Limits::default() };
    let mut chance = Chance(1);
    let (mut made, mut refused) = (0, 0);
    for (name, source) in &seeds {
        for _ in 0..MUTANTS {
            // Half of the other pictures are of the same kind.
            let (_, other) = &seeds[chance.below(seeds.len())];
            let broken = mutilate(source, if chance.below(2) == 0 { source } else { other }, &mut chance);
            let measured = measure(&broken);
            match thumbnails(&broken, &USUAL, &limits, &|| false) {
                Ok(pictures) => {
                    made += 1;
                    assert!(measured.is_ok(), "{name}");
                    for picture in pictures {
                        let seen = image::load_from_memory(&picture.bytes).unwrap();
                        assert_eq!((seen.width(), seen.height()), (picture.width, picture.height), "{name}");
                    }
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(seeds.len() >= 40 && made > 100 && refused > 300, "{} {made} {refused}", seeds.len());
}
