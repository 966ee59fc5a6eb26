//! Frames with some of their bytes gone, doubled or changed: decoded or refused, in the work that their size demands.

use std::cell::Cell;

use vp8_rows::Frame;

use crate::{
    decoded,
    pictures::{CONTENTS, Chance, Content, bitstream, unfiltered},
};

/// Mutilations of each picture.
const ROUNDS: u32 = 1500;

fn mutilated(source: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = source.to_vec();
    let mut below = |end: usize| usize::try_from(chance.below(u32::try_from(end).unwrap())).unwrap();
    for _ in 0..=below(6) {
        let at = below(bytes.len());
        // Every other time near the beginning, where the headers are; never in the size, or there is nothing to see.
        let at = if below(2) == 0 { at % bytes.len().min(60) } else { at };
        let end = bytes.len().min(at + 1 + below(20));
        match below(4) {
            0 if !(6..10).contains(&at) => bytes[at] = u8::try_from(below(256)).unwrap(),
            1 if !(6..10).contains(&at) => bytes[at] ^= 1 << below(8),
            2 if at >= 10 => drop(bytes.drain(at..end)),
            3 if at >= 10 => {
                let piece = bytes[at..end].to_vec();
                let to = 10 + below(bytes.len() - 10);
                bytes.splice(to..to, piece);
            }
            _ => {}
        }
    }
    bytes
}

#[test]
fn whatever_is_done_to_a_frame_it_is_decoded_or_refused() {
    let mut readable = 0;
    for (seed, content) in (0..).zip(CONTENTS) {
        let mut config = unfiltered();
        (config.method, config.partitions, config.segments) = (1, i32::try_from(seed).unwrap(), 4);
        let source = bitstream(content, (72, 50), &config);
        let mut chance = Chance(seed);
        for _ in 0..ROUNDS {
            let bytes = mutilated(&source, &mut chance);
            if let Ok(found) = decoded(&bytes) {
                readable += 1;
                assert_eq!(decoded(&bytes), Ok(found));
            }
        }
    }
    assert!(readable > ROUNDS, "{readable} were decoded at all");
}

#[test]
fn nothing_but_noise_behind_a_header_is_decoded() {
    let header = &bitstream(Content::Noise, (200, 120), &unfiltered())[..10];
    let mut chance = Chance(7);
    for _ in 0..200 {
        let mut bytes = header.to_vec();
        bytes.extend((0..6000).map(|_| u8::try_from(chance.below(256)).unwrap()));
        // The first partition is all of a third of it.
        let tag = u32::from(bytes[0] & 0x1f) | 2000 << 5;
        bytes[..3].copy_from_slice(&tag.to_le_bytes()[..3]);
        assert_eq!(decoded(&bytes).unwrap().size, (200, 120));
    }
}

#[test]
fn the_largest_frame_of_a_few_bytes_is_work_for_its_rows_and_can_be_stopped() {
    let mut bytes = bitstream(Content::Flat, (16, 16), &unfiltered());
    bytes[6..10].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
    let frame = Frame::read(&bytes).unwrap();
    assert_eq!((frame.width(), frame.height()), (16383, 16383));
    // A row of macroblocks, and little else.
    assert!(frame.memory() < 500_000, "{}", frame.memory());
    let (asked, taken) = (Cell::new(0), Cell::new(0));
    let keep_going = || {
        asked.set(asked.get() + 1);
        asked.get() <= 20
    };
    let stopped = frame.rows(&keep_going, |_| taken.set(taken.get() + 1));
    assert_eq!((stopped, asked.get(), taken.get()), (Err(vp8_rows::Error::Stopped), 21, 20));
}
