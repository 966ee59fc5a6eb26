//! What each kind of picture may be inside: depths, palettes, opacity, planes, tiles, films, and what they look like.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbaImage};
use imaging::{Unthumbnailable, content_type, measure, thumbnails};
use media_core::{
    Limits,
    thumbnail::{Method, Shape, USUAL},
};
use moxcms::ColorProfile;

const RED: [u8; 4] = [250, 0, 0, 255];
const GREEN: [u8; 4] = [0, 200, 0, 255];
const BLUE: [u8; 4] = [0, 0, 250, 255];
const WHITE: [u8; 4] = [255; 4];
const CLEAR: [u8; 4] = [0; 4];

/// A file of `tests/pictures`, as its README describes it.
fn picture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/pictures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn largest(source: &[u8]) -> Result<RgbaImage, Unthumbnailable> {
    let made = thumbnails(source, &[Shape::new(800, 600, Method::Scale)], &Limits::default(), &|| false)?;
    Ok(image::load_from_memory(&made[0].bytes).unwrap().into_rgba8())
}

/// The middles of the four quarters, each as far off as `tolerance` at most; where nothing shows, any colour will do.
fn check(name: &str, source: &[u8], quarters: [[u8; 4]; 4], tolerance: u8) {
    let seen = largest(source).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (w, h) = (seen.width(), seen.height());
    for (at, expected) in [(w / 4, h / 4), (w * 3 / 4, h / 4), (w / 4, h * 3 / 4), (w * 3 / 4, h * 3 / 4)]
        .into_iter()
        .zip(quarters)
    {
        let is = seen.get_pixel(at.0.min(w - 1), at.1.min(h - 1)).0;
        let shows = if expected[3] == 0 { 3..4 } else { 0..4 };
        let off = shows.map(|channel| is[channel].abs_diff(expected[channel])).max();
        assert!(off <= Some(tolerance), "{name} at {at:?}: {is:?}, not {expected:?}");
    }
}

/// The four quarters as pixels.
fn quarters(width: u32, height: u32) -> DynamicImage {
    RgbaImage::from_fn(width, height, |x, y| {
        let quarter = usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2);
        image::Rgba([RED, GREEN, BLUE, WHITE][quarter])
    })
    .into()
}

#[test]
fn what_others_wrote_looks_as_it_should() {
    let plain = [RED, GREEN, BLUE, WHITE];
    let clear = [CLEAR, GREEN, BLUE, WHITE];
    let gray = [75, 117, 29, 255].map(|shade| [shade, shade, shade, 255]);
    let half = plain.map(|[r, g, b, _]| [r, g, b, 128]);
    for (name, expected, tolerance) in [
        ("lossy.jxl", plain, 12),
        ("lossless.jxl", plain, 0),
        ("responsive.jxl", plain, 0),
        ("deep.jxl", plain, 1),
        ("container.jxl", plain, 12),
        ("gray.jxl", gray, 1),
        ("opacity.jxl", clear, 12),
        ("opacity-lossy.jxl", clear, 12),
        ("moving.jxl", plain, 0),
        ("palette.tif", plain, 2),
        ("jpeg.tif", plain, 8),
        ("inks.tif", plain, 1),
        ("inks.jpg", plain, 8),
        ("deep.tif", plain, 0),
        ("planes.tif", plain, 0),
        ("tiles.tif", plain, 0),
        ("premultiplied.tif", half, 12),
        ("lossy.webp", plain, 12),
        ("lossless.webp", clear, 12),
        ("opacity.webp", clear, 12),
        ("moving.webp", plain, 12),
        ("palette.bmp", plain, 2),
        ("bitmap.ico", plain, 0),
    ] {
        let source = picture(name);
        let measured = measure(&source).unwrap();
        let size = if name == "bitmap.ico" { (32, 16) } else { (48, 32) };
        assert_eq!((measured.width, measured.height), size, "{name}");
        assert_eq!(measured.moves, name == "moving.webp", "{name}");
        check(name, &source, expected, tolerance);
    }
    assert_eq!(content_type(&picture("lossy.jxl")), Some("image/jxl"));
    assert_eq!(content_type(&picture("container.jxl")), Some("image/jxl"));
    assert_eq!(largest(&picture("float.tif")), Err(Unthumbnailable::Broken), "a measurement is no picture");
    let fax = largest(&picture("fax.tif")).unwrap();
    assert_eq!((fax.get_pixel(40, 28).0, fax.get_pixel(4, 28)[0] < 60), (WHITE, true));
}

