//! Colours that are not sRGB: inks as JPEG keeps them, with and without a profile of their press, and shades of grey with a curve
//! of their own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use image::RgbaImage;
use imaging::thumbnails;
use jpeg_encoder::{ColorType, Encoder};
use media_core::{
    Limits,
    thumbnail::{Method, Shape},
};
use moxcms::{ColorProfile, ToneReprCurve};

const RED: [u8; 3] = [255, 0, 0];
const GREEN: [u8; 3] = [0, 255, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const CYAN: [u8; 3] = [0, 255, 255];
const MAGENTA: [u8; 3] = [255, 0, 255];
const YELLOW: [u8; 3] = [255, 255, 0];
const WHITE: [u8; 3] = [255; 3];

/// Cyan, magenta, yellow and none of the inks; all of each two, and half of black.
const ONE_INK: [[u8; 4]; 4] = [[255, 0, 0, 0], [0, 255, 0, 0], [0, 0, 255, 0], [0, 0, 0, 0]];
const TWO_INKS: [[u8; 4]; 4] = [[0, 255, 255, 0], [255, 0, 255, 0], [255, 255, 0, 0], [0, 0, 0, 128]];

fn largest(source: &[u8]) -> RgbaImage {
    let shape = Shape::new(800, 600, Method::Scale);
    let made = thumbnails(source, &[shape], &Limits::default(), &|| false).unwrap();
    image::load_from_memory(&made[0].bytes).unwrap().into_rgba8()
}

/// The middles of the four quarters, each as far off as `tolerance` at most.
fn check(name: &str, source: &[u8], quarters: [[u8; 3]; 4], tolerance: u8) {
    let seen = largest(source);
    let (w, h) = (seen.width(), seen.height());
    let middles = [(w / 4, h / 4), (w * 3 / 4, h / 4), (w / 4, h * 3 / 4), (w * 3 / 4, h * 3 / 4)];
    for ((x, y), expected) in middles.into_iter().zip(quarters) {
        let is = seen.get_pixel(x, y).0;
        let off = is.iter().zip(expected).map(|(is, expected)| is.abs_diff(expected)).max();
        assert!(off <= Some(tolerance), "{name} at {x}, {y}: {is:?}, not {expected:?}");
    }
}

/// Four quarters of inks, as a JPEG.
fn jpeg(
    (width, height): (u16, u16),
    inks: [[u8; 4]; 4],
    kind: ColorType,
    change: impl FnOnce(&mut Encoder<&mut Vec<u8>>),
) -> Vec<u8> {
    let quarter = |x: u16, y: u16| usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2);
    let pixels: Vec<_> =
        (0..height).flat_map(|y| (0..width).map(move |x| inks[quarter(x, y)])).collect::<Vec<_>>();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 95);
    change(&mut encoder);
    encoder.encode(pixels.as_flattened(), width, height, kind).unwrap();
    bytes
}

/// Without Adobe's mark, by which inks are stored as what they leave of the paper.
fn unmarked(jpeg: &[u8]) -> Vec<u8> {
    let at = jpeg.windows(4).position(|bytes| bytes == [0xff, 0xee, 0, 14]).unwrap();
    [&jpeg[..at], &jpeg[at + 16..]].concat()
}

/// Small ones are decoded whole, by another decoder than those that are decoded at an eighth to a half of their size.
const SIZES: [(u16, u16); 2] = [(48, 32), (1700, 1280)];

#[test]
fn inks_take_away_their_colours_of_the_light() {
    let one = [CYAN, MAGENTA, YELLOW, WHITE];
    let two = [RED, GREEN, BLUE, [127; 3]];
    for size in SIZES {
        for progressive in [false, true] {
            let written = |inks, kind| {
                jpeg(size, inks, kind, |encoder| {
                    encoder.set_progressive(progressive);
                })
            };
            for (inks, expected) in [(ONE_INK, one), (TWO_INKS, two)] {
                let name = |kind: &str| format!("{kind} of {size:?}, progressive: {progressive}");
                check(&name("CMYK"), &written(inks, ColorType::Cmyk), expected, 6);
                check(&name("YCCK"), &written(inks, ColorType::CmykAsYcck), expected, 6);
                // The encoder turns what it is given round.
                let stored = inks.map(|inks| inks.map(|ink| 255 - ink));
                check(&name("CMYK of nobody"), &unmarked(&written(stored, ColorType::Cmyk)), expected, 6);
            }
        }
    }
}

