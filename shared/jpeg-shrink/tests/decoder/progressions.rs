//! A picture that comes in many scans is the one that comes in one; and what is no progression is refused.

use jpeg_shrink::{Eighths, Error};

use crate::{
    handmade::{BASELINE, Bits, Block, Chance, Handmade, PROGRESSIVE},
    small,
};

/// 5 × 3 blocks.
const SIZE: (u16, u16) = (40, 24);
const BLOCKS: usize = 15;

/// Scans of one component: band, high, low; as libjpeg's usual script has them for luminance.
const SCRIPT: [((u8, u8), (u8, u8)); 7] = [
    ((0, 0), (0, 1)),
    ((1, 5), (0, 2)),
    ((6, 63), (0, 2)),
    ((1, 63), (2, 1)),
    ((0, 0), (1, 0)),
    ((1, 20), (1, 0)),
    ((21, 63), (1, 0)),
];

fn blocks(chance: &mut Chance) -> Vec<Block> {
    let mut block = || {
        let mut block = [0; 64];
        for (place, value) in block.iter_mut().enumerate() {
            if chance.below(64) > place {
                *value = i32::try_from(chance.below(41)).unwrap() - 20;
            }
        }
        block
    };
    let mut blocks: Vec<_> = (0..BLOCKS).map(|_| block()).collect();
    // One that is flat, and one with nothing but its last.
    blocks[3][1..].fill(0);
    blocks[4][1..63].fill(0);
    blocks[4][63] = 7;
    blocks
}

/// The magnitude without its low bits.
fn coarse(value: i32, low: u8) -> i32 {
    value.signum() * (value.abs() >> low)
}

/// Encodes a scan as annex G says, each block by itself.
fn encoded(blocks: &[Block], (first, last): (u8, u8), (high, low): (u8, u8)) -> Bits {
    let mut data = Bits::default();
    let mut before = 0;
    let band = usize::from(first)..=usize::from(last);
    for block in blocks {
        match (first, high) {
            (0, 0) => {
                let mean = block[0] >> low;
                data.value(0, mean - std::mem::replace(&mut before, mean));
            }
            (0, _) => data.bits((block[0] >> low & 1).cast_unsigned(), 1),
            (_, 0) => {
                let mut rest = [0; 64];
                rest[64 - (*band.end() - *band.start() + 1)..]
                    .iter_mut()
                    .zip(&block[band.clone()])
                    .for_each(|(to, value)| *to = coarse(*value, low));
                first_time(&mut data, &rest[64 - (*band.end() - *band.start() + 1)..]);
            }
            _ => again(&mut data, &block[band.clone()], low),
        }
    }
    data
}

fn first_time(data: &mut Bits, values: &[i32]) {
    let mut run = 0;
    for value in values {
        if *value == 0 {
            run += 1;
            continue;
        }
        (0..run / 16).for_each(|_| data.symbol(0xf0));
        data.value(run % 16, *value);
        run = 0;
    }
    if run > 0 {
        data.symbol(0);
    }
}

/// Figure G.7.
fn again(data: &mut Bits, values: &[i32], low: u8) {
    let size = |value: &i32| value.abs() >> low;
    let last_new = values.iter().rposition(|value| size(value) == 1);
    let mut run = 0;
    let mut corrections = Vec::new();
    let correct = |data: &mut Bits, corrections: &mut Vec<u32>| {
        corrections.drain(..).for_each(|bit| data.bits(bit, 1));
    };
    for (place, value) in values.iter().enumerate() {
        if size(value) == 0 {
            run += 1;
            continue;
        }
        while run > 15 && last_new.is_some_and(|last| place <= last) {
            data.symbol(0xf0);
            correct(data, &mut corrections);
            run -= 16;
        }
        if size(value) > 1 {
            corrections.push((size(value) & 1).cast_unsigned());
            continue;
        }
        data.symbol(run << 4 | 1);
        data.bits(u32::from(*value > 0), 1);
        correct(data, &mut corrections);
        run = 0;
    }
    if run > 0 || !corrections.is_empty() {
        data.symbol(0);
        correct(data, &mut corrections);
    }
}

fn begun() -> Handmade {
    Handmade::new().frame(PROGRESSIVE, SIZE, &[0x11]).quantizer(3).codes()
}

