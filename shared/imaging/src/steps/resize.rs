//! Fewer pixels by any factor: Lanczos, with transparency weighed in.

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};
use media_core::thumbnail::Fit;

use crate::{
    Unthumbnailable,
    raster::{Plane, Raster},
};

/// Resizes a picture and cuts the middle of it out, as `fit` says. Of planes with fewer samples than pixels, the result has
/// half as many in each direction (4:2:0), which is what is encoded.
pub(crate) fn resize(from: &Raster, fit: Fit) -> Result<Raster, Unthumbnailable> {
    let piece = Piece::of(from.size(), fit);
    let half = (fit.cut.0.div_ceil(2), fit.cut.1.div_ceil(2));
    let mut resizer = Resizer::new();
    let mut scale = |plane: &Plane, to, see_through| piece.resized(plane, to, see_through, &mut resizer);
    Ok(match from {
        Raster::Gray(plane) => Raster::Gray(scale(plane, fit.cut, false)?),
        Raster::YCbCr([y, cb, cr]) => {
            Raster::YCbCr([scale(y, fit.cut, false)?, scale(cb, half, false)?, scale(cr, half, false)?])
        }
        Raster::Rgb(plane) => Raster::Rgb(scale(plane, fit.cut, false)?),
        Raster::Rgba(plane) => Raster::Rgba(scale(plane, fit.cut, true)?),
        Raster::Cmyk(plane) => Raster::Cmyk(scale(plane, fit.cut, false)?),
    })
}

/// The piece of the source that is kept, in parts of the whole.
struct Piece {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Piece {
    fn of((width, height): (u32, u32), fit: Fit) -> Self {
        // Where nothing is resized the cut falls between pixels, not through them.
        let margin = |whole: u32, resized: u32, cut: u32| {
            let margin = f64::from(resized - cut) / 2.0;
            (if whole == resized { margin.floor() } else { margin }) / f64::from(resized)
        };
        let share = |resized: u32, cut: u32| f64::from(cut) / f64::from(resized);
        Self {
            left: margin(width, fit.resized.0, fit.cut.0),
            top: margin(height, fit.resized.1, fit.cut.1),
            width: share(fit.resized.0, fit.cut.0),
            height: share(fit.resized.1, fit.cut.1),
        }
    }

    fn resized(
        &self,
        plane: &Plane,
        (width, height): (u32, u32),
        see_through: bool,
        resizer: &mut Resizer,
    ) -> Result<Plane, Unthumbnailable> {
        let kind = match plane.channels {
            1 => PixelType::U8,
            3 => PixelType::U8x3,
            _ => PixelType::U8x4,
        };
        let broken = Unthumbnailable::Broken;
        let from = ImageRef::new(plane.width, plane.height, &plane.samples, kind).map_err(|_| broken)?;
        let mut to = Image::new(width, height, kind);
        let (across, down) = (f64::from(plane.width), f64::from(plane.height));
        let (left, top) = (self.left * across, self.top * down);
        // Rounding must not lead out of the picture.
        let (wide, high) = ((self.width * across).min(across - left), (self.height * down).min(down - top));
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
            .crop(left, top, wide, high)
            .use_alpha(see_through);
        resizer.resize(&from, &mut to, &options).map_err(|_| broken)?;
        Plane::new(width, height, plane.channels, to.into_vec())
    }
}
