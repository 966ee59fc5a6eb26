//! Where a picture goes in a shape: resized to what, and cut to what.

use super::{Method, Shape};

/// What becomes of a picture of a certain size in a certain shape. Two shapes with the same fit are the same thumbnail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The size of the whole picture after it was resized, in pixels: never larger than it was, never nothing.
    pub resized: (u32, u32),
    /// The size of the piece that is kept, from the middle of it: the thumbnail's own size.
    pub cut: (u32, u32),
}

/// `scale` fits inside and cuts nothing; `crop` covers and cuts the overhang (client-server API, "Thumbnails"). Nothing is
/// ever enlarged: of a picture that is smaller than a `crop` in one direction, less is cut off.
///
/// The specification contradicts itself on `scale` (fit inside, or around); inside is what Synapse and matrix-media-repo do.
#[must_use]
pub fn fit((width, height): (u32, u32), shape: Shape) -> Fit {
    let across = f64::from(shape.width) / f64::from(width);
    let down = f64::from(shape.height) / f64::from(height);
    let factor = match shape.method {
        Method::Scale => across.min(down),
        Method::Crop => across.max(down),
    }
    .min(1.0);
    let resized = (side(width, factor), side(height, factor));
    let cut = match shape.method {
        Method::Scale => resized,
        Method::Crop => (resized.0.min(shape.width), resized.1.min(shape.height)),
    };
    Fit { resized, cut }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most `pixels`, and never below 0"
)]
fn side(pixels: u32, factor: f64) -> u32 {
    ((f64::from(pixels) * factor).round() as u32).clamp(1, pixels.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: (u32, u32), shape: (u32, u32, Method), resized: (u32, u32), cut: (u32, u32)) {
        let got = fit(source, Shape::new(shape.0, shape.1, shape.2));
        assert_eq!(got, Fit { resized, cut }, "{source:?} into {shape:?}");
    }

    #[test]
    fn scale_fits_inside_and_crop_covers() {
        check((4000, 3000), (320, 240, Method::Scale), (320, 240), (320, 240));
        check((4000, 2000), (320, 240, Method::Scale), (320, 160), (320, 160));
        check((2000, 4000), (320, 240, Method::Scale), (120, 240), (120, 240));
        check((1000, 500), (96, 96, Method::Crop), (192, 96), (96, 96));
        check((500, 1000), (320, 160, Method::Crop), (320, 640), (320, 160));
    }

    #[test]
    fn nothing_is_enlarged_and_nothing_vanishes() {
        check((50, 40), (320, 240, Method::Scale), (50, 40), (50, 40));
        check((50, 400), (96, 96, Method::Crop), (50, 400), (50, 96));
        check((2048, 1), (320, 240, Method::Scale), (320, 1), (320, 1));
        check((1, 60_000), (32, 32, Method::Scale), (1, 32), (1, 32));
    }
}