#[test]
fn what_lies_on_its_side_is_turned() {
    let measured = measure(&picture("turned.jxl")).unwrap();
    assert_eq!((measured.width, measured.height), (32, 48));
    check("turned.jxl", &picture("turned.jxl"), [BLUE, RED, WHITE, GREEN], 0);

    // The same by TIFF's own tag and by EXIF in a PNG and in a WebP.
    let tiff = encoded(&DynamicImage::ImageRgb8(quarters(48, 32).into_rgb8()), ImageFormat::Tiff);
    check("turned.tif", &with_orientation(&tiff), [BLUE, RED, WHITE, GREEN], 0);
    let exif = [b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0".as_slice(), &[0; 4]].concat();
    let png = encoded(&quarters(48, 32), ImageFormat::Png);
    check("turned.png", &with_chunk(&png, *b"eXIf", &exif), [BLUE, RED, WHITE, GREEN], 0);
    let webp = extended(&picture("lossless.webp"), 48, 32, &[(*b"EXIF", &exif)]);
    check("turned.webp", &webp, [BLUE, CLEAR, WHITE, GREEN], 12);
}

#[test]
fn a_gif_shows_its_first_frame_on_its_screen() {
    // A frame of one colour in the right half of the screen, and another over the whole of it.
    let mut source = Vec::new();
    let mut encoder =
        gif::Encoder::new(&mut source, 48, 32, &[250, 0, 0, 0, 200, 0, 0, 0, 250, 255, 255, 255]).unwrap();
    let frame = |left, width, colour: u8, clear| gif::Frame {
        left,
        width,
        height: 32,
        transparent: clear,
        buffer: vec![colour; usize::from(width) * 32].into(),
        ..gif::Frame::default()
    };
    encoder.write_frame(&frame(24, 24, 1, None)).unwrap();
    encoder.write_frame(&frame(0, 48, 2, None)).unwrap();
    drop(encoder);
    assert!(measure(&source).unwrap().moves);
    check("offset", &source, [CLEAR, GREEN, CLEAR, GREEN], 12);

    for (interlaced, clear) in [(false, None), (true, None), (false, Some(0)), (true, Some(0))] {
        let mut source = Vec::new();
        let palette = [250, 0, 0, 0, 200, 0, 0, 0, 250, 255, 255, 255];
        let mut encoder = gif::Encoder::new(&mut source, 48, 32, &palette).unwrap();
        let rows: Vec<u8> = if interlaced {
            [(0, 8), (4, 8), (2, 4), (1, 2)]
                .into_iter()
                .flat_map(|(first, step)| (first..32).step_by(step))
                .collect()
        } else {
            (0..32).collect()
        };
        let quarter = |x: u8, y: u8| u8::from(x >= 24) + 2 * u8::from(y >= 16);
        let buffer: Vec<u8> = rows.iter().flat_map(|y| (0..48).map(move |x| quarter(x, *y))).collect();
        let frame = gif::Frame {
            width: 48,
            height: 32,
            interlaced,
            transparent: clear,
            buffer: buffer.into(),
            ..gif::Frame::default()
        };
        encoder.write_frame(&frame).unwrap();
        drop(encoder);
        assert!(!measure(&source).unwrap().moves);
        check("whole", &source, [if clear.is_some() { CLEAR } else { RED }, GREEN, BLUE, WHITE], 12);
    }
}

#[test]
fn every_depth_and_kind_of_png_is_read() {
    use png::{BitDepth as Depth, ColorType as Color};
    for (color, depth, row) in [
        (Color::Grayscale, Depth::One, vec![0x0f]),
        (Color::Grayscale, Depth::Two, vec![0x00, 0xff]),
        (Color::Grayscale, Depth::Four, vec![0, 0, 0xff, 0xff]),
        (Color::Grayscale, Depth::Eight, vec![0, 0, 0, 0, 255, 255, 255, 255]),
        (Color::Grayscale, Depth::Sixteen, [[0; 8], [255; 8]].concat()),
        (Color::GrayscaleAlpha, Depth::Eight, [[0, 255].repeat(4), [255, 255].repeat(4)].concat()),
        (Color::GrayscaleAlpha, Depth::Sixteen, [[0, 0, 255, 255].repeat(4), [255; 4].repeat(4)].concat()),
        (Color::Rgb, Depth::Sixteen, [[0; 24], [255; 24]].concat()),
        (Color::Rgba, Depth::Sixteen, [[0, 0, 0, 0, 0, 0, 255, 255].repeat(4), [255; 8].repeat(4)].concat()),
        (Color::Indexed, Depth::One, vec![0x0f]),
        (Color::Indexed, Depth::Two, vec![0, 0x55]),
        (Color::Indexed, Depth::Four, vec![0, 0, 0x11, 0x11]),
        (Color::Indexed, Depth::Eight, vec![0, 0, 0, 0, 1, 1, 1, 1]),
    ] {
        for clear in [false, true] {
            let is_apart = matches!(color, Color::GrayscaleAlpha | Color::Rgba);
            let mut source = Vec::new();
            let mut encoder = png::Encoder::new(&mut source, 8, 8);
            encoder.set_color(color);
            encoder.set_depth(depth);
            if color == Color::Indexed {
                encoder.set_palette(vec![0, 0, 0, 255, 255, 255]);
            }
            if clear && !is_apart {
                let clear = match color {
                    Color::Indexed => vec![0],
                    Color::Rgb => vec![0; 6],
                    _ => vec![0; 2],
                };
                encoder.set_trns(clear);
            }
            encoder.write_header().unwrap().write_image_data(&row.repeat(8)).unwrap();
            let left = if clear && !is_apart { CLEAR } else { [0, 0, 0, 255] };
            check(&format!("{color:?} {depth:?} {clear}"), &source, [left, WHITE, left, WHITE], 12);
        }
    }
}

#[test]
fn the_colours_of_a_profile_become_those_of_srgb() {
    let color = |profile: &[u8]| {
        let flat = RgbaImage::from_pixel(16, 16, image::Rgba([200, 100, 50, 255]));
        let png = encoded(&DynamicImage::ImageRgba8(flat).into_rgb8().into(), ImageFormat::Png);
        let deflated = deflated(profile);
        let seen = largest(&with_chunk(&png, *b"iCCP", &[b"p\0\0".as_slice(), &deflated].concat())).unwrap();
        seen.get_pixel(8, 8).0
    };
    let near =
        |is: [u8; 4], expected: [u8; 3]| is.iter().zip(expected).all(|(is, was)| is.abs_diff(was) <= 2);
    let srgb = color(&ColorProfile::new_srgb().encode().unwrap());
    assert!(near(srgb, [200, 100, 50]), "{srgb:?}");
    // Both by the primaries and the curves in the profiles' own definitions.
    let p3 = color(&ColorProfile::new_display_p3().encode().unwrap());
    assert!(near(p3, [215, 93, 31]), "{p3:?}");
    let adobe = color(&ColorProfile::new_adobe_rgb().encode().unwrap());
    assert!(near(adobe, [227, 100, 42]), "{adobe:?}");
    let nonsense = color(b"this is no profile");
    assert!(near(nonsense, [200, 100, 50]), "{nonsense:?}");
}

#[test]
fn what_shows_through_is_never_black_and_the_thinnest_picture_has_its_thumbnails() {
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff, ImageFormat::Qoi] {
        let clear =
            RgbaImage::from_fn(900, 700, |x, _| image::Rgba([200, 30, 30, if x < 450 { 0 } else { 255 }]));
        for made in
            thumbnails(&encoded(&clear.into(), format), &USUAL, &Limits::default(), &|| false).unwrap()
        {
            let seen = image::load_from_memory(&made.bytes).unwrap().into_rgba8();
            for pixel in seen.pixels().filter(|pixel| pixel[3] > 64) {
                assert!(pixel[0].abs_diff(200) < 40 && pixel[1] < 60, "{format:?} {}: {pixel:?}", made.shape);
            }
            assert_eq!(seen.get_pixel(0, 0)[3], 0, "{format:?}");
        }
    }
    let thin = [
        ImageFormat::Png,
        ImageFormat::Gif,
        ImageFormat::WebP,
        ImageFormat::Tiff,
        ImageFormat::Bmp,
        ImageFormat::Qoi,
    ];
    for format in thin {
        for (width, height) in [(1, 1), (1, 5000), (5000, 1), (2, 3)] {
            let picture = DynamicImage::ImageRgb8(quarters(width, height).into_rgb8());
            let made = thumbnails(&encoded(&picture, format), &USUAL, &Limits::default(), &|| false);
            assert_eq!(made.map(|made| made.len()), Ok(USUAL.len()), "{format:?} {width}x{height}");
        }
    }
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A PNG with one more chunk after its header. Nobody asks for the checksum.
fn with_chunk(png: &[u8], name: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&png[..33], &length, &name, content, &[0; 4], &png[33..]].concat()
}

