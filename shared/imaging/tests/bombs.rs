//! Files that promise much: each is refused or made the best of, within the memory that any picture may take.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    io::{Cursor, Write},
    sync::{Mutex, MutexGuard, PoisonError},
};

mod jpegs;

use flate2::{Compression, write::ZlibEncoder};
use image::{DynamicImage, ImageFormat, RgbImage, RgbaImage};
use imaging::{Unthumbnailable, measure, thumbnails};
use jpegs::{joined, progressive, scans, segments};
use media_core::{
    Limits,
    thumbnail::{Method, Shape, USUAL},
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What measuring a picture and making all its thumbnails may take, above what was taken before; the source is not counted.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// One test at a time, from the making of its bombs on: memory is counted for the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

type Bomb = (&'static str, Vec<u8>);

/// A thumbnail that moves where its source does, and the usual ones.
fn shapes() -> Vec<Shape> {
    let moving = Shape { animated: true, ..Shape::new(320, 240, Method::Scale) };
    [moving].into_iter().chain(USUAL).collect()
}

/// Every bomb is thrown, and what came of it is returned in their order.
fn throw(bombs: &[Bomb]) -> Vec<Result<usize, Unthumbnailable>> {
    bombs.iter().map(|(name, source)| thrown(name, source)).collect()
}

fn thrown(name: &str, source: &[u8]) -> Result<usize, Unthumbnailable> {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let measured = measure(source);
    let made = thumbnails(source, &shapes(), &Limits::default(), &|| false).map(|made| made.len());
    let taken = MEMORY.peak_usage().saturating_sub(before);
    assert!(taken < MOST_BYTES, "{name}: {taken} bytes, {measured:?}, {made:?}");
    made
}

/// All of them are refused.
fn refused(bombs: &[Bomb]) {
    for (answer, (name, _)) in throw(bombs).into_iter().zip(bombs) {
        assert!(answer.is_err(), "{name}: {answer:?}");
    }
}

/// All of them become pictures: they are no larger than they may be, however they look in the file.
fn pictured(bombs: &[Bomb]) {
    for (answer, (name, _)) in throw(bombs).into_iter().zip(bombs) {
        assert_eq!(answer, Ok(shapes().len()), "{name}");
    }
}

/// Either will do.
fn survived(bombs: &[Bomb]) {
    throw(bombs);
}

fn deflated(zeros: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let block = vec![0; 1 << 20];
    for at in (0..zeros).step_by(block.len()) {
        encoder.write_all(&block[..block.len().min(zeros - at)]).unwrap();
    }
    encoder.finish().unwrap()
}

/// A chunk without its checksum, for which nobody asks.
fn png_chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    [u32::try_from(content.len()).unwrap().to_be_bytes().as_slice(), &name, content, &[0; 4]].concat()
}

fn png_file(width: u32, height: u32, interlaced: u8, between: &[u8], pixels: &[u8]) -> Vec<u8> {
    let header = [width.to_be_bytes().as_slice(), &height.to_be_bytes(), &[8, 2, 0, 0, interlaced]].concat();
    let (header, pixels, end) =
        (png_chunk(*b"IHDR", &header), png_chunk(*b"IDAT", pixels), png_chunk(*b"IEND", &[]));
    [b"\x89PNG\r\n\x1a\n".as_slice(), &header, between, &pixels, &end].concat()
}

#[test]
fn png_is_held_to_its_rows() {
    let _alone = alone();
    let small = deflated(16 * 49);
    refused(&[
        ("as large as it gets", png_file(0x7fff_ffff, 0x7fff_ffff, 0, &[], &small)),
        ("65 535 in each direction", png_file(65_535, 65_535, 0, &[], &small)),
        ("pixels that are not there", png_file(5600, 5600, 0, &[], &small)),
        ("a million empty pieces", png_file(16, 16, 0, &png_chunk(*b"IDAT", &[]).repeat(1_000_000), &[])),
        (
            "more pieces than anybody writes",
            png_file(16, 16, 0, &png_chunk(*b"IDAT", &[]).repeat(65_536), &small),
        ),
        ("half a million texts", png_file(16, 16, 0, &png_chunk(*b"tEXt", b"x\0").repeat(500_000), &small)),
    ]);
    let profile = [b"p\0\0".as_slice(), &deflated(200_000_000)].concat();
    pictured(&[
        ("flat", png_file(5600, 5600, 0, &[], &deflated(5600 * (5600 * 3 + 1)))),
        ("flat and interlaced", png_file(5600, 5600, 1, &[], &deflated(5600 * 5600 * 3 + 15 * 5600))),
        ("more pixels than it has room for", png_file(16, 16, 0, &[], &deflated(400_000_000))),
        ("a profile of 200 MB", png_file(16, 16, 0, &png_chunk(*b"iCCP", &profile), &small)),
        ("text of 200 MB", png_file(16, 16, 0, &png_chunk(*b"zTXt", &profile), &small)),
        ("sixty thousand texts", png_file(16, 16, 0, &png_chunk(*b"tEXt", b"x\0").repeat(60_000), &small)),
        ("sixty thousand pieces", png_file(16, 16, 0, &png_chunk(*b"IDAT", &[]).repeat(60_000), &small)),
    ]);
    survived(&[
        ("31 million across", png_file(31_000_000, 1, 0, &[], &deflated(93_000_001))),
        ("31 million down", png_file(1, 31_000_000, 0, &[], &deflated(4 * 31_000_000))),
        ("31 million across, interlaced", png_file(31_000_000, 1, 1, &[], &deflated(93_000_007))),
    ]);
}

#[test]
fn jpeg_is_held_to_its_header() {
    let _alone = alone();
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(RgbImage::new(16, 16)).write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    let small = bytes.into_inner();
    let frame = small.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    let promising = |width: u16, height: u16, kind: u8| {
        let mut source = small.clone();
        source[frame + 1] = kind;
        source[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
        source[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
        source
    };
    refused(&[("65 535 in each direction", promising(65_535, 65_535, 0xc0))]);
    let comments = [&small[..2], &[0xff, 0xfe, 0, 2].repeat(1_000_000), &small[2..]].concat();
    survived(&[
        ("pixels that are not there", promising(5600, 5600, 0xc0)),
        ("pixels that are not there, progressive", promising(5600, 5600, 0xc2)),
        ("across", promising(65_535, 500, 0xc0)),
        ("down", promising(500, 65_535, 0xc0)),
        ("a million comments", comments),
    ]);
}

#[test]
fn the_complete_decoder_of_jpeg_is_given_no_more_than_it_needs() {
    let _alone = alone();
    let shade =
        |x: u16, y: u16| [x.wrapping_mul(7), y.wrapping_mul(5), x ^ y].map(|shade| shade.to_le_bytes()[0]);
    let original = segments(&progressive(48, 32, shade));
    let first = scans(&original)[0];
    let with = |at: usize, more: &[u8], times: usize| {
        let mut segments = original.clone();
        segments.insert(at, more.repeat(times));
        joined(&segments)
    };
    let segment = |marker: u8, payload: &[u8]| {
        let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
        [&[0xff, marker], length.as_slice(), payload].concat()
    };
    // What others keep of it in memory, once for each piece and once for all.
    let parts = 700_u32;
    let whole: Vec<u8> = (0..parts)
        .flat_map(|part| {
            let head = [b"http://ns.adobe.com/xmp/extension/\0".as_slice(), &[b'x'; 32]].concat();
            let place = [(parts * 65_000).to_be_bytes(), (part * 65_000).to_be_bytes()].concat();
            segment(0xe1, &[head, place, vec![b' '; 65_000]].concat())
        })
        .collect();
    pictured(&[
        ("metadata of 45 MB", with(0, &whole, 1)),
        (
            "profiles of 45 MB",
            with(0, &segment(0xe2, &[b"ICC_PROFILE\0\x01\xff".as_slice(), &vec![0; 65_000]].concat()), 700),
        ),
        ("mean values sixty times", with(first, &original[first], 50)),
        ("a million comments", with(0, &segment(0xfe, &[]), 1_000_000)),
    ]);
    let code = [[0x00, 1].as_slice(), &[0; 16]].concat();
    let table = original.iter().find(|segment| segment[1] == 0xc4).unwrap();
    refused(&[("mean values a hundred thousand times", with(first, &original[first], 100_000))]);
    // Each component in a scan of its own, and one of them again and again: all wait in memory for the last.
    let side = 2200_u32;
    let mut apart = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut apart, 95);
    encoder.set_optimized_huffman_tables(true);
    let pixels: Vec<u8> = (0..251).cycle().take((side * side * 3) as usize).collect();
    let side = u16::try_from(side).unwrap();
    encoder.encode(&pixels, side, side, jpeg_encoder::ColorType::Rgb).unwrap();
    let mut again = segments(&apart);
    let first = scans(&again)[0];
    let more = again[first].clone();
    again.splice(first..first, std::iter::repeat_n(more, 40));
    // And the largest of those that come coarse first, a frequency as often as may be.
    let large = segments(&progressive(2100, 2000, shade));
    let last = *scans(&large).last().unwrap();
    let mut worn = large.clone();
    worn.splice(last..last, std::iter::repeat_n(large[last].clone(), 10));
    survived(&[
        ("tables without end", with(first, table, 45_000_000 / table.len())),
        ("the smallest tables", with(first, &segment(0xc4, &code), 1_000_000)),
        ("apart", apart.clone()),
        ("one of three again and again", joined(&again)),
        ("a frequency again and again", joined(&worn)),
    ]);
}

fn gif_file(width: u16, height: u16, blocks: &[u8]) -> Vec<u8> {
    let screen = [width.to_le_bytes(), height.to_le_bytes()].concat();
    [b"GIF89a".as_slice(), &screen, &[0x80, 0, 0, 0, 0, 0, 255, 255, 255], blocks, b";"].concat()
}

/// A frame with one pixel in it, whatever it says.
fn gif_frame(width: u16, height: u16) -> Vec<u8> {
    [b",\0\0\0\0".as_slice(), &width.to_le_bytes(), &height.to_le_bytes(), &[0, 2, 2, 0x44, 1, 0]].concat()
}

#[test]
fn gif_is_held_to_its_lines() {
    let _alone = alone();
    refused(&[
        ("65 535 in each direction", gif_file(65_535, 65_535, &gif_frame(1, 1))),
        ("a frame larger than its screen", gif_file(1, 1, &gif_frame(65_535, 65_535))),
        ("pixels that are not there", gif_file(5600, 5600, &gif_frame(5600, 5600))),
        ("three million comments", gif_file(1, 1, &[b"!\xfe\0".repeat(3_000_000), gif_frame(1, 1)].concat())),
    ]);
    let comment = [b"!\xfe".as_slice(), &b"\x01a".repeat(5_000_000), b"\0"].concat();
    pictured(&[("one comment of five million pieces", gif_file(1, 1, &[comment, gif_frame(1, 1)].concat()))]);
    let screen = |size| {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(RgbImage::new(size, size)).write_to(&mut bytes, ImageFormat::Gif).unwrap();
        bytes.into_inner()
    };
    pictured(&[("flat", screen(5600))]);
    survived(&[("a hundred thousand frames", gif_file(1, 1, &gif_frame(1, 1).repeat(100_000)))]);
}

fn webp_file(chunks: &[u8]) -> Vec<u8> {
    let length = u32::try_from(chunks.len() + 4).unwrap().to_le_bytes();
    [b"RIFF".as_slice(), &length, b"WEBP", chunks].concat()
}

fn webp_chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    let odd = vec![0; content.len() % 2];
    [name.as_slice(), &length, content, &odd].concat()
}

fn le24(value: u32) -> Vec<u8> {
    value.to_le_bytes()[..3].to_vec()
}

#[test]
fn webp_is_held_to_the_size_of_its_pixels() {
    let _alone = alone();
    let canvas = |flags: u8, side: u32| {
        webp_chunk(*b"VP8X", &[[flags, 0, 0, 0].as_slice(), &le24(side - 1), &le24(side - 1)].concat())
    };
    let lossy = [b"\x10\0\0\x9d\x01\x2a".as_slice(), &16_383_u16.to_le_bytes().repeat(2), &[0; 64]].concat();
    // Every code has one symbol, so that no pixel takes a bit.
    let lossless = |side: u32| {
        let sides = ((side - 1) | (side - 1) << 14).to_le_bytes();
        [[0x2f].as_slice(), &sides, &[0x88, 0x88, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat()
    };
    let frame = |side: u32, pixels: &[u8]| {
        let place = [[0; 6].as_slice(), &le24(side - 1), &le24(side - 1), &[10, 0, 0, 0]].concat();
        webp_chunk(*b"ANMF", &[place.as_slice(), pixels].concat())
    };
    pictured(&[("a thousand groups of codes", webp_of_codes(1000))]);
    let film = webp_chunk(*b"ANIM", &[0; 6]);
    let (vp8, vp8l) = (webp_chunk(*b"VP8 ", &lossy), |side| webp_chunk(*b"VP8L", &lossless(side)));
    refused(&[
        ("lossy, as large as it gets", webp_file(&vp8)),
        ("lossless, as large as it gets", webp_file(&vp8l(16_384))),
        ("lossless, within the limit of pixels", webp_file(&vp8l(5600))),
        ("lossless with opacity", webp_file(&[canvas(0x10, 5600), vp8l(5600)].concat())),
        ("more codes than there is room for", webp_of_codes(4000)),
        ("as many codes as there are", webp_of_codes(65_536)),
        ("lossy in a canvas of one pixel", webp_file(&[canvas(0, 1), vp8.clone()].concat())),
        ("lossless in a canvas of one pixel", webp_file(&[canvas(0, 1), vp8l(16_383)].concat())),
        ("a frame larger than it says", webp_file(&[canvas(2, 1), film.clone(), frame(1, &vp8)].concat())),
        (
            "a frame larger than its canvas",
            webp_file(&[canvas(2, 1), film.clone(), frame(16_383, &vp8)].concat()),
        ),
        (
            "a film as large as it gets",
            webp_file(&[canvas(2, 5600), film, frame(5600, &vp8l(5600))].concat()),
        ),
        (
            "a million chunks",
            webp_file(&[canvas(0, 1), webp_chunk(*b"XXXX", &[]).repeat(1_000_000), vp8].concat()),
        ),
    ]);
}

/// A film of two frames of 4 × 4, of which the second is these chunks, on a canvas.
fn film_of(side: u32, second: &[u8]) -> Vec<u8> {
    let canvas = [[2, 0, 0, 0].as_slice(), &le24(side - 1), &le24(side - 1)].concat();
    let place = [[0; 6].as_slice(), &le24(3), &le24(3), &[10, 0, 0, 0]].concat();
    let still = webp_of_codes(1);
    let frame = |chunks: &[u8]| webp_chunk(*b"ANMF", &[place.as_slice(), chunks].concat());
    let head = [webp_chunk(*b"VP8X", &canvas), webp_chunk(*b"ANIM", &[0; 6])].concat();
    webp_file(&[head, frame(&still[12..]), frame(second)].concat())
}

#[test]
fn every_frame_of_a_film_is_held_to_what_one_may_take() {
    let _alone = alone();
    let sides = |side: u16| side.to_le_bytes().repeat(2);
    let lossy = |side: u16| [b"\x10\0\0\x9d\x01\x2a".as_slice(), &sides(side), &[0; 64]].concat();
    let opacity = webp_chunk(*b"ALPH", &[0; 17]);
    let benign = webp_chunk(*b"VP8 ", &lossy(4));
    // One decoder takes the chunk of a name, another the second one.
    let hidden = webp_chunk(*b"XXXX", &lossy(16_383));
    pictured(&[
        ("as it should be", film_of(4, &webp_of_codes(1)[12..])),
        ("as many codes as there are", film_of(4, &webp_of_codes(65_536)[12..])),
        ("a picture behind another", film_of(4, &[opacity, hidden, benign].concat())),
    ]);
    refused(&[("a canvas without end", film_of(5600, &webp_of_codes(1)[12..]))]);
}

/// 16 pixels and so many groups of five codes, each of which becomes a table of a thousand entries: 57 bytes for 20,000.
fn webp_of_codes(groups: u32) -> Vec<u8> {
    let mut bits = Vec::new();
    let mut put = |value: u32, count: u32| bits.extend((0..count).map(|place| value >> place & 1));
    put(0x2f, 8);
    // Sides of 4, nothing transformed, no cache, and one number of a group for all blocks of 4 × 4.
    for (value, count) in [(3, 14), (3, 14), (0, 4), (0, 1), (0, 1), (1, 1), (0, 3), (0, 1)] {
        put(value, count);
    }
    for symbol in [(groups - 1) & 255, (groups - 1) >> 8, 0, 255, 0] {
        put(0b101, 3);
        put(symbol, 8);
    }
    // Lengths of 1 to 10: six of them coded by three bits, four by four; the tenth twice.
    let coded: [(u32, u32); 10] =
        [(0, 3), (1, 3), (2, 3), (3, 3), (4, 3), (12, 4), (13, 4), (14, 4), (15, 4), (5, 3)];
    for _ in 0..5 * groups {
        put(10 << 1, 5);
        for length in [0, 0, 0, 3, 3, 3, 3, 3, 0, 4, 4, 4, 4, 3] {
            put(length, 3);
        }
        put(0b0011 | 9 << 4, 8);
        for (code, length) in coded.into_iter().chain([coded[9]]) {
            put(code.reverse_bits() >> (32 - length), length);
        }
    }
    // Every pixel is four codes of one bit.
    put(0, 32);
    put(0, 32);
    let bytes: Vec<u8> = bits
        .chunks(8)
        .map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::try_from(*bit).unwrap()))
        .collect();
    webp_file(&webp_chunk(*b"VP8L", &bytes))
}

fn tiff_file(entries: &[(u16, u16, u32, u32)], after: &[u8]) -> Vec<u8> {
    let mut source =
        [b"II*\0\x08\0\0\0".as_slice(), &u16::try_from(entries.len()).unwrap().to_le_bytes()].concat();
    for (tag, kind, count, value) in entries {
        source.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        source.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
    }
    [source.as_slice(), &[0; 4], after].concat()
}

#[test]
fn tiff_is_held_to_its_strips() {
    let _alone = alone();
    let gray =
        |width, height, compression, samples: u32, strip: u32, offsets: (u32, u32), lengths: (u32, u32)| {
            [
                (256, 4, 1, width),
                (257, 4, 1, height),
                (258, 3, 1, 8),
                (259, 3, 1, compression),
                (262, 3, 1, 1),
                (273, 4, offsets.0, offsets.1),
                (277, 3, 1, samples),
                (278, 4, 1, strip),
                (279, 4, lengths.0, lengths.1),
            ]
        };
    // Where the bytes after a directory of nine entries begin.
    let after = 8 + 2 + 9 * 12 + 4;
    let flat = deflated(5600 * 5600);
    let one = u32::try_from(flat.len()).unwrap();
    let many = 2_000_000_u32;
    let places =
        [8_u32.to_le_bytes().repeat(many as usize), 16_u32.to_le_bytes().repeat(many as usize)].concat();
    let tile = [
        (256, 4, 1, 10),
        (257, 4, 1, 10),
        (258, 3, 1, 8),
        (259, 3, 1, 5),
        (262, 3, 1, 1),
        (277, 3, 1, 1),
        (322, 4, 1, 60_000),
        (323, 4, 1, 60_000),
        (324, 4, 1, 8),
        (325, 4, 1, 100),
    ];
    let mut jpeg = gray(16, 16, 7, 1, 16, (1, after), (1, 40));
    jpeg[4].3 = 1;
    let frame =
        [0xff, 0xd8, 0xff, 0xc2, 0, 11, 8, 0xff, 0xff, 0xff, 0xff, 1, 1, 0x11, 0, 0xff, 0xda, 0, 8, 1, 1, 0];
    refused(&[
        ("65 535 in each direction", tiff_file(&gray(65_535, 65_535, 1, 1, 65_535, (1, 8), (1, 100)), &[])),
        ("60 000 samples a pixel", tiff_file(&gray(5000, 5000, 1, 60_000, 5000, (1, 8), (1, 100)), &[])),
        (
            "two million strips",
            tiff_file(&gray(16, many, 1, 1, 1, (many, after), (many, after + 4 * many)), &places),
        ),
        (
            "strips that are not there",
            tiff_file(&gray(16, many, 1, 1, 1, (0x7fff_ffff, 8), (0x7fff_ffff, 8)), &[]),
        ),
        ("a tile larger than its picture", tiff_file(&tile, &[])),
        ("a JPEG larger than its strip", tiff_file(&jpeg, &[frame.as_slice(), &[0; 40]].concat())),
        ("a width of ten million values", tiff_file(&[(256, 4, 10_000_000, 8)], &places)),
        ("a directory that follows itself", [b"II*\0\x08\0\0\0\0\0".as_slice(), &[8, 0, 0, 0]].concat()),
    ]);
    pictured(&[("flat", tiff_file(&gray(5600, 5600, 8, 1, 5600, (1, after), (1, one)), &flat))]);
    let lengths = u32::try_from(flat.len()).unwrap().to_le_bytes().repeat(5600);
    let places = [(after + 8 * 5600).to_le_bytes().repeat(5600), lengths, flat].concat();
    pictured(&[(
        "all strips the same",
        tiff_file(&gray(5600, 5600, 8, 1, 1, (5600, after), (5600, after + 4 * 5600)), &places),
    )]);
}

#[test]
fn bmp_ico_and_qoi_are_held_to_their_headers() {
    let _alone = alone();
    let bitmap = |width: u32, height: u32, bits: u16, compression: u32, pixels: &[u8]| {
        let palette = if bits == 8 { vec![0; 1024] } else { Vec::new() };
        let starts = 54 + u32::try_from(palette.len()).unwrap();
        let mut source = [b"BM".as_slice(), &[0; 8], &starts.to_le_bytes(), &40_u32.to_le_bytes()].concat();
        source.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
        source.extend([1_u16.to_le_bytes(), bits.to_le_bytes()].concat());
        source.extend([compression.to_le_bytes().as_slice(), &[0; 20], &palette, pixels].concat());
        source
    };
    let qoi = |width: u32, height: u32, pixels: usize| {
        let head = [b"qoif".as_slice(), &width.to_be_bytes(), &height.to_be_bytes(), &[4, 0]].concat();
        [head.as_slice(), &vec![0xfd; pixels / 62 + 1], &[0, 0, 0, 0, 0, 0, 0, 1]].concat()
    };
    let icon = |count: u16, picture: &[u8]| {
        let length = u32::try_from(picture.len()).unwrap().to_le_bytes();
        let entry = [[16, 16, 0, 0, 1, 0, 32, 0].as_slice(), &length, &22_u32.to_le_bytes()].concat();
        [&[0, 0, 1, 0], count.to_le_bytes().as_slice(), &entry, picture].concat()
    };
    refused(&[
        ("a bitmap as large as it gets", bitmap(0x7fff_ffff, 0x7fff_ffff, 24, 0, &[])),
        ("a bitmap of 65 535 in each direction", bitmap(65_535, 65_535, 24, 0, &[])),
        ("a bitmap's pixels that are not there", bitmap(5600, 5600, 24, 0, &[])),
        ("runs that are not there", bitmap(5600, 5600, 8, 1, &[0, 1])),
        ("two million ends of lines", bitmap(5600, 5600, 8, 1, &[0, 2, 0, 0].repeat(2_000_000))),
        ("a QOI as large as it gets", qoi(0x7fff_ffff, 0x7fff_ffff, 1000)),
        ("a QOI within the limit of pixels", qoi(5600, 5600, 5600 * 5600)),
        ("an icon of 30 000 in each direction", icon(1, &png_file(30_000, 30_000, 0, &[], &[0; 100]))),
        ("an icon of 65 535 entries", icon(65_535, &[0; 40])),
        ("an icon's bitmap of 65 535", icon(1, &bitmap(65_535, 65_535, 32, 0, &[])[14..])),
    ]);
    survived(&[("the largest QOI that fits", qoi(3800, 3800, 3800 * 3800))]);
}

#[test]
fn jxl_is_held_to_its_header() {
    let _alone = alone();
    // A bare codestream whose size is said in 30 bits, then all defaults, and a frame of all defaults.
    let promising = |width: u128, height: u128, rest: &[u8]| {
        // Fields from the lowest bit on: not small, three for 30 bits, the height, no ratio, the same for the width, all default.
        let head = 3 << 1 | (height - 1) << 3 | 3 << 36 | (width - 1) << 38 | 1 << 68;
        [&[0xff, 0x0a], &head.to_le_bytes()[..9], rest].concat()
    };
    refused(&[
        ("as large as it gets", promising(1 << 30, 1 << 30, &[1; 100])),
        ("within the limit of pixels", promising(5600, 5600, &[1; 100])),
        ("a container that is not there", b"\0\0\0\x0cJXL \r\n\x87\n\xff\xff\xff\xffjxlc".to_vec()),
        (
            "a million boxes",
            [b"\0\0\0\x0cJXL \r\n\x87\n".as_slice(), &b"\0\0\0\x08free".repeat(1_000_000)].concat(),
        ),
    ]);
}

#[test]
fn the_largest_that_fit_stay_within_what_they_may_take() {
    let _alone = alone();
    // Opaque, clear, and turned; of every kind that comes whole.
    let encoded = |width, height, format| {
        let mut bytes = Cursor::new(Vec::new());
        RgbaImage::new(width, height).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    pictured(&[
        ("BMP", encoded(3600, 3600, ImageFormat::Bmp)),
        ("QOI", encoded(3600, 3600, ImageFormat::Qoi)),
        ("WebP", encoded(3400, 3400, ImageFormat::WebP)),
        ("TIFF", encoded(3600, 3600, ImageFormat::Tiff)),
    ]); // Strips that cannot be made much smaller before they are resized.
    survived(&[
        ("a strip of PNG", encoded(64, 200_000, ImageFormat::Png)),
        ("a strip of GIF", encoded(57_000, 144, ImageFormat::Gif)),
        ("a strip of TIFF", encoded(64, 200_000, ImageFormat::Tiff)),
        ("a strip of QOI", encoded(64, 200_000, ImageFormat::Qoi)),
        ("a strip of WebP", encoded(16_383, 500, ImageFormat::WebP)),
    ]);
}

/// Two frames of a pattern, half of which shows through.
fn pattern(side: u32) -> [RgbaImage; 2] {
    [0, 0x40].map(|shade| {
        RgbaImage::from_fn(side, side, |x, y| {
            let [x, y] = [x, y].map(|at| at.to_le_bytes()[0]);
            image::Rgba([x ^ shade, y, x ^ y, if (x / 64 + y / 64) % 2 == 0 { 255 } else { 80 }])
        })
    })
}

fn moving_png(frames: &[RgbaImage; 2], color: png::ColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, frames[0].width(), frames[0].height());
    encoder.set_color(color);
    encoder.set_animated(2, 0).unwrap();
    encoder.set_dispose_op(png::DisposeOp::Previous).unwrap();
    let mut writer = encoder.write_header().unwrap();
    for frame in frames {
        let opaque = DynamicImage::ImageRgba8(frame.clone()).into_rgb8();
        writer.write_image_data(if color == png::ColorType::Rgb { &opaque } else { frame }).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

fn moving_gif(side: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, side, side, &[0, 0, 0, 255, 255, 255]).unwrap();
    for shade in [0, 1] {
        let (pixels, shown) = (usize::from(side) * usize::from(side), gif::Frame::default());
        let frame = gif::Frame { width: side, height: side, buffer: vec![shade; pixels].into(), ..shown };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    bytes
}

fn moving_webp(frames: &[RgbaImage; 2], lossless: i32) -> Vec<u8> {
    let mut config = webp::WebPConfig::new().unwrap();
    (config.lossless, config.quality, config.method) = (lossless, 20.0, 0);
    let (width, height) = frames[0].dimensions();
    let mut encoder = webp::AnimEncoder::new(width, height, &config);
    for (frame, time) in frames.iter().zip([0, 100]) {
        encoder.add_frame(webp::AnimFrame::from_rgba(frame, width, height, time));
    }
    encoder.encode().to_vec()
}

#[test]
fn what_moves_stays_within_what_it_may_take() {
    let _alone = alone();
    // About the largest canvas of PNG, of WebP and of GIF.
    for side in [1_440, 1_610, 1_860] {
        let frames = pattern(side);
        let png = moving_png(&frames, png::ColorType::Rgba);
        // Beside it a profile that is larger than it may be.
        let profile = png_chunk(*b"iCCP", &[b"p\0\0".as_slice(), &deflated(50_000_000)].concat());
        for (name, source) in [
            ("PNG with a profile", [&png[..33], &profile, &png[33..]].concat()),
            ("PNG", png),
            ("opaque PNG", moving_png(&frames, png::ColorType::Rgb)),
            ("GIF", moving_gif(u16::try_from(side).unwrap())),
            ("lossy WebP", moving_webp(&frames, 0)),
            ("lossless WebP", moving_webp(&frames, 1)),
        ] {
            assert!(measure(&source).unwrap().moves, "{name}");
            assert_eq!(thrown(name, &source), Ok(shapes().len()), "{name}, {side}");
        }
    }
}
