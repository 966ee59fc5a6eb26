//! Small files that ask for much work: they are refused, or the work is bounded.

use std::cell::Cell;

use jpeg_shrink::{Budget, Decoded, Eighths, Error, decode, header, memory};

use crate::handmade::{BASELINE, Bits, Handmade, PROGRESSIVE};

/// What a picture may take, in bytes.
const MEMORY_BYTES: usize = 64 << 20;

/// Decodes, and counts how often it was asked whether to go on.
fn counted(source: &[u8], eighths: Eighths) -> (Result<Decoded, Error>, usize) {
    let asked = Cell::new(0);
    let keep_going = || {
        asked.set(asked.get() + 1);
        true
    };
    let decoded = decode(source, eighths, &Budget { memory_bytes: MEMORY_BYTES, keep_going: &keep_going });
    (decoded, asked.get())
}

#[test]
fn a_huge_size_is_refused_before_anything_is_allocated() {
    for marker in [BASELINE, PROGRESSIVE] {
        let picture =
            Handmade::new().frame(marker, (65_500, 65_500), &[0x22, 0x11, 0x11]).quantizer(1).codes();
        let picture = picture.sequential_scan(3, &Bits::default()).end();
        let header = header(&picture).unwrap();
        assert_eq!((header.width, header.height), (65_500, 65_500));
        assert!(memory(&header, Eighths::One) > MEMORY_BYTES);
        for eighths in Eighths::ALL {
            assert_eq!(counted(&picture, eighths), (Err(Error::TooMuchMemory), 0));
        }
    }
}

#[test]
fn thousands_of_scans_are_too_many() {
    let picture = Handmade::new().frame(PROGRESSIVE, (5700, 5700), &[0x11]).quantizer(1).codes();
    let mut end_of_all = Bits::default();
    end_of_all.symbol(0xe0);
    let mut picture = picture.scan(&[1], (0, 0), (0, 13), &Bits::default());
    for scan in 0..5000_u16 {
        // A legal progression as long as it can be made one: all frequencies one by one, then one bit more of each.
        let (band, round) = (u8::try_from(1 + scan % 63).unwrap(), u8::try_from(scan / 63 % 13).unwrap());
        let bits = if round == 0 { (0, 13) } else { (14 - round, 13 - round) };
        picture = picture.scan(&[1], (band, band), bits, &end_of_all);
    }
    let picture = picture.end();
    for eighths in Eighths::ALL {
        assert_eq!(counted(&picture, eighths), (Err(Error::TooManyScans), 0));
    }
}

#[test]
fn as_many_scans_as_there_may_be_pass_over_what_is_empty() {
    let mut picture = Handmade::new().frame(PROGRESSIVE, (5700, 5700), &[0x11]).quantizer(1).codes();
    let mut end_of_all = Bits::default();
    (0..40).for_each(|_| {
        end_of_all.symbol(0xe0);
        end_of_all.bits((1 << 14) - 1, 14);
    });
    picture = picture.scan(&[1], (0, 0), (0, 13), &Bits::default());
    picture = picture.scan(&[1], (1, 63), (0, 13), &end_of_all);
    for low in (0..13).rev() {
        picture = picture.scan(&[1], (1, 63), (low + 1, low), &end_of_all);
    }
    let picture = picture.end();
    let (decoded, asked) = counted(&picture, Eighths::Two);
    let plane = decoded.unwrap().planes.remove(0);
    assert_eq!((plane.width, plane.height), (1425, 1425));
    // Of 713 rows, each scan but the first asks once for each, and so do the samples.
    assert!(asked < 713 * 16, "{asked} questions");
}

#[test]
fn a_component_of_a_sequential_picture_comes_once() {
    let picture = Handmade::new().frame(BASELINE, (8, 8), &[0x11, 0x11, 0x11]).quantizer(1).codes();
    let twice =
        picture.scan(&[1], (0, 63), (0, 0), &Bits::default()).scan(&[1], (0, 63), (0, 0), &Bits::default());
    assert_eq!(counted(&twice.end(), Eighths::One).0, Err(Error::Broken("a component that comes twice")));
}

#[test]
fn tables_that_are_not_used_are_not_built() {
    // A million of them would take a minute to build, or more.
    let one = Handmade::new().codes().0[2..].to_vec();
    let mut picture = Handmade::new().frame(BASELINE, (8, 8), &[0x11]).quantizer(1);
    for _ in 0..1_000_000 {
        picture.0.extend([0xff, 0xc4, 0x00, 0x14, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    }
    picture.0.extend(one);
    let mut data = Bits::default();
    data.value(0, 80);
    data.symbol(0);
    let (decoded, asked) = counted(&picture.sequential_scan(1, &data).end(), Eighths::One);
    assert_eq!((decoded.unwrap().planes[0].samples[0], asked), (138, 1));
}

#[test]
fn restarts_at_every_block_are_no_more_work_than_blocks() {
    let picture =
        Handmade::new().frame(BASELINE, (65_500, 64), &[0x11]).quantizer(1).codes().restart_interval(1);
    let mut picture = picture.sequential_scan(1, &Bits::default());
    // The first has no data at all, then comes nothing but markers, of numbers that do not fit.
    (0..1_000_000)
        .for_each(|index: usize| picture.0.extend([0xff, if index.is_multiple_of(3) { 0xd0 } else { 0xd3 }]));
    let blocks = 65_500_usize.div_ceil(8) * 8;
    let (decoded, asked) = counted(&picture.end(), Eighths::One);
    assert!(decoded.is_ok() && asked <= blocks, "{asked} questions for {blocks} blocks");
}

#[test]
fn who_is_told_to_stop_stops() {
    for marker in [BASELINE, PROGRESSIVE] {
        let picture = Handmade::new().frame(marker, (64, 64), &[0x11]).quantizer(1).codes();
        let last = if marker == BASELINE { 63 } else { 0 };
        let picture = picture.scan(&[1], (0, last), (0, 0), &Bits::default()).end();
        let stopped =
            decode(&picture, Eighths::One, &Budget { memory_bytes: MEMORY_BYTES, keep_going: &|| false });
        assert_eq!(stopped, Err(Error::Stopped));
    }
}

#[test]
fn memory_is_what_is_allocated_and_little_for_large_photographs() {
    let size = (8000, 6000);
    let header = |marker| Handmade::new().frame(marker, size, &[0x22, 0x11, 0x11]).end();
    let bytes = |marker, eighths| memory(&jpeg_shrink::header(&header(marker)).unwrap(), eighths);
    for (eighths, sequential, progressive) in
        [(Eighths::One, 2, 4), (Eighths::Two, 6, 20), (Eighths::Three, 12, 32), (Eighths::Four, 20, 56)]
    {
        assert!(bytes(BASELINE, eighths) < sequential << 20, "{eighths:?}");
        assert!(bytes(PROGRESSIVE, eighths) < progressive << 20, "{eighths:?}");
    }
}
