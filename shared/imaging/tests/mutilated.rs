//! Broken pictures: hundreds of each kind, the same ones every time, and none that panics.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod mutilation;

use imaging::{measure, thumbnails};
use media_core::{Limits, thumbnail::USUAL};

use mutilation::{Chance, lossless, mutilate, seeds};

/// Mutants of each seed.
const MUTANTS: usize = 60;

#[test]
fn what_did_harm_once_does_none() {
    for (name, source) in seeds() {
        if name.contains("/found/") {
            let made = thumbnails(&source, &USUAL, &Limits::default(), &|| false);
            assert!(made.is_err(), "{name}");
        }
    }
}

#[test]
fn no_broken_picture_panics_and_what_comes_of_one_is_whole() {
    let seeds: Vec<_> = seeds().into_iter().chain(lossless()).collect();
    let limits = Limits { image_pixels: 4 * 1024 * 1024, ..Limits::default() };
    let mut chance = Chance(1);
    let (mut made, mut refused) = (0, 0);
    for (name, source) in &seeds {
        for _ in 0..MUTANTS {
            // Half of the other pictures are of the same kind.
            let (_, other) = &seeds[chance.below(seeds.len())];
            let broken = mutilate(source, if chance.below(2) == 0 { source } else { other }, &mut chance);
            let measured = measure(&broken);
            match thumbnails(&broken, &USUAL, &limits, &|| false) {
                Ok(pictures) => {
                    made += 1;
                    assert!(measured.is_ok(), "{name}");
                    for picture in pictures {
                        let seen = image::load_from_memory(&picture.bytes).unwrap();
                        assert_eq!((seen.width(), seen.height()), (picture.width, picture.height), "{name}");
                    }
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(seeds.len() >= 40 && made > 100 && refused > 300, "{} {made} {refused}", seeds.len());
}
