//! Each block becomes what the transform of its lowest frequencies is by definition.

#![expect(clippy::cast_precision_loss, reason = "no number is above eight")]

use std::f64::consts::PI;

use jpeg_shrink::Eighths;

use crate::{
    handmade::{BASELINE, Bits, Block, Chance, Handmade},
    small,
};

/// Blocks in the picture.
const BLOCKS: usize = 40;

/// Where stored frequencies are in their block; the way there is drawn here, and written down in the decoder.
fn zigzag() -> Vec<(usize, usize)> {
    let mut places: Vec<_> = (0..64).map(|place| (place / 8, place % 8)).collect();
    places.sort_by_key(|(row, column)| (row + column, if (row + column) % 2 == 0 { *column } else { *row }));
    places
}

/// T.81, A.3.3, with N for 8.
fn transformed(block: &Block, step: i32, n: usize) -> Vec<f64> {
    let cosine = |index: usize, frequency: usize| {
        let scale = if frequency == 0 { 0.5_f64.sqrt() } else { 1.0 };
        let (index, frequency, n) = (index as f64, frequency as f64, n as f64);
        scale * ((2.0 * index + 1.0) * frequency * PI / (2.0 * n)).cos()
    };
    let wanted: Vec<_> =
        zigzag().into_iter().zip(block).filter(|((row, column), _)| *row < n && *column < n).collect();
    let sample = |y: usize, x: usize| {
        let sum: f64 = wanted
            .iter()
            .map(|((row, column), value)| f64::from(**value * step) * cosine(y, *row) * cosine(x, *column))
            .sum();
        (sum / 4.0 + 128.0).clamp(0.0, 255.0)
    };
    (0..n * n).map(|place| sample(place / n, place % n)).collect()
}

/// Some blocks, from flat to noisy.
fn blocks(chance: &mut Chance) -> Vec<Block> {
    let block = |index: usize| {
        let mut block = [0; 64];
        let amplitude = 1 + index * 2;
        for (place, value) in block.iter_mut().enumerate() {
            if place == 0 || chance.below(BLOCKS) < index {
                *value =
                    i32::try_from(chance.below(2 * amplitude)).unwrap() - i32::try_from(amplitude).unwrap();
            }
        }
        block
    };
    (0..BLOCKS).map(block).collect()
}

#[test]
fn samples_are_the_transform_of_the_lowest_frequencies() {
    for (seed, step) in [(1, 1), (2, 3), (3, 11), (4, 40)] {
        let blocks = blocks(&mut Chance(seed));
        let mut data = Bits::default();
        let mut before = 0;
        for block in &blocks {
            let mut stored = *block;
            stored[0] -= std::mem::replace(&mut before, block[0]);
            data.block(&stored);
        }
        let size = (8 * u16::try_from(BLOCKS).unwrap(), 8);
        let picture = Handmade::new().frame(BASELINE, size, &[0x11]).quantizer(step).codes();
        let picture = picture.sequential_scan(1, &data).end();
        for eighths in Eighths::ALL {
            let n = eighths.count();
            let plane = &small(&picture, eighths).unwrap().planes[0];
            assert_eq!((plane.width, plane.height, plane.stride), (BLOCKS * n, n, BLOCKS * n));
            for (index, block) in blocks.iter().enumerate() {
                for (place, expected) in transformed(block, step.into(), n).into_iter().enumerate() {
                    let found = plane.samples[place / n * plane.stride + index * n + place % n];
                    let is_near = (f64::from(found) - expected).abs() <= 0.51;
                    assert!(is_near, "{found} for {expected}, at {place} of block {index}, {n}/8");
                }
            }
        }
    }
}

#[test]
fn the_largest_values_overflow_nothing() {
    for value in [-32767, 32767] {
        for frequencies in [1, 2, 64] {
            let mut block = [0; 64];
            block[..frequencies].fill(value);
            let mut data = Bits::default();
            (0..9).for_each(|_| data.block(&block));
            let steps = [&[0x10][..], &[0xff; 128]].concat();
            let picture = Handmade::new().frame(BASELINE, (24, 24), &[0x11]).segment(0xdb, &steps).codes();
            let picture = picture.sequential_scan(1, &data).end();
            for eighths in Eighths::ALL {
                let corner = small(&picture, eighths).unwrap().planes[0].samples[0];
                assert_eq!(corner, if value < 0 { 0 } else { 255 });
            }
        }
    }
}
