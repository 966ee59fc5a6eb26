//! Pictures of every sampling, size and kind, against a complete decoder and a shrinking of what it gives.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "pixels of small pictures are counted"
)]

use image::{RgbImage, codecs::jpeg::JpegDecoder, imageops};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use jpeg_shrink::{Color, Decoded, Eighths, Plane, header};

use crate::small;

/// With how many pixels across and down a sample of chroma has.
const SAMPLINGS: [(SamplingFactor, (usize, usize)); 5] = [
    (SamplingFactor::F_1_1, (1, 1)),
    (SamplingFactor::F_2_1, (2, 1)),
    (SamplingFactor::F_1_2, (1, 2)),
    (SamplingFactor::F_2_2, (2, 2)),
    (SamplingFactor::F_4_1, (4, 1)),
];

const SIZES: [(u32, u32); 8] = [(1, 1), (7, 9), (8, 8), (16, 16), (17, 33), (65, 3), (130, 97), (200, 160)];

/// Ways to write a picture.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Plain,
    Optimized,
    Progressive,
    Restarts,
}

/// A picture that is in the fixtures.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/");
    std::fs::read(format!("{folder}{name}")).unwrap()
}

/// A piece of a photograph: bark, a bird, and blurred ground.
pub(crate) fn photograph(width: u32, height: u32) -> RgbImage {
    static SMALL: std::sync::LazyLock<RgbImage> = std::sync::LazyLock::new(|| {
        let whole = image::load_from_memory(&fixture("photo.jpg")).unwrap().into_rgb8();
        imageops::resize(&whole, 600, 338, imageops::FilterType::Triangle)
    });
    imageops::crop_imm(&*SMALL, 180, 60, width, height).to_image()
}

/// A photograph as a JPEG.
fn encoded(photograph: &RgbImage, sampling: SamplingFactor, kind: Kind, color: ColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 88);
    encoder.set_sampling_factor(sampling);
    match kind {
        Kind::Plain => {}
        Kind::Optimized => encoder.set_optimized_huffman_tables(true),
        Kind::Progressive => encoder.set_progressive(true),
        Kind::Restarts => encoder.set_restart_interval(3),
    }
    let (width, height) = photograph.dimensions();
    let pixels: Vec<u8> = match color {
        ColorType::Luma => photograph.pixels().map(|pixel| pixel.0[1]).collect(),
        ColorType::Cmyk => {
            photograph.pixels().flat_map(|pixel| [pixel.0[0], pixel.0[1], pixel.0[2], 40]).collect()
        }
        _ => photograph.as_raw().clone(),
    };
    encoder.encode(&pixels, u16::try_from(width).unwrap(), u16::try_from(height).unwrap(), color).unwrap();
    bytes
}

/// A photograph in the way that most cameras write one.
pub(crate) fn jpeg(width: u32, height: u32) -> Vec<u8> {
    encoded(&photograph(width, height), SamplingFactor::F_2_2, Kind::Plain, ColorType::Rgb)
}

/// The same, progressive.
pub(crate) fn progressive_jpeg(width: u32, height: u32) -> Vec<u8> {
    encoded(&photograph(width, height), SamplingFactor::F_2_2, Kind::Progressive, ColorType::Rgb)
}

/// Components of full size, as a complete decoder gives them.
fn components(source: &[u8]) -> (usize, Vec<Vec<f64>>) {
    let decoder = JpegDecoder::new(std::io::Cursor::new(source)).unwrap();
    let picture = image::DynamicImage::from_decoder(decoder).unwrap();
    let width = usize::try_from(picture.width()).unwrap();
    if let image::DynamicImage::ImageLuma8(gray) = picture {
        return (width, vec![gray.iter().map(|sample| f64::from(*sample)).collect()]);
    }
    let rgb = picture.into_rgb8();
    let component = |weights: [f64; 3], offset: f64| {
        let sample = |pixel: &image::Rgb<u8>| {
            pixel.0.iter().zip(weights).map(|(sample, weight)| f64::from(*sample) * weight).sum::<f64>()
                + offset
        };
        rgb.pixels().map(sample).collect()
    };
    // ITU-T T.871, section 7.
    let luma = component([0.299, 0.587, 0.114], 0.0);
    let blue = component([-0.168_736, -0.331_264, 0.5], 128.0);
    let red = component([0.5, -0.418_688, -0.081_312], 128.0);
    (width, vec![luma, blue, red])
}

