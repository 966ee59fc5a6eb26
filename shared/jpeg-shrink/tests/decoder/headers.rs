//! What a picture says of itself, and what is wrong with some.

use jpeg_shrink::{Color, Eighths, Error, MAX_PROFILE_BYTES, header};

use crate::{
    handmade::{BASELINE, Bits, Handmade, PROGRESSIVE},
    small,
};

const ADOBE: &[u8] = b"Adobe\0\x64\0\0\0\0";

/// A picture of one scan without data.
fn with(before: Handmade, factors: &[u8]) -> Vec<u8> {
    let picture = before.frame(BASELINE, (16, 9), factors).quantizer(1).codes();
    picture.sequential_scan(u8::try_from(factors.len()).unwrap(), &Bits::default()).end()
}

fn adobe(transform: u8) -> Handmade {
    Handmade::new().segment(0xee, &[ADOBE, &[transform]].concat())
}

fn jfif() -> Handmade {
    Handmade::new().segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")
}

#[test]
fn colours_are_what_libjpeg_takes_them_for() {
    let three = [0x11; 3];
    let check = |before: Handmade, factors: &[u8], color: Color, inverted: bool| {
        let source = with(before, factors);
        let header = header(&source).unwrap();
        assert_eq!((header.color, header.inverted), (color, inverted));
        let decoded = small(&source, Eighths::One).unwrap();
        assert_eq!((decoded.color, decoded.inverted), (color, inverted));
    };
    check(Handmade::new(), &[0x11], Color::Gray, false);
    check(Handmade::new(), &three, Color::YCbCr, false);
    check(jfif(), &three, Color::YCbCr, false);
    check(adobe(0), &three, Color::Rgb, false);
    check(adobe(1), &three, Color::YCbCr, false);
    check(Handmade::new(), &[0x11; 4], Color::Cmyk, false);
    check(adobe(0), &[0x11; 4], Color::Cmyk, true);
    check(adobe(2), &[0x11; 4], Color::Ycck, true);
    // Where both are, JFIF has nothing but YCbCr.
    check(jfif().segment(0xee, &[ADOBE, &[0]].concat()), &three, Color::YCbCr, false);
    // Components may be named after what they are.
    let named = [8, 0, 9, 0, 16, 3, b'R', 0x11, 0, b'G', 0x11, 0, b'B', 0x11, 0];
    assert_eq!(header(&Handmade::new().segment(BASELINE, &named).end()).unwrap().color, Color::Rgb);
}

#[test]
fn exif_and_profile_are_handed_on() {
    let piece =
        |number: u8, count: u8, bytes: &[u8]| [b"ICC_PROFILE\0", &[number, count][..], bytes].concat();
    let exif =
        Handmade::new().segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0").segment(0xe1, b"Exif\0\0II*\0");
    let one = with(exif.clone().segment(0xe2, &piece(1, 1, b"profile")), &[0x11]);
    let found = header(&one).unwrap();
    assert_eq!((found.exif, found.icc.as_deref()), (Some(&b"II*\0"[..]), Some(&b"profile"[..])));
    // In whatever order.
    let two = with(exif.segment(0xe2, &piece(2, 2, b"file")).segment(0xe2, &piece(1, 2, b"pro")), &[0x11]);
    assert_eq!(header(&two).unwrap().icc.as_deref(), Some(&b"profile"[..]));
    let none = [vec![(1, 2)], vec![(1, 1), (1, 1)], vec![(0, 1)], vec![(1, 2), (3, 2)], vec![(1, 2), (2, 3)]];
    for pieces in none {
        let picture = pieces.iter().fold(Handmade::new(), |picture, (number, count)| {
            picture.segment(0xe2, &piece(*number, *count, b"profile"))
        });
        assert_eq!(header(&with(picture, &[0x11])).unwrap().icc, None, "{pieces:?}");
    }
    let large = |bytes: usize| {
        let count = u8::try_from(bytes.div_ceil(65_000)).unwrap();
        let picture = (1..=count).fold(Handmade::new(), |picture, number| {
            picture.segment(0xe2, &piece(number, count, &vec![0; 65_000]))
        });
        header(&with(picture, &[0x11])).unwrap().icc.map(|profile| profile.len())
    };
    assert_eq!(large(65_000 * 60), Some(65_000 * 60));
    assert_eq!(large(MAX_PROFILE_BYTES + 65_000), None);
}

#[test]
fn other_kinds_are_measured_and_not_decoded() {
    let kinds = [0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf];
    let mut pictures: Vec<_> =
        kinds.iter().map(|kind| Handmade::new().frame(*kind, (300, 200), &[0x22, 0x11, 0x11])).collect();
    pictures.push(Handmade::new().frame(BASELINE, (300, 0), &[0x11]));
    pictures.push(Handmade::new().frame(BASELINE, (300, 200), &[0x11, 0x11]));
    pictures.push(Handmade::new().segment(0xc1, &[12, 0, 200, 1, 44, 1, 1, 0x11, 0]));
    for picture in pictures {
        let source = picture.end();
        let found = header(&source).unwrap();
        let reason = found.unsupported.unwrap();
        assert_eq!(found.width, 300);
        assert!(found.height == 200 || found.height == 0);
        assert_eq!(small(&source, Eighths::One), Err(Error::Unsupported(reason)));
    }
    let extended = Handmade::new().frame(0xc1, (8, 8), &[0x11]).quantizer(1).codes();
    assert!(small(&extended.sequential_scan(1, &Bits::default()).end(), Eighths::One).is_ok());
}