/// A zlib stream that is stored, not deflated.
fn deflated(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    let sum = (b << 16 | a).to_be_bytes();
    [&[0x78, 1, 1], length.to_le_bytes().as_slice(), &(!length).to_le_bytes(), bytes, &sum].concat()
}

/// A still WebP of one chunk, with the extended header and more chunks after the pixels.
fn extended(simple: &[u8], width: u32, height: u32, more: &[([u8; 4], &[u8])]) -> Vec<u8> {
    let pixels = if &simple[12..16] == b"VP8X" { &simple[30..] } else { &simple[12..] };
    let side = |side: u32| (side - 1).to_le_bytes()[..3].to_vec();
    let mut chunks = [b"VP8X".as_slice(), &10_u32.to_le_bytes(), &[0x18, 0, 0, 0]].concat();
    chunks.extend([side(width), side(height)].concat());
    chunks.extend_from_slice(pixels);
    for (name, content) in more {
        chunks.extend_from_slice(name);
        chunks.extend_from_slice(&u32::try_from(content.len()).unwrap().to_le_bytes());
        chunks.extend_from_slice(content);
        chunks.resize(chunks.len().next_multiple_of(2), 0);
    }
    let length = u32::try_from(chunks.len() + 4).unwrap().to_le_bytes();
    [b"RIFF".as_slice(), &length, b"WEBP", &chunks].concat()
}

/// A little-endian TIFF whose directory has one more entry: turned by 90 degrees.
fn with_orientation(tiff: &[u8]) -> Vec<u8> {
    let at = u32::from_le_bytes(tiff[4..8].try_into().unwrap()) as usize;
    let count = u16::from_le_bytes(tiff[at..at + 2].try_into().unwrap());
    let entries = &tiff[at + 2..at + 2 + 12 * usize::from(count)];
    let entry = [0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0];
    let mut all: Vec<&[u8]> = entries.chunks(12).chain([entry.as_slice()]).collect();
    all.sort_by_key(|entry| u16::from_le_bytes([entry[0], entry[1]]));
    let place = u32::try_from(tiff.len().next_multiple_of(2)).unwrap();
    let mut source = tiff.to_vec();
    source.resize(place as usize, 0);
    source[4..8].copy_from_slice(&place.to_le_bytes());
    [&source, (count + 1).to_le_bytes().as_slice(), &all.concat(), &[0; 4]].concat()
}