/// The mean of the pixels under a sample; pixels that are under it in part count in part.
fn under(pixels: &[f64], width: usize, (x, y): (usize, usize), (across, down): (f64, f64)) -> f64 {
    let weights = |index: usize, length: f64| {
        let (start, end) = (index as f64 * length, (index + 1) as f64 * length);
        (start.floor() as usize..end.ceil() as usize)
            .map(move |pixel| (pixel, (end.min(pixel as f64 + 1.0) - start.max(pixel as f64)) / length))
    };
    let row = |line: usize| -> f64 {
        weights(x, across).map(|(column, weight)| pixels[line * width + column] * weight).sum()
    };
    weights(y, down).map(|(line, weight)| row(line) * weight).sum()
}

/// How far a plane is from the shrunk component, in decibels, where it lies on the picture as a whole; nothing when it nowhere does.
fn likeness(plane: &Plane, pixels: &[f64], width: usize, scale: (f64, f64)) -> Option<f64> {
    let height = pixels.len() / width;
    let inside = ((width as f64 / scale.0 + 1e-9) as usize, (height as f64 / scale.1 + 1e-9) as usize);
    let places = (0..inside.1).flat_map(|y| (0..inside.0).map(move |x| (x, y)));
    let errors: Vec<_> = places
        .map(|(x, y)| {
            let expected = under(pixels, width, (x, y), scale);
            (f64::from(plane.samples[y * plane.stride + x]) - expected).powi(2)
        })
        .collect();
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    (!errors.is_empty()).then(|| 10.0 * (255.0_f64.powi(2) / mean.max(0.01)).log10())
}

/// Means are the same; larger sizes are sharper than a mean of pixels is.
fn least_likeness(eighths: Eighths) -> f64 {
    match eighths {
        Eighths::One => 44.0,
        Eighths::Two | Eighths::Three => 33.0,
        Eighths::Four => 30.0,
    }
}

fn check(source: &[u8], chroma: (usize, usize), what: &str) {
    let (width, components) = components(source);
    let header = header(source).unwrap();
    let height = components[0].len() / width;
    assert_eq!((header.width as usize, header.height as usize), (width, height), "{what}");
    for eighths in Eighths::ALL {
        let decoded = small(source, eighths).unwrap();
        assert_eq!(decoded.planes.len(), components.len(), "{what}");
        for (index, (plane, component)) in decoded.planes.iter().zip(&components).enumerate() {
            let share = if index == 0 { (1, 1) } else { chroma };
            let n = eighths.count();
            let side = |pixels: usize, share: usize| (pixels.div_ceil(share) * n).div_ceil(8);
            assert_eq!((plane.width, plane.height), (side(width, share.0), side(height, share.1)), "{what}");
            let scale = ((8 * share.0) as f64 / n as f64, (8 * share.1) as f64 / n as f64);
            assert!((plane.exact_width - width as f64 / scale.0).abs() < 1e-9, "{what}");
            assert!((plane.exact_height - height as f64 / scale.1).abs() < 1e-9, "{what}");
            if let Some(likeness) = likeness(plane, component, width, scale) {
                let least = least_likeness(eighths);
                assert!(likeness > least, "{what}, component {index} at {n}/8: {likeness:.1} dB");
            }
        }
    }
}

