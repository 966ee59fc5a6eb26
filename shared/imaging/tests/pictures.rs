//! Every kind of source into every usual shape, and nothing that panics.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Cursor;

use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder as _, DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use imaging::{Picture, Unthumbnailable, measure, thumbnails};
use media_core::{
    Limits,
    thumbnail::{Format, Method, Shape, USUAL},
};

fn gradient(width: u32, height: u32) -> DynamicImage {
    let shade = |at: u32, of: u32| u8::try_from(at * 255 / of.max(1)).unwrap();
    let noise = |x: u32, y: u32| u8::try_from((x.wrapping_mul(31) ^ y.wrapping_mul(17)) % 40).unwrap();
    RgbImage::from_fn(width, height, |x, y| Rgb([shade(x, width), shade(y, height), noise(x, y)])).into()
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn make(source: &[u8], shapes: &[Shape]) -> Result<Vec<Picture>, Unthumbnailable> {
    thumbnails(source, shapes, &Limits::default(), &|| false)
}

/// Mean difference of two pictures after the second was brought to the first's size, 0 to 255.
fn difference(small: &Picture, whole: &DynamicImage) -> f64 {
    let small = image::load_from_memory(&small.bytes).unwrap().into_rgb8();
    let expected =
        whole.resize_exact(small.width(), small.height(), image::imageops::FilterType::Lanczos3).into_rgb8();
    let sum: f64 = small.iter().zip(expected.iter()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
    sum / f64::from(small.width() * small.height() * 3)
}

#[test]
fn every_kind_is_understood_by_its_bytes_alone() {
    let picture = gradient(400, 300);
    for format in [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::Gif,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::Qoi,
    ] {
        let source = encoded(&picture, format);
        let measured = measure(&source).unwrap();
        assert_eq!((measured.width, measured.height), (400, 300), "{format:?}");
        let made = make(&source, &[Shape::new(320, 240, Method::Scale)]).unwrap();
        assert_eq!((made[0].width, made[0].height), (320, 240), "{format:?}");
        let difference = difference(&made[0], &picture);
        assert!(difference < 9.0, "{format:?}: {difference}");
    }
}

#[test]
fn all_usual_shapes_come_from_one_decode_in_their_order() {
    for (width, height) in [(4000, 3000), (300, 2000), (100, 100), (2048, 100), (1, 1), (801, 600)] {
        let picture = gradient(width, height);
        let made = make(&encoded(&picture, ImageFormat::Png), &USUAL).unwrap();
        assert_eq!(made.iter().map(|m| m.shape).collect::<Vec<_>>(), USUAL);
        for made in made {
            let Shape { width: w, height: h, method, .. } = made.shape;
            assert!(made.width <= w.min(width) && made.height <= h.min(height), "{width}x{height} {made:?}");
            if method == Method::Scale {
                let whole = made.width == width && made.height == height;
                assert!(whole || made.width == w || made.height == h, "{width}x{height}: {}", made.shape);
            } else {
                assert_eq!((made.width, made.height), (w.min(width), h.min(height)));
            }
        }
    }
}

#[test]
fn transparency_stays_and_an_opaque_alpha_channel_is_no_transparency() {
    let clear = RgbaImage::from_fn(400, 400, |x, _| Rgba([200, 0, 0, if x < 200 { 0 } else { 255 }]));
    let made = make(&encoded(&clear.into(), ImageFormat::Png), &[Shape::new(96, 96, Method::Crop)]).unwrap();
    assert_eq!(made[0].format, Format::Png);
    let back = image::load_from_memory(&made[0].bytes).unwrap().into_rgba8();
    assert_eq!((back.get_pixel(5, 5)[3], back.get_pixel(90, 5)), (0, &Rgba([200, 0, 0, 255])));

    let opaque = DynamicImage::ImageRgba8(gradient(400, 400).into_rgba8());
    let made = make(&encoded(&opaque, ImageFormat::Png), &[Shape::new(320, 240, Method::Scale)]).unwrap();
    assert_eq!(made[0].format, Format::Jpeg, "a photograph is smaller so");
    let flat = DynamicImage::ImageRgb8(RgbImage::from_pixel(400, 400, Rgb([1, 2, 3])));
    let made = make(&encoded(&flat, ImageFormat::Png), &[Shape::new(320, 240, Method::Scale)]).unwrap();
    assert_eq!(made[0].format, Format::Png, "a drawing is smaller so");
}

/// A JPEG with an EXIF segment that says this orientation.
fn oriented(picture: &DynamicImage, orientation: u8) -> Vec<u8> {
    let jpeg = encoded(picture, ImageFormat::Jpeg);
    let tiff = [
        b"MM\0\x2a\0\0\0\x08\0\x01".as_slice(),
        &[0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0],
        &[0, 0, 0, 0],
    ]
    .concat();
    let length = u16::try_from(2 + 6 + tiff.len()).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, b"Exif\0\0", &tiff, &jpeg[2..]].concat()
}

#[test]
fn every_orientation_is_turned_the_right_way_up() {
    // Red stands in the corner that must end up top left.
    let (w, h) = (200, 100);
    let red_at = |right: bool, bottom: bool| -> DynamicImage {
        RgbImage::from_fn(w, h, |x, y| {
            let corner = ((x >= w / 2) == right) && ((y >= h / 2) == bottom);
            if corner { Rgb([250, 0, 0]) } else { Rgb([0, 0, 250]) }
        })
        .into()
    };
    for (orientation, right, bottom) in [
        (1, false, false),
        (2, true, false),
        (3, true, true),
        (4, false, true),
        (5, false, false),
        (6, false, true),
        (7, true, true),
        (8, true, false),
    ] {
        let source = oriented(&red_at(right, bottom), orientation);
        let measured = measure(&source).unwrap();
        let turned = orientation >= 5;
        assert_eq!((measured.width, measured.height), if turned { (h, w) } else { (w, h) }, "{orientation}");
        let made = make(&source, &[Shape::new(800, 600, Method::Scale)]).unwrap();
        let seen = image::load_from_memory(&made[0].bytes).unwrap().into_rgb8();
        assert_eq!((seen.width(), seen.height()), (measured.width, measured.height));
        assert!(seen.get_pixel(8, 8)[0] > 200, "{orientation}");
        assert!(seen.get_pixel(measured.width - 8, measured.height - 8)[2] > 200, "{orientation}");
    }
    assert!(make(&oriented(&red_at(false, false), 99), &USUAL).is_ok(), "nonsense turns nothing");
}

#[test]
fn limits_hold_before_anything_is_decoded() {
    let source = encoded(&gradient(100, 100), ImageFormat::Png);
    let make_within = |image_pixels, image_bytes| {
        let limits = Limits { image_pixels, image_bytes, ..Limits::default() };
        thumbnails(&source, &USUAL, &limits, &|| false).map(|made| made.len())
    };
    let bytes = source.len() as u64;
    assert_eq!(make_within(10_001, bytes), Ok(USUAL.len()));
    assert_eq!(make_within(10_000, bytes), Err(Unthumbnailable::TooManyPixels), "at the limit, as Synapse");
    assert_eq!(make_within(10_001, bytes - 1), Err(Unthumbnailable::TooManyBytes));
    let late = thumbnails(&source, &USUAL, &Limits::default(), &|| true);
    assert_eq!(late, Err(Unthumbnailable::OutOfTime));

    // A bitmap's header that promises 60 000 × 60 000.
    let mut bomb = encoded(&gradient(4, 4), ImageFormat::Bmp);
    bomb[18..22].copy_from_slice(&60_000_i32.to_le_bytes());
    bomb[22..26].copy_from_slice(&60_000_i32.to_le_bytes());
    assert_eq!(make(&bomb, &USUAL), Err(Unthumbnailable::TooManyPixels));
}

#[test]
fn what_is_no_picture_is_refused() {
    for bytes in [b"".as_slice(), b"plain text", b"%PDF-1.7", b"<svg xmlns='http://www.w3.org/2000/svg'/>"] {
        assert_eq!(make(bytes, &USUAL), Err(Unthumbnailable::NotAPicture));
    }
}

#[test]
fn the_same_source_gives_the_same_bytes() {
    let source = encoded(&gradient(500, 400), ImageFormat::Jpeg);
    assert_eq!(make(&source, &USUAL), make(&source, &USUAL));
}

#[test]
fn broken_pictures_are_refused_or_made_the_best_of_and_never_panic() {
    let picture = gradient(40, 30);
    let mut state = 0x1234_5678_u32;
    let mut chance = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize
    };
    for format in [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::Gif,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::Qoi,
    ] {
        let source = encoded(&picture, format);
        for _ in 0..300 {
            let mut broken = source.clone();
            for _ in 0..=chance() % 4 {
                let at = chance() % broken.len();
                broken[at] = u8::try_from(chance() % 256).unwrap();
            }
            broken.truncate(chance() % (source.len() * 2));
            if let Ok(made) = make(&broken, &[Shape::new(32, 32, Method::Crop)]) {
                assert!(image::load_from_memory(&made[0].bytes).is_ok(), "{format:?}");
            }
        }
    }
}

