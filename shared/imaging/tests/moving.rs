//! PNGs that move: as they are when nobody asks them to, and as WebP when somebody does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Cursor;

use image::{AnimationDecoder as _, Frame, RgbaImage, codecs::webp::WebPDecoder};
use imaging::{Picture, measure, thumbnails};
use media_core::{
    Limits,
    thumbnail::{Format, Method, Shape},
};
use png::{BitDepth, BlendOp, ColorType, DisposeOp, Writer};

const RED: [u8; 4] = [250, 0, 0, 255];
const GREEN: [u8; 4] = [0, 200, 0, 255];
const BLUE: [u8; 4] = [0, 0, 250, 255];
const CLEAR: [u8; 4] = [0; 4];

const SIDE: u32 = 48;

/// What a frame is: its colour, a square at a place, and what becomes of it.
#[derive(Clone, Copy)]
struct Shown {
    colour: [u8; 4],
    left: u32,
    top: u32,
    side: u32,
    blend: BlendOp,
    dispose: DisposeOp,
}

const fn whole(colour: [u8; 4]) -> Shown {
    Shown { colour, left: 0, top: 0, side: SIDE, blend: BlendOp::Source, dispose: DisposeOp::None }
}

/// An animated PNG of these frames, 70 ms each, shown three times; `apart` is a picture that is none of them, for who shows no
/// animations.
fn apng(frames: &[Shown], apart: Option<[u8; 4]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIDE, SIDE);
    encoder.set_color(ColorType::Rgba);
    encoder.set_animated(u32::try_from(frames.len()).unwrap(), 3).unwrap();
    encoder.set_sep_def_img(apart.is_some()).unwrap();
    encoder.set_frame_delay(70, 1000).unwrap();
    let mut writer = encoder.write_header().unwrap();
    if let Some(colour) = apart {
        writer.write_image_data(&colour.repeat((SIDE * SIDE) as usize)).unwrap();
    }
    for shown in frames {
        write(&mut writer, *shown);
    }
    writer.finish().unwrap();
    bytes
}

fn write(writer: &mut Writer<&mut Vec<u8>>, shown: Shown) {
    writer.reset_frame_position().unwrap();
    writer.set_frame_dimension(shown.side, shown.side).unwrap();
    writer.set_frame_position(shown.left, shown.top).unwrap();
    writer.set_blend_op(shown.blend).unwrap();
    writer.set_dispose_op(shown.dispose).unwrap();
    writer.write_image_data(&shown.colour.repeat((shown.side * shown.side) as usize)).unwrap();
}

/// The still and the moving thumbnail.
fn made(source: &[u8]) -> (Picture, Picture) {
    let still = Shape::new(32, 32, Method::Scale);
    let shapes = [still, Shape { animated: true, ..still }];
    let mut made = thumbnails(source, &shapes, &Limits::default(), &|| false).unwrap();
    let moving = made.remove(1);
    (made.remove(0), moving)
}

fn frames(moving: &Picture) -> Vec<Frame> {
    assert!(moving.shape.animated && moving.format == Format::Webp, "{}", moving.shape);
    let decoder = WebPDecoder::new(Cursor::new(&moving.bytes)).unwrap();
    assert!(decoder.has_animation());
    decoder.into_frames().collect_frames().unwrap()
}

/// A quarter from the left and from the top, and the same from the right and the bottom.
fn corners(picture: &RgbaImage) -> [[u8; 4]; 2] {
    let (w, h) = picture.dimensions();
    [picture.get_pixel(w / 4, h / 4).0, picture.get_pixel(w * 3 / 4, h * 3 / 4).0]
}

fn check(name: &str, picture: &RgbaImage, expected: [[u8; 4]; 2]) {
    for (is, expected) in corners(picture).into_iter().zip(expected) {
        let shows = if expected[3] == 0 { 3..4 } else { 0..4 };
        let off = shows.map(|channel| is[channel].abs_diff(expected[channel])).max();
        assert!(off <= Some(12), "{name}: {is:?}, not {expected:?}");
    }
}

fn seen(picture: &Picture) -> RgbaImage {
    image::load_from_memory(&picture.bytes).unwrap().into_rgba8()
}

