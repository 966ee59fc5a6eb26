//! JPEGs whose scans do not follow from one another: libjpeg warns of them and shows them, and so do we.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod jpegs;

use image::RgbaImage;
use imaging::{Unthumbnailable, thumbnails};
use media_core::{
    Limits,
    thumbnail::{Method, Shape},
};

use jpegs::{joined, progressive, scans, segments};

const RED: [u8; 3] = [250, 0, 0];
const GREEN: [u8; 3] = [0, 200, 0];

fn largest(source: &[u8]) -> Result<RgbaImage, Unthumbnailable> {
    let shape = Shape::new(800, 600, Method::Scale);
    let made = thumbnails(source, &[shape], &Limits::default(), &|| false)?;
    Ok(image::load_from_memory(&made[0].bytes).unwrap().into_rgba8())
}

fn check(name: &str, source: &[u8]) {
    let seen = largest(source).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (w, h) = seen.dimensions();
    for (x, expected) in [(w / 4, RED), (w * 3 / 4, GREEN)] {
        let is = seen.get_pixel(x, h / 2).0;
        let off = is.iter().zip(expected).map(|(is, expected)| is.abs_diff(expected)).max();
        assert!(off <= Some(12), "{name} at {x}: {is:?}, not {expected:?}");
    }
}

#[test]
fn a_progression_that_breaks_the_rules_is_shown_all_the_same() {
    // Decoded whole, and at half its size.
    for (width, height) in [(48, 32), (1700, 1200)] {
        let source = progressive(width, height, |x, _| if x < width / 2 { RED } else { GREEN });
        let original = segments(&source);
        let scans = scans(&original);
        assert!(scans.len() > 3);
        check("as it was", &joined(&original));

        let mut twice = original.clone();
        twice.insert(scans[1], original[scans[0]].clone());
        check("mean values twice", &joined(&twice));

        let mut again = original.clone();
        again.push(original[scans[2]].clone());
        check("frequencies twice", &joined(&again));

        // The tables stand before the first scan that needs them, so that the first two change places.
        let mut swapped = original.clone();
        let coarse = swapped.remove(scans[0]);
        swapped.insert(scans[1], coarse);
        check("frequencies before mean values", &joined(&swapped));

        // It says that it makes finer what was never there.
        let mut finer = original.clone();
        let bits = finer[scans[1]][3] as usize + 1;
        finer[scans[1]][bits] = 0x21;
        let seen = largest(&joined(&finer));
        assert!(seen.is_ok(), "{seen:?}");
    }
}

#[test]
fn what_is_too_large_to_be_decoded_whole_is_broken() {
    let source = progressive(3600, 2600, |x, _| if x < 1800 { RED } else { GREEN });
    let mut segments = segments(&source);
    check("as it was", &joined(&segments));
    let scans = scans(&segments);
    let coarse = segments[scans[0]].clone();
    segments.insert(scans[1], coarse);
    assert_eq!(largest(&joined(&segments)), Err(Unthumbnailable::Broken));
}

#[test]
fn there_are_not_more_scans_than_are_worth_it() {
    let source = progressive(48, 32, |x, _| if x < 24 { RED } else { GREEN });
    let original = segments(&source);
    let scans = scans(&original);
    let repeated = |times: usize| {
        let mut segments = original.clone();
        segments.extend(std::iter::repeat_n(original[scans[0]].clone(), times));
        joined(&segments)
    };
    check("a few", &repeated(20));
    assert_eq!(largest(&repeated(100)), Err(Unthumbnailable::Broken));
}