#[test]
fn what_is_no_jpeg_is_none() {
    for bytes in [&b""[..], b"\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd9\xff\xd8"] {
        assert_eq!(header(bytes).map(|header| header.width), Err(Error::NotJpeg));
        assert_eq!(small(bytes, Eighths::One), Err(Error::NotJpeg));
    }
}

#[test]
fn what_breaks_the_rules_is_broken() {
    let frame = || Handmade::new().frame(BASELINE, (16, 16), &[0x11, 0x11, 0x11]);
    let ready = || frame().quantizer(1).codes();
    let none = Bits::default();
    let broken = [
        Handmade::new(),
        Handmade::new().sequential_scan(1, &none),
        Handmade::new().segment(BASELINE, &[8, 0, 8]),
        Handmade::new().segment(BASELINE, &[8, 0, 8, 0, 8, 3, 1, 0x11, 0]),
        Handmade::new().segment(BASELINE, &[8, 0, 8, 0, 8, 3, 1, 0x11, 0, 1, 0x11, 0, 2, 0x11, 0]),
        Handmade::new().frame(BASELINE, (0, 16), &[0x11]),
        Handmade::new().frame(BASELINE, (16, 16), &[0x01]),
        Handmade::new().frame(BASELINE, (16, 16), &[0x51]),
        frame().frame(BASELINE, (16, 16), &[0x11]),
        ready().scan(&[1], (0, 63), (0, 0), &none).frame(BASELINE, (16, 16), &[0x11]),
        frame().codes().sequential_scan(3, &none),
        frame().quantizer(1).sequential_scan(3, &none),
        ready().sequential_scan(4, &none),
        ready().scan(&[], (0, 63), (0, 0), &none),
        ready().scan(&[1, 1], (0, 63), (0, 0), &none),
        ready().segment(0xda, &[1, 1, 0]),
        ready().segment(0xdd, &[1]).sequential_scan(3, &none),
        ready().segment(0xdb, &[0, 1, 2]).sequential_scan(3, &none),
        ready().segment(0xdb, &[0x20; 65]).sequential_scan(3, &none),
        ready().segment(0xc4, &[0x00, 9]).sequential_scan(3, &none),
        // Three codes of one bit.
        ready()
            .segment(0xc4, &[0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3])
            .sequential_scan(3, &none),
        // A mean of sixteen bits.
        ready()
            .segment(0xc4, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16])
            .sequential_scan(3, &none),
        // Eleven blocks in an MCU.
        Handmade::new()
            .frame(BASELINE, (16, 16), &[0x42, 0x12, 0x11])
            .quantizer(1)
            .codes()
            .sequential_scan(3, &none),
    ];
    for (index, picture) in broken.into_iter().enumerate() {
        for eighths in Eighths::ALL {
            let decoded = small(&picture.clone().end(), eighths);
            assert!(matches!(decoded, Err(Error::Broken(_))), "{index}: {decoded:?}");
        }
    }
    assert!(small(&ready().sequential_scan(3, &none).end(), Eighths::One).is_ok());
}

#[test]
fn components_may_come_one_by_one_and_some_not_at_all() {
    let mut data = Bits::default();
    (0..4).for_each(|_| {
        data.value(0, 8);
        data.symbol(0);
    });
    let picture = Handmade::new().frame(BASELINE, (16, 16), &[0x11, 0x11, 0x11]).quantizer(8).codes();
    let picture = picture.scan(&[3], (0, 63), (0, 0), &data).scan(&[1], (0, 63), (0, 0), &data).end();
    let planes = small(&picture, Eighths::One).unwrap().planes;
    assert_eq!(planes[0].samples, [136, 144, 152, 160]);
    assert_eq!(planes[1].samples, [128; 4]);
    assert_eq!(planes[2].samples, planes[0].samples);
}

#[test]
fn what_is_between_segments_does_not_matter() {
    let whole = with(Handmade::new(), &[0x11]);
    let mut padded = vec![0xff, 0xd8, 1, 2, 3, 0xff, 0xff, 0xff, 0x01, 0xff];
    padded.extend(&whole[2..]);
    assert_eq!(small(&padded, Eighths::One), small(&whole, Eighths::One));
    let is_progressive =
        |kind| header(&Handmade::new().frame(kind, (8, 8), &[0x11]).end()).unwrap().progressive;
    assert!(is_progressive(PROGRESSIVE) && !is_progressive(BASELINE));
}
