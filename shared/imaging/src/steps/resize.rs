//! Fewer pixels, by Lanczos, with transparency weighed in.

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::DynamicImage;

use crate::{Unthumbnailable, steps::fit::Fit};

/// The picture cut to its shape, and the whole of it at that size, from which a smaller one can be made.
pub(crate) fn resize(from: &DynamicImage, fit: Fit) -> Result<(DynamicImage, DynamicImage), Unthumbnailable> {
    let (width, height) = fit.resized;
    let resized = if (from.width(), from.height()) == fit.resized {
        from.clone()
    } else {
        let mut resized = DynamicImage::new(width, height, from.color());
        let options =
            ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3)).use_alpha(true);
        Resizer::new().resize(from, &mut resized, &options).map_err(|_| Unthumbnailable::Broken)?;
        resized
    };
    let (cut_width, cut_height) = fit.cut;
    let cut = resized.crop_imm((width - cut_width) / 2, (height - cut_height) / 2, cut_width, cut_height);
    Ok((cut, resized))
}
