//! Pictures with some of their bytes gone, doubled or changed: decoded or refused, in the work that their size demands.

use std::cell::Cell;

use jpeg_shrink::{Budget, Eighths, decode};

use crate::{
    handmade::Chance,
    pictures::{jpeg, progressive_jpeg},
};

/// Mutilations of each picture.
const ROUNDS: usize = 1200;

fn mutilated(source: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = source.to_vec();
    for _ in 0..=chance.below(6) {
        let at = chance.below(bytes.len());
        let end = bytes.len().min(at + 1 + chance.below(40));
        // Every other time near the beginning, where the headers are.
        let at = if chance.below(2) == 0 { at % bytes.len().min(700) } else { at };
        let end = end.max(at);
        match chance.below(5) {
            0 => bytes[at] = u8::try_from(chance.below(256)).unwrap(),
            1 => bytes[at] ^= 1 << chance.below(8),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at..end].to_vec();
                let to = chance.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => bytes.splice(at..at, [0xff, 0xc0 + u8::try_from(chance.below(64)).unwrap()]).for_each(drop),
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

#[test]
fn whatever_is_done_to_a_picture_it_is_decoded_or_refused() {
    let mut decoded = 0;
    for (seed, source) in [jpeg(90, 70), progressive_jpeg(90, 70), jpeg(8, 8)].into_iter().enumerate() {
        let mut chance = Chance(seed as u64);
        for _ in 0..ROUNDS {
            let bytes = mutilated(&source, &mut chance);
            for eighths in Eighths::ALL {
                let asked = Cell::new(0);
                let keep_going = || {
                    asked.set(asked.get() + 1);
                    true
                };
                let budget = Budget { memory_bytes: 8 << 20, keep_going: &keep_going };
                decoded += usize::from(decode(&bytes, eighths, &budget).is_ok());
                // A question for 1024 MCUs or less; 8 MiB have room for half a million means, in up to 64 scans.
                assert!(asked.get() < 200_000, "{} questions", asked.get());
            }
        }
    }
    assert!(decoded > ROUNDS * 4, "{decoded} were decoded at all");
}