/// A press whose cyan prints red, its magenta green, its yellow blue, and everything over another black (ICC.1:2022, 10.10): of
/// its 16 colours the five that are not black are those of sRGB, in L*a*b*.
fn press() -> Vec<u8> {
    let lab = |cyan, magenta, yellow, black| match (cyan, magenta, yellow, black) {
        (false, false, false, false) => [255, 128, 128],
        (true, false, false, false) => [138, 209, 198],
        (false, true, false, false) => [224, 49, 209],
        (false, false, true, false) => [75, 196, 16],
        _ => [0, 128, 128],
    };
    let corners = (0..16).flat_map(|at| lab(at & 8 != 0, at & 4 != 0, at & 2 != 0, at & 1 != 0));
    let straight = || (0..=255).collect::<Vec<u8>>();
    let identity = [1_u32 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 16].map(u32::to_be_bytes);
    let table = [
        b"mft1\0\0\0\0\x04\x03\x02\0".as_slice(),
        identity.as_flattened(),
        &straight().repeat(4),
        &corners.collect::<Vec<u8>>(),
        &straight().repeat(3),
    ]
    .concat();
    let white = [b"XYZ \0\0\0\0".as_slice(), &[0, 0, 0xf6, 0xd6, 0, 1, 0, 0, 0, 0, 0xd3, 0x2d]].concat();
    let mut header = vec![0; 128];
    header[8..12].copy_from_slice(&[2, 0x40, 0, 0]);
    header[12..24].copy_from_slice(b"prtrCMYKLab ");
    header[36..40].copy_from_slice(b"acsp");
    header[68..80].copy_from_slice(&white[8..]);
    let (first, second) = (128 + 4 + 2 * 12, 128 + 4 + 2 * 12 + white.len());
    let word = |number: usize| u32::try_from(number).unwrap().to_be_bytes();
    let entry = |name: &[u8; 4], at, length| [name.as_slice(), &word(at), &word(length)].concat();
    let tags = [
        word(2).to_vec(),
        entry(b"wtpt", first, white.len()),
        entry(b"A2B0", second, table.len()),
        white,
        table,
    ];
    let mut profile = [header, tags.concat()].concat();
    let length = word(profile.len());
    profile[..4].copy_from_slice(&length);
    profile
}

#[test]
fn a_profile_says_what_inks_look_like() {
    let press = press();
    for size in SIZES {
        for kind in [ColorType::Cmyk, ColorType::CmykAsYcck] {
            let source = jpeg(size, ONE_INK, kind, |encoder| encoder.add_icc_profile(&press).unwrap());
            // Eight bits of L*a*b* are coarse.
            check(&format!("{kind:?} of {size:?}"), &source, [RED, GREEN, BLUE, WHITE], 24);
        }
    }
    let gray = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    for (name, profile) in [("of grey", gray.as_slice()), ("of nothing", b"nonsense")] {
        let source =
            jpeg((48, 32), ONE_INK, ColorType::Cmyk, |encoder| encoder.add_icc_profile(profile).unwrap());
        check(name, &source, [CYAN, MAGENTA, YELLOW, WHITE], 6);
    }
}

