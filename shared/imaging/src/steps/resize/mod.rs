//! Fewer pixels by any factor: Lanczos, with transparency weighed in.

mod lanczos;
mod turn;

use std::borrow::Cow;

use fast_image_resize::{
    PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};
use media_core::thumbnail::Fit;

use self::{lanczos::lanczos, turn::turn};
use crate::{
    Unthumbnailable,
    raster::{Plane, Raster},
};

/// Resizes a picture and cuts the middle of it out, as `fit` says. Of planes with fewer samples than pixels, the result has
/// half as many in each direction (4:2:0), which is what is encoded.
pub(crate) fn resize(from: &Raster, fit: Fit) -> Result<Raster, Unthumbnailable> {
    let piece = Piece::of(from.size(), fit);
    let half = (fit.cut.0.div_ceil(2), fit.cut.1.div_ceil(2));
    Ok(match from {
        Raster::Gray(plane) => {
            let [gray] = piece.of_planes([plane], fit.cut)?;
            Raster::Gray(gray)
        }
        Raster::YCbCr([y, cb, cr]) => {
            let ([y], [cb, cr]) = (piece.of_planes([y], fit.cut)?, piece.of_planes([cb, cr], half)?);
            Raster::YCbCr([y, cb, cr])
        }
        Raster::Rgb(plane) => Raster::Rgb(piece.of_pixels(plane, fit.cut, false)?),
        Raster::Rgba(plane) => Raster::Rgba(piece.of_pixels(plane, fit.cut, true)?),
        Raster::Cmyk(plane) => Raster::Cmyk(piece.of_pixels(plane, fit.cut, false)?),
    })
}

/// The piece of the source that is kept, in parts of the whole.
struct Piece {
    across: Span,
    down: Span,
}

/// One side of it.
#[derive(Clone, Copy)]
struct Span {
    start: f64,
    length: f64,
}

impl Piece {
    fn of((width, height): (u32, u32), fit: Fit) -> Self {
        Self {
            across: Span::of(width, fit.resized.0, fit.cut.0),
            down: Span::of(height, fit.resized.1, fit.cut.1),
        }
    }

    /// Pixels of several channels.
    fn of_pixels(&self, plane: &Plane, to: (u32, u32), see_through: bool) -> Result<Plane, Unthumbnailable> {
        let kind = if plane.channels == 3 { PixelType::U8x3 } else { PixelType::U8x4 };
        let from = ImageRef::new(plane.width, plane.height, &plane.samples, kind);
        let ((left, width), (top, height)) =
            (self.across.within(plane.width), self.down.within(plane.height));
        let options = options().crop(left, top, width, height).use_alpha(see_through);
        Plane::new(to.0, to.1, plane.channels, resampled(from, to, kind, &options)?)
    }

    /// Planes of one size, side by side: resized down their columns, turned, resized down what were rows, turned back.
    ///
    /// Down the columns `fast_image_resize` takes 32 samples at once; along rows of one channel it is many times as slow.
    fn of_planes<const N: usize>(
        &self,
        planes: [&Plane; N],
        (to_width, to_height): (u32, u32),
    ) -> Result<[Plane; N], Unthumbnailable> {
        let (width, height) = planes[0].size();
        if planes.iter().any(|plane| plane.size() != (width, height) || plane.channels != 1) {
            return Err(Unthumbnailable::Broken);
        }
        let [all_width, all_to_height] = [N * width as usize, N * to_height as usize];
        let joined = side_by_side(planes);
        let low = self.down.resized(&joined, all_width, height, to_height)?;
        let mut turned = vec![0; width as usize * all_to_height];
        for at in 0..N {
            let (from, to) = (&low[at * width as usize..], &mut turned[at * to_height as usize..]);
            turn(from, all_width, (width as usize, to_height as usize), to, all_to_height);
        }
        let small = self.across.resized(&turned, all_to_height, width, to_width)?;
        let plane = |at: usize| {
            let mut samples = vec![0; to_width as usize * to_height as usize];
            let from = &small[at * to_height as usize..];
            let size = (to_height as usize, to_width as usize);
            turn(from, all_to_height, size, &mut samples, to_width as usize);
            Plane { width: to_width, height: to_height, channels: 1, samples }
        };
        Ok(std::array::from_fn(plane))
    }
}

impl Span {
    fn of(whole: u32, resized: u32, cut: u32) -> Self {
        // Where nothing is resized the cut falls between pixels, not through them.
        let margin = f64::from(resized - cut) / 2.0;
        let margin = if whole == resized { margin.floor() } else { margin };
        Self { start: margin / f64::from(resized), length: f64::from(cut) / f64::from(resized) }
    }

    /// Start and length of it on a side of so many samples.
    fn within(self, side: u32) -> (f64, f64) {
        let start = self.start * f64::from(side);
        // Rounding must not lead out of the picture.
        (start, (self.length * f64::from(side)).min(f64::from(side) - start))
    }

    /// Samples of one channel, resized in their columns.
    fn resized(
        self,
        samples: &[u8],
        width: usize,
        height: u32,
        to_height: u32,
    ) -> Result<Vec<u8>, Unthumbnailable> {
        let width = u32::try_from(width).map_err(|_| Unthumbnailable::TooManyPixels)?;
        let (top, length) = self.within(height);
        let options = options().crop(0.0, top, f64::from(width), length);
        let from = ImageRef::new(width, height, samples, PixelType::U8);
        resampled(from, (width, to_height), PixelType::U8, &options)
    }
}

fn options() -> ResizeOptions {
    ResizeOptions::new().resize_alg(ResizeAlg::Convolution(lanczos()))
}

fn resampled<E>(
    from: Result<ImageRef<'_>, E>,
    (width, height): (u32, u32),
    kind: PixelType,
    options: &ResizeOptions,
) -> Result<Vec<u8>, Unthumbnailable> {
    let from = from.map_err(|_| Unthumbnailable::Broken)?;
    let mut to = Image::new(width, height, kind);
    Resizer::new().resize(&from, &mut to, options).map_err(|_| Unthumbnailable::Broken)?;
    Ok(to.into_vec())
}

fn side_by_side<const N: usize>(planes: [&Plane; N]) -> Cow<'_, [u8]> {
    if let [alone] = planes[..] {
        return Cow::Borrowed(&alone.samples);
    }
    let mut joined = Vec::with_capacity(planes.iter().map(|plane| plane.samples.len()).sum());
    let width = planes[0].width as usize;
    for start in (0..planes[0].samples.len()).step_by(width) {
        for plane in planes {
            joined.extend_from_slice(&plane.samples[start..start + width]);
        }
    }
    Cow::Owned(joined)
}
