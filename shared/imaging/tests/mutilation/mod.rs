//! Pictures of every kind, and what storms, bad disks and bad people do to them.

use std::{io::Cursor, path::Path};

use image::{DynamicImage, ImageFormat, RgbaImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use webp::{PixelLayout, WebPConfig};

/// A picture with a name to find it by.
pub(crate) type Seed = (String, Vec<u8>);

/// Chance that is the same every time (a linear congruential generator, by Knuth).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end.max(1)
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }
}

/// At least one picture of every kind, and of every way to keep pixels in it.
pub(crate) fn seeds() -> Vec<Seed> {
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
    seeds.extend(jpegs(&opaque, &clear));
    for folder in ["pictures", "found"] {
        seeds.extend(files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder)));
    }
    seeds
}

/// The files of a folder that are no notes, in the order of their names.
pub(crate) fn files(folder: &Path) -> Vec<Seed> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file() && path.extension().is_none_or(|extension| extension != "md"))
        .collect();
    files.sort();
    files.into_iter().map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).collect()
}

/// JPEGs that come coarse first, with marks to restart at, and of inks.
fn jpegs(opaque: &DynamicImage, inks: &DynamicImage) -> Vec<Seed> {
    let jpeg = |picture: &DynamicImage, color, change: &dyn Fn(&mut Encoder<&mut Vec<u8>>)| {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 90);
        change(&mut encoder);
        let side = |side: u32| u16::try_from(side).unwrap();
        encoder.encode(picture.as_bytes(), side(picture.width()), side(picture.height()), color).unwrap();
        bytes
    };
    [
        ("progressive", jpeg(opaque, ColorType::Rgb, &|encoder| encoder.set_progressive(true))),
        ("restarts", jpeg(opaque, ColorType::Rgb, &|encoder| encoder.set_restart_interval(2))),
        (
            "4:1:1",
            jpeg(opaque, ColorType::Rgb, &|encoder| encoder.set_sampling_factor(SamplingFactor::F_4_1)),
        ),
        ("CMYK", jpeg(inks, ColorType::Cmyk, &|_| {})),
        ("YCCK", jpeg(inks, ColorType::CmykAsYcck, &|encoder| encoder.set_progressive(true))),
    ]
    .map(|(name, bytes)| (format!("JPEG, {name}"), bytes))
    .into()
}

/// Lossless WebP in all the ways in which libwebp writes it: palettes of every width, predicted, with a cache of colours, with
/// many groups of codes; and lossy with opacity, which is lossless.
pub(crate) fn lossless() -> Vec<Seed> {
    let mut chance = Chance(7);
    let mut seeds = Vec::new();
    for (name, (width, height), colours) in [
        ("two colours", (70_u32, 20_u32), 2),
        ("four colours", (33, 31), 4),
        ("sixteen colours", (40, 30), 16),
        ("200 colours", (64, 48), 200),
        ("noise", (24, 24), 1 << 24),
        ("a slope", (64, 64), 0),
        ("patches", (256, 192), 1),
    ] {
        let picture = RgbaImage::from_fn(width, height, |x, y| {
            let [r, g, b, a] = match colours {
                0 => [4 * x, 4 * y, 2 * (x + y), 255],
                1 if (x / 64 + y / 64) % 2 == 0 => [x, y, 255 - x, 255],
                1 => [u32::try_from(chance.below(256)).unwrap(), y / 3, x & 7, 100 + y / 2],
                _ => {
                    let colour = u32::try_from(chance.below(colours)).unwrap().wrapping_mul(0x9e37_79b1);
                    [colour & 255, colour >> 8 & 255, colour >> 16 & 255, 255]
                }
            };
            image::Rgba([r, g, b, a].map(|value| u8::try_from(value & 255).unwrap()))
        });
        for (lossless, method, quality) in [(1, 0, 0.0), (1, 3, 60.0), (1, 6, 100.0), (0, 4, 70.0)] {
            let mut config = WebPConfig::new().unwrap();
            (config.lossless, config.method, config.quality, config.exact) = (lossless, method, quality, 1);
            let encoder = webp::Encoder::new(&picture, PixelLayout::Rgba, width, height);
            let bytes = encoder.encode_advanced(&config).unwrap().to_vec();
            seeds.push((format!("WebP, {name}, {lossless} {method}"), bytes));
        }
    }
    seeds
}

/// Does to a picture what storms, bad disks and bad people do.
pub(crate) fn mutilate(source: &[u8], other: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut broken = source.to_vec();
    for _ in 0..=chance.below(3) {
        let length = broken.len().max(1);
        // Most that matters stands at the beginning.
        let at = if chance.below(2) == 0 { chance.below(length.min(100)) } else { chance.below(length) };
        let run = 1 + chance.below(40);
        let end = (at + run).min(broken.len());
        match chance.below(11) {
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
            8 => {
                // A number of two or four bytes, in either order.
                let number =
                    [0_u32, 1, 2, 0x7f, 0xff, 0x100, 0x7fff, 0xffff, 0x1_0000, 0x7fff_ffff, u32::MAX]
                        [chance.below(11)];
                let number = number.wrapping_add(u32::from(chance.byte() % 3)).wrapping_sub(1);
                let bytes = if chance.below(2) == 0 { number.to_le_bytes() } else { number.to_be_bytes() };
                let bytes = [&bytes[..2], &bytes[2..], &bytes[..]][chance.below(3)];
                broken.iter_mut().skip(at).zip(bytes).for_each(|(byte, new)| *byte = *new);
            }
            9 => {
                // A single bit, anywhere.
                let at = chance.below(length);
                broken[at] ^= 1 << chance.below(8);
            }
            _ => broken.iter_mut().skip(at).take(run).for_each(|byte| *byte ^= 1 << chance.below(8)),
        }
        if broken.is_empty() {
            broken = source.to_vec();
        }
    }
    broken
}
