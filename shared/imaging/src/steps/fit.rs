//! Where a picture goes in a shape: resized to what, and cut to what.

use media_core::thumbnail::{Method, Shape};

/// The size to resize to, and the size of the piece that is cut from its middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fit {
    pub(crate) resized: (u32, u32),
    pub(crate) cut: (u32, u32),
}

/// `scale` fits inside and cuts nothing; `crop` covers and cuts the overhang. Nothing is ever enlarged.
pub(crate) fn fit((width, height): (u32, u32), shape: Shape) -> Fit {
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

/// Whether an intermediate of `nearest` pixels shows the whole of a picture and is large enough for a fit of it.
pub(crate) fn covers(nearest: (u32, u32), whole: (u32, u32), wanted: Fit) -> bool {
    let large_enough = nearest.0 >= wanted.resized.0 && nearest.1 >= wanted.resized.1;
    large_enough && nearest.0 <= whole.0 && nearest.1 <= whole.1
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most `pixels`, and never below 0"
)]
fn side(pixels: u32, factor: f64) -> u32 {
    ((f64::from(pixels) * factor).round() as u32).clamp(1, pixels)
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
    }
}