#[test]
fn many_scans_come_to_the_same_as_one() {
    for seed in 0..20 {
        let blocks = blocks(&mut Chance(seed));
        let mut data = Bits::default();
        let mut before = 0;
        for block in &blocks {
            let mut stored = *block;
            stored[0] -= std::mem::replace(&mut before, block[0]);
            data.block(&stored);
        }
        let one = Handmade::new().frame(BASELINE, SIZE, &[0x11]).quantizer(3).codes();
        let one = one.sequential_scan(1, &data).end();
        let many = SCRIPT.into_iter().fold(begun(), |picture, (band, bits)| {
            picture.scan(&[1], band, bits, &encoded(&blocks, band, bits))
        });
        let many = many.end();
        for eighths in Eighths::ALL {
            let (one, many) = (small(&one, eighths).unwrap(), small(&many, eighths).unwrap());
            assert_eq!(one, many, "{eighths:?}, seed {seed}");
        }
    }
}

#[test]
fn runs_of_blocks_that_have_ended_end_with_the_interval() {
    // Two means, of which the second is 0 above the first; then a run of 30 000 blocks, and a restart within it.
    let mut means = Bits::default();
    (0..BLOCKS).for_each(|_| means.value(0, 1));
    let mut run = Bits::default();
    run.symbol(0xe0);
    run.bits(30_000 - (1 << 14), 14);
    let picture = begun().scan(&[1], (0, 0), (0, 0), &means).restart_interval(7);
    let mut picture = picture.scan(&[1], (1, 63), (0, 0), &run);
    picture.0.extend([0xff, 0xd0]);
    let mut value = Bits::default();
    value.value(0, 40);
    value.symbol(0);
    let whole = picture.clone().scan(&[1], (1, 63), (0, 0), &value);
    assert_eq!(
        small(&whole.end(), Eighths::Two),
        Err(Error::Broken("a scan that does not follow from those before"))
    );
    // The eighth block is the first after the restart: 8 bits of code, 6 of value, 8 of the end.
    picture.0.extend([0x06, 0b1010_0000, 0b0000_0011]);
    let plane = small(&picture.end(), Eighths::Two).unwrap().planes.remove(0);
    let at = |block: usize| {
        let start = block / 5 * 2 * plane.stride + block % 5 * 2;
        [plane.samples[start], plane.samples[start + 1]]
    };
    assert_eq!(at(6), [131, 131]);
    assert_eq!(at(7), [146, 116]);
    assert_eq!(at(8), [131, 131]);
}

#[test]
fn what_is_no_progression_is_broken() {
    let mut data = Bits::default();
    (0..BLOCKS).for_each(|_| data.value(0, 0));
    let scan = |picture: Handmade, band, bits| picture.scan(&[1], band, bits, &data);
    let with_means = || scan(begun(), (0, 0), (0, 1));
    let broken = [
        // Bands that there are not.
        scan(begun(), (0, 5), (0, 0)),
        scan(with_means(), (5, 4), (0, 0)),
        scan(with_means(), (1, 64), (0, 0)),
        scan(with_means(), (255, 255), (0, 0)),
        // Bits that there are not.
        scan(begun(), (0, 0), (0, 14)),
        // Steps that do not follow.
        scan(begun(), (0, 0), (2, 1)),
        scan(begun(), (1, 5), (0, 0)),
        scan(with_means(), (0, 0), (0, 1)),
        scan(with_means(), (0, 0), (2, 1)),
        scan(with_means(), (0, 0), (1, 1)),
        scan(scan(with_means(), (0, 0), (1, 0)), (0, 0), (1, 0)),
        scan(scan(with_means(), (1, 5), (0, 1)), (4, 9), (0, 1)),
        scan(scan(with_means(), (1, 5), (0, 1)), (1, 9), (1, 0)),
    ];
    for (index, picture) in broken.into_iter().enumerate() {
        for eighths in Eighths::ALL {
            let decoded = small(&picture.clone().end(), eighths);
            assert!(matches!(decoded, Err(Error::Broken(_))), "{index}: {decoded:?}");
        }
    }
    assert!(small(&with_means().end(), Eighths::Four).is_ok());
    assert!(small(&scan(with_means(), (1, 63), (0, 0)).end(), Eighths::Four).is_ok());
}