/// What of a picture can be seen, without its padding.
fn seen(decoded: &Decoded) -> Vec<Vec<u8>> {
    let rows = |plane: &Plane| {
        let rows = plane.samples.chunks_exact(plane.stride).take(plane.height);
        rows.flat_map(|row| row[..plane.width].to_vec()).collect()
    };
    decoded.planes.iter().map(rows).collect()
}

/// Written in one scan, a picture is what a complete decoder says; written in others, it is the same. The complete decoder is not
/// asked of those, because it gets some of them wrong: zune-jpeg 0.5.15 takes the second row of blocks from elsewhere when
/// components come one by one.
fn check_all_kinds(
    photograph: &RgbImage,
    sampling: SamplingFactor,
    chroma: (usize, usize),
    color: ColorType,
) {
    let what = format!("{:?}, {sampling:?}, {color:?}", photograph.dimensions());
    let plain = encoded(photograph, sampling, Kind::Plain, color);
    check(&plain, chroma, &what);
    for kind in [Kind::Optimized, Kind::Progressive, Kind::Restarts] {
        let other = encoded(photograph, sampling, kind, color);
        assert_eq!(header(&other).unwrap().progressive, matches!(kind, Kind::Progressive));
        for eighths in Eighths::ALL {
            let (plain, other) = (small(&plain, eighths).unwrap(), small(&other, eighths).unwrap());
            assert!(seen(&plain) == seen(&other), "{what}, {kind:?} at {eighths:?}");
        }
    }
}

#[test]
fn every_sampling_and_size_and_kind_looks_like_the_whole_made_smaller() {
    for (sampling, chroma) in SAMPLINGS {
        for (width, height) in SIZES {
            check_all_kinds(&photograph(width, height), sampling, chroma, ColorType::Rgb);
        }
    }
}

/// zune-jpeg 0.5.15 is off at this one, where libjpeg says the same as we do. But luminance does not depend on it.
#[test]
fn four_rows_for_one_are_read_as_one_for_one() {
    for (width, height) in SIZES {
        let decoded = |sampling, eighths| {
            let source = encoded(&photograph(width, height), sampling, Kind::Plain, ColorType::Rgb);
            small(&source, eighths).unwrap()
        };
        for eighths in Eighths::ALL {
            let tall = decoded(SamplingFactor::F_1_4, eighths);
            assert_eq!(
                seen(&tall)[0],
                seen(&decoded(SamplingFactor::F_1_1, eighths))[0],
                "{width} × {height}"
            );
            let chroma = (height as usize).div_ceil(4);
            assert_eq!(tall.planes[1].height, (chroma * eighths.count()).div_ceil(8));
        }
    }
}

#[test]
fn gray_is_one_plane() {
    for (width, height) in SIZES {
        check_all_kinds(&photograph(width, height), SamplingFactor::F_1_1, (1, 1), ColorType::Luma);
    }
    let source = encoded(&photograph(8, 8), SamplingFactor::F_1_1, Kind::Plain, ColorType::Luma);
    assert_eq!(small(&source, Eighths::Two).unwrap().color, Color::Gray);
}

#[test]
fn four_inks_are_four_planes() {
    let photograph = photograph(64, 48);
    let source = encoded(&photograph, SamplingFactor::F_1_1, Kind::Plain, ColorType::Cmyk);
    let decoded = small(&source, Eighths::One).unwrap();
    assert_eq!((decoded.color, decoded.planes.len()), (Color::Cmyk, 4));
    assert_eq!(decoded.inverted, header(&source).unwrap().inverted);
    let black = decoded.planes[3].samples[0];
    assert_eq!(black, if decoded.inverted { 255 - 40 } else { 40 });
}

#[test]
fn photographs_look_like_themselves() {
    check(&fixture("photo.jpg"), (2, 1), "photo.jpg");
    check(&fixture("mountains.jpg"), (2, 2), "mountains.jpg");
    check(&fixture("on-its-side.jpg"), (2, 2), "on-its-side.jpg");
}