#[test]
fn a_thumbnail_is_the_same_whatever_is_made_with_it() {
    let others = [
        Shape::new(1280, 960, Method::Scale),
        Shape::new(320, 160, Method::Crop),
        Shape::new(480, 640, Method::Crop),
        Shape::new(40, 30, Method::Crop),
    ];
    let all: Vec<_> = USUAL.into_iter().chain(others).collect();
    for (size, format) in
        [((1600, 1200), ImageFormat::Jpeg), ((500, 900), ImageFormat::Png), ((700, 100), ImageFormat::Jpeg)]
    {
        let source = encoded(&gradient(size.0, size.1), format);
        let together = make(&source, &all).unwrap();
        for (shape, among_others) in all.iter().zip(together) {
            let alone = make(&source, &[*shape]).unwrap().remove(0);
            assert!(alone.bytes == among_others.bytes, "{size:?} {shape}");
        }
        let usual = make(&source, &USUAL).unwrap();
        let again = make(&source, &[USUAL[4], USUAL[1]]).unwrap();
        assert!(again[0].bytes == usual[4].bytes && again[1].bytes == usual[1].bytes, "{size:?}");
    }
}

#[test]
fn what_moves_moves_only_when_asked_to() {
    for name in ["animated.gif", "animated.webp"] {
        let source = fixture(name);
        let measured = measure(&source).unwrap();
        assert!(measured.moves, "{name}");
        let shape = Shape { animated: true, ..USUAL[2] };
        let made = make(&source, &[shape, USUAL[2]]).unwrap();
        assert_eq!((made[0].shape, made[0].format), (shape, Format::Webp), "{name}");
        let moving = WebPDecoder::new(Cursor::new(&made[0].bytes)).unwrap();
        assert!(moving.has_animation(), "{name}");
        let frames = moving.into_frames().collect_frames().unwrap();
        assert_eq!(frames.len(), if name == "animated.gif" { 10 } else { 8 }, "{name}");
        let (first, still) =
            (frames[0].buffer(), image::load_from_memory(&made[1].bytes).unwrap().into_rgba8());
        assert_eq!(first.dimensions(), still.dimensions());
        assert_eq!(first.dimensions(), (made[0].width, made[0].height));
        let delay = frames[0].delay().numer_denom_ms();
        assert_eq!(delay.0 / delay.1, if name == "animated.gif" { 120 } else { 100 }, "{name}");
    }
    let still = fixture("mountains.jpg");
    let made = make(&still, &[Shape { animated: true, ..USUAL[0] }]).unwrap();
    assert_eq!((made[0].shape, made[0].format), (USUAL[0], Format::Jpeg), "what does not move answers still");
}
