//! Which thumbnail answers a request: one that is there, or which one to make.

use super::{Fit, Method, Shape, Thumbnail, USUAL, fit};
use crate::record::Picture;

/// Boxes that a `scale` request is rounded up to; beyond the usual ones they are made when asked for.
const SCALE_STEPS: [(u32, u32); 5] = [(320, 240), (640, 480), (800, 600), (1280, 960), (1920, 1440)];

/// Longest sides that a `crop` request is rounded up to.
const CROP_STEPS: [u32; 7] = [32, 96, 320, 640, 800, 1280, 1920];

/// What answers a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice<'a> {
    /// A thumbnail that is there.
    Stored(&'a Thumbnail),
    /// One that is still to be made.
    Make(Shape),
}

/// Chooses what answers a request: the smallest step that is large enough, so that few thumbnails serve all requests.
///
/// A `crop` keeps the request's aspect (to a pixel). What asks for more than the largest step gets the largest step.
/// What the picture is, as far as that is known, settles the rest: what does not move is answered still whatever was asked
/// for (specification 1.11), and where several steps come out as the same pixels there is one thumbnail for all of them.
#[must_use]
pub fn choose(wanted: Shape, picture: Option<Picture>, known: &[Thumbnail]) -> Choice<'_> {
    let mut shape = step(wanted);
    let mut look: Box<dyn Fn(Shape) -> Option<Fit>> = Box::new(|_| None);
    if let Some(Picture::Measured { width, height, moves }) = picture {
        shape.animated &= moves;
        shape = of_the_same_look((width, height), shape);
        look = Box::new(move |shape| Some(fit((width, height), shape)));
    }
    let looks_the_same = |other: Shape| {
        other.animated == shape.animated && look(other).is_some_and(|other| Some(other) == look(shape))
    };
    let is_answer = |stored: &&Thumbnail| stored.shape == shape || looks_the_same(stored.shape);
    known.iter().find(is_answer).map_or(Choice::Make(shape), Choice::Stored)
}

/// The smallest step that is large enough: what different requests that get the same answer have in common.
#[must_use]
pub fn step(wanted: Shape) -> Shape {
    let (width, height) = match wanted.method {
        Method::Scale => scale_step(wanted),
        Method::Crop => crop_step(wanted),
    };
    Shape { width, height, ..wanted }
}

/// The usual thumbnails of a picture of this size, each look once.
#[must_use]
pub fn usual(size: (u32, u32)) -> Vec<Shape> {
    let mut looks: Vec<Fit> = Vec::new();
    let is_new = |shape: &Shape| {
        let look = fit(size, *shape);
        let is_new = !looks.contains(&look);
        looks.push(look);
        is_new
    };
    USUAL.into_iter().filter(is_new).collect()
}

/// The first of the usual shapes that looks the same, or the shape itself.
fn of_the_same_look(size: (u32, u32), shape: Shape) -> Shape {
    let look = fit(size, shape);
    let same = USUAL.into_iter().find(|usual| fit(size, *usual) == look);
    Shape { animated: shape.animated, ..same.unwrap_or(shape) }
}

fn scale_step(wanted: Shape) -> (u32, u32) {
    let enough = |&&(width, height): &&(u32, u32)| width >= wanted.width && height >= wanted.height;
    *SCALE_STEPS.iter().find(enough).unwrap_or(&SCALE_STEPS[SCALE_STEPS.len() - 1])
}