/// The shade of sRGB that is as bright (IEC 61966-2-1).
fn shade(brightness: f64) -> u8 {
    let curved = if brightness <= 0.003_130_8 {
        12.92 * brightness
    } else {
        1.055 * brightness.powf(1.0 / 2.4) - 0.055
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of 255")]
    let shade = (curved * 255.0).round() as u8;
    shade
}

/// A grey PNG of four shades, with opacity that hides nothing, some of it, or without.
fn png(shades: [u8; 4], opacity: Option<u8>, profile: &[u8]) -> Vec<u8> {
    let quarter = |x: usize, y: usize| usize::from(x >= 24) + 2 * usize::from(y >= 16);
    let pixels = (0..32).flat_map(|y| (0..48).map(move |x| shades[quarter(x, y)]));
    let mut info = png::Info::with_size(48, 32);
    info.color_type =
        if opacity.is_some() { png::ColorType::GrayscaleAlpha } else { png::ColorType::Grayscale };
    info.icc_profile = Some(profile.into());
    let mut bytes = Vec::new();
    let mut writer = png::Encoder::with_info(&mut bytes, info).unwrap().write_header().unwrap();
    let samples: Vec<u8> = pixels.flat_map(|shade| std::iter::once(shade).chain(opacity)).collect();
    writer.write_image_data(&samples).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn grey_has_a_curve_of_its_own() {
    let stored = [64, 128, 20, 250];
    let linear = ColorProfile::new_gray_with_gamma(1.0);
    // About what ink spreads on paper: twenty hundredths, in the middle.
    let mut spreading = ColorProfile::new_gray_with_gamma(1.0);
    spreading.gray_trc = Some(ToneReprCurve::Lut(vec![0, 5_900, 15_700, 32_800, 65_535]));
    let spread = |sample: u8| {
        let (at, steps) = (f64::from(sample) / 255.0 * 4.0, [0.0, 5_900.0, 15_700.0, 32_800.0, 65_535.0]);
        let below = usize::from(sample) * 4 / 255;
        let part = at - at.floor();
        (steps[below] * (1.0 - part) + steps[(below + 1).min(4)] * part) / 65_535.0
    };
    let straight = stored.map(|sample| [shade(f64::from(sample) / 255.0); 3]);
    let curved = stored.map(|sample| [shade(spread(sample)); 3]);
    for (name, profile, expected) in [("linear", linear, straight), ("spreading", spreading, curved)] {
        let profile = profile.encode().unwrap();
        assert!(expected[0][0].abs_diff(stored[0]) > 8, "{name}: visibly");
        check(name, &png(stored, None, &profile), expected, 2);
        check(&format!("{name}, all of it opaque"), &png(stored, Some(255), &profile), expected, 2);
        for size in SIZES {
            let inks = stored.map(|shade| [shade; 4]);
            let quarters = jpeg_of_grey(size, inks.map(|[shade, ..]| shade), &profile);
            check(&format!("{name}, JPEG of {size:?}"), &quarters, expected, 4);
        }
        // Half of it shows: the shade is the same.
        check(&format!("{name}, clear"), &png(stored, Some(128), &profile), expected, 3);
    }
    // A picture in colours is not made grey by what somebody says of grey.
    let profile = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let colours = jpeg((48, 32), ONE_INK, ColorType::Cmyk, |_| {});
    let pixels = largest(&colours);
    let mut info = png::Info::with_size(pixels.width(), pixels.height());
    info.color_type = png::ColorType::Rgba;
    info.icc_profile = Some(profile.into());
    let mut bytes = Vec::new();
    let mut writer = png::Encoder::with_info(&mut bytes, info).unwrap().write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    check("colours with a profile of grey", &bytes, [CYAN, MAGENTA, YELLOW, WHITE], 8);
}

fn jpeg_of_grey((width, height): (u16, u16), shades: [u8; 4], profile: &[u8]) -> Vec<u8> {
    let quarter = |x: u16, y: u16| usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2);
    let pixels: Vec<u8> = (0..height).flat_map(|y| (0..width).map(move |x| shades[quarter(x, y)])).collect();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 95);
    encoder.add_icc_profile(profile).unwrap();
    encoder.encode(&pixels, width, height, ColorType::Luma).unwrap();
    bytes
}

#[test]
fn red_green_and_blue_may_be_stored_as_they_are() {
    let pixels = [RED, GREEN, BLUE, WHITE];
    for size in SIZES {
        // Three components by the names of R, G and B, and no mark of anybody.
        let quarter = |x: u16, y: u16| usize::from(x >= size.0 / 2) + 2 * usize::from(y >= size.1 / 2);
        let stored: Vec<_> =
            (0..size.1).flat_map(|y| (0..size.0).map(move |x| pixels[quarter(x, y)])).collect::<Vec<_>>();
        let mut source = Vec::new();
        let encoder = Encoder::new(&mut source, 95);
        encoder.encode(stored.as_flattened(), size.0, size.1, ColorType::Ycbcr).unwrap();
        let jfif = source.windows(4).position(|bytes| bytes == [0xff, 0xe0, 0, 16]).unwrap();
        source.drain(jfif..jfif + 18);
        for marker in [[0xff, 0xc0].as_slice(), &[0xff, 0xda]] {
            let at = source.windows(2).position(|bytes| bytes == marker).unwrap();
            let (first, step) = if marker[1] == 0xc0 { (at + 10, 3) } else { (at + 5, 2) };
            for (place, name) in (first..).step_by(step).zip(b"RGB") {
                source[place] = *name;
            }
        }
        check(&format!("RGB of {size:?}"), &source, pixels, 8);
    }
}