#[test]
fn a_png_moves_only_when_asked_to() {
    let source = apng(&[whole(RED), whole(GREEN), whole(BLUE)], None);
    let measured = measure(&source).unwrap();
    assert_eq!((measured.width, measured.height, measured.moves), (SIDE, SIDE, true));
    let (still, moving) = made(&source);
    assert!(!still.shape.animated && still.format != Format::Webp);
    check("still", &seen(&still), [RED; 2]);
    let frames = frames(&moving);
    for (frame, colour) in frames.iter().zip([RED, GREEN, BLUE]) {
        assert_eq!(frame.buffer().dimensions(), (32, 32));
        check("moving", frame.buffer(), [colour; 2]);
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        assert_eq!(numerator / denominator, 70);
    }
    assert_eq!(frames.len(), 3);
}

#[test]
fn a_picture_that_is_no_frame_is_for_who_sees_no_animations() {
    let (still, moving) = made(&apng(&[whole(RED), whole(GREEN)], Some(BLUE)));
    check("still", &seen(&still), [BLUE; 2]);
    let frames = frames(&moving);
    assert_eq!(frames.len(), 2);
    check("first", frames[0].buffer(), [RED; 2]);
    check("second", frames[1].buffer(), [GREEN; 2]);
}

#[test]
fn a_frame_covers_a_part_and_leaves_what_it_says() {
    let half = SIDE / 2;
    let corner = |colour, blend, dispose| Shown { colour, left: 0, top: 0, side: half, blend, dispose };
    let source = apng(
        &[
            whole(RED),
            corner(GREEN, BlendOp::Source, DisposeOp::None),
            // Nothing shows of it, and then nothing is left where it was.
            corner(CLEAR, BlendOp::Over, DisposeOp::Background),
            Shown { left: half, top: half, ..corner(BLUE, BlendOp::Over, DisposeOp::Previous) },
            corner(CLEAR, BlendOp::Over, DisposeOp::None),
        ],
        None,
    );
    let (still, moving) = made(&source);
    check("still", &seen(&still), [RED; 2]);
    let expected = [[RED, RED], [GREEN, RED], [GREEN, RED], [CLEAR, BLUE], [CLEAR, RED]];
    let frames = frames(&moving);
    assert_eq!(frames.len(), expected.len());
    for (at, (frame, expected)) in frames.iter().zip(expected).enumerate() {
        check(&format!("frame {at}"), frame.buffer(), expected);
    }
}

#[test]
fn every_kind_of_png_moves() {
    for (color, depth, pixel) in [
        (ColorType::Rgb, BitDepth::Sixteen, [250, 250, 0, 0, 0, 0].as_slice()),
        (ColorType::Rgb, BitDepth::Eight, &[250, 0, 0]),
        (ColorType::Indexed, BitDepth::Eight, &[1]),
    ] {
        let mut source = Vec::new();
        let mut encoder = png::Encoder::new(&mut source, SIDE, SIDE);
        encoder.set_color(color);
        encoder.set_depth(depth);
        encoder.set_animated(2, 0).unwrap();
        if color == ColorType::Indexed {
            encoder.set_palette(vec![0, 0, 0, 250, 0, 0]);
            encoder.set_trns(vec![0]);
        }
        let mut writer = encoder.write_header().unwrap();
        for shown in [pixel, &vec![0; pixel.len()]] {
            writer.write_image_data(&shown.repeat((SIDE * SIDE) as usize)).unwrap();
        }
        writer.finish().unwrap();
        let frames = frames(&made(&source).1);
        check("first", frames[0].buffer(), [RED; 2]);
        let black = if color == ColorType::Indexed { CLEAR } else { [0, 0, 0, 255] };
        check("second", frames[1].buffer(), [black; 2]);
    }
}

#[test]
fn half_of_a_colour_over_another_is_their_mean() {
    let half = Shown { blend: BlendOp::Over, ..whole([0, 0, 250, 128]) };
    let frames = frames(&made(&apng(&[whole(RED), half], None)).1);
    check("over red", frames[1].buffer(), [[125, 0, 125, 255]; 2]);
}

#[test]
fn a_png_of_fewer_frames_than_it_says_stands_still() {
    let source = apng(&[whole(RED), whole(GREEN)], None);
    let control = source.windows(4).position(|name| name == b"acTL").unwrap();
    for count in [3, 1000, u32::MAX] {
        let mut short = source.clone();
        short[control + 4..control + 8].copy_from_slice(&count.to_be_bytes());
        let (still, asked_to_move) = made(&short);
        check("still", &seen(&still), [RED; 2]);
        assert_ne!(asked_to_move.format, Format::Webp, "{count}");
        check("asked to move", &seen(&asked_to_move), [RED; 2]);
    }
}