fn crop_step(wanted: Shape) -> (u32, u32) {
    let longest = wanted.width.max(wanted.height);
    let step = *CROP_STEPS.iter().find(|&&step| step >= longest).unwrap_or(&CROP_STEPS[CROP_STEPS.len() - 1]);
    let fit = |side: u32| {
        let scaled = (u64::from(side) * u64::from(step)).div_ceil(u64::from(longest));
        u32::try_from(scaled).unwrap_or(step).max(1)
    };
    (fit(wanted.width), fit(wanted.height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thumbnail::{Body, Format};

    const SCALE: Method = Method::Scale;
    const CROP: Method = Method::Crop;

    fn stored(size: (u32, u32), shape: Shape) -> Thumbnail {
        let (width, height) = fit(size, shape).cut;
        let body = Body::Object(String::new());
        Thumbnail { shape, format: Format::Jpeg, width, height, size_bytes: 1, body }
    }

    /// What is answered when the usual thumbnails of a picture of this size are there: the thumbnail's own size.
    fn answered(size: (u32, u32), wanted: Shape) -> Option<(u32, u32)> {
        let picture = Picture::Measured { width: size.0, height: size.1, moves: false };
        let known: Vec<_> = usual(size).into_iter().map(|shape| stored(size, shape)).collect();
        match choose(wanted, Some(picture), &known) {
            Choice::Stored(thumbnail) => Some((thumbnail.width, thumbnail.height)),
            Choice::Make(_) => None,
        }
    }

    #[test]
    fn the_usual_sizes_are_their_own_answer() {
        for shape in USUAL {
            assert_eq!(step(shape), shape);
        }
    }

    #[test]
    fn other_sizes_are_rounded_up() {
        let check = |method, asked: (u32, u32), expected: (u32, u32)| {
            let chosen = step(Shape::new(asked.0, asked.1, method));
            assert_eq!((chosen.width, chosen.height), expected, "{method:?} {asked:?}");
        };
        check(SCALE, (1, 1), (320, 240));
        check(SCALE, (320, 241), (640, 480));
        check(SCALE, (801, 1), (1280, 960));
        check(SCALE, (u32::MAX, 1), (1920, 1440));
        check(CROP, (1, 1), (32, 32));
        check(CROP, (33, 33), (96, 96));
        check(CROP, (320, 240), (320, 240));
        check(CROP, (100, 50), (320, 160));
        check(CROP, (u32::MAX, 1), (1920, 1));
    }

    #[test]
    fn a_crop_keeps_the_aspect_of_the_request() {
        for (width, height) in [(48, 48), (50, 200), (300, 400), (799, 601)] {
            let chosen = step(Shape::new(width, height, CROP));
            assert!(chosen.width >= width && chosen.height >= height);
            let wanted = f64::from(width) / f64::from(height);
            let got = f64::from(chosen.width) / f64::from(chosen.height);
            assert!((wanted / got - 1.0).abs() < 0.02, "{width}x{height}: {chosen}");
        }
    }

    /// Each row: a source, a request, and the size of the stored thumbnail that answers it; `None`: one is made.
    #[test]
    fn the_stored_thumbnail_that_answers_is_the_smallest_that_is_large_enough() {
        let photo = (4000, 3000);
        for (size, (width, height, method), expected) in [
            (photo, (32, 32, CROP), Some((32, 32))),
            (photo, (1, 1, CROP), Some((32, 32))),
            (photo, (33, 33, CROP), Some((96, 96))),
            (photo, (97, 97, CROP), None),
            (photo, (1, 1, SCALE), Some((320, 240))),
            (photo, (321, 240, SCALE), Some((640, 480))),
            (photo, (800, 600, SCALE), Some((800, 600))),
            (photo, (801, 600, SCALE), None),
            // Synapse gives the 32 × 32 crop, whose aspect its score likes best.
            (photo, (320, 240, CROP), Some((320, 240))),
            // Synapse gives a crop of 96 × 96, enlarged.
            ((32, 32), (32, 32, CROP), Some((32, 32))),
            ((32, 32), (96, 96, CROP), Some((32, 32))),
            ((32, 32), (800, 600, SCALE), Some((32, 32))),
            // Synapse gives 32 × 32, since there the scaled picture takes the crop's place.
            ((96, 96), (96, 96, CROP), Some((96, 96))),
            ((96, 96), (32, 32, CROP), Some((32, 32))),
            // Synapse gives 640 × 31, since it multiplies what is missing in each direction.
            ((2048, 100), (32, 32, SCALE), Some((320, 16))),
            ((2048, 100), (96, 96, CROP), Some((96, 96))),
            // More is asked for than there is.
            ((500, 400), (800, 600, SCALE), Some((500, 400))),
            ((500, 400), (1920, 1440, SCALE), Some((500, 400))),
            ((500, 400), (600, 500, CROP), Some((500, 400))),
            ((1, 1), (1920, 1440, CROP), Some((1, 1))),
            ((5000, 1), (800, 600, SCALE), Some((800, 1))),
        ] {
            let answer = answered(size, Shape::new(width, height, method));
            assert_eq!(answer, expected, "{size:?} {width}x{height} {method:?}");
        }
    }

    #[test]
    fn equal_looks_are_one_thumbnail() {
        assert_eq!(usual((4000, 3000)), USUAL);
        assert_eq!(usual((20, 20)), [USUAL[0]]);
        assert_eq!(usual((96, 96)), [USUAL[0], USUAL[1]]);
        assert_eq!(usual((500, 300)), [USUAL[0], USUAL[1], USUAL[2], USUAL[3]]);
        // A crop that cuts nothing is a scale.
        let square = Shape::new(320, 240, CROP);
        assert_eq!(answered((4000, 3000), square), Some((320, 240)));
    }

    #[test]
    fn what_does_not_move_is_answered_still_and_what_moves_as_it_was_asked_for() {
        let moving = Shape { animated: true, ..USUAL[1] };
        let size = (400, 300);
        let known = [stored(size, USUAL[1])];
        let picture = |moves| Some(Picture::Measured { width: size.0, height: size.1, moves });
        assert_eq!(choose(moving, picture(false), &known), Choice::Stored(&known[0]));
        assert_eq!(choose(moving, picture(true), &known), Choice::Make(moving));
        assert_eq!(choose(moving, None, &known), Choice::Make(moving));
        let known = [stored(size, moving)];
        assert_eq!(choose(moving, picture(true), &known), Choice::Stored(&known[0]));
        assert_eq!(choose(USUAL[1], picture(true), &known), Choice::Make(USUAL[1]), "nothing moves unasked");
    }
}
