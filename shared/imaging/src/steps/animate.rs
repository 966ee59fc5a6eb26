//! A picture that moves, in a shape, still moving.

use media_core::{
    limits::{MAX_FRAMES, MAX_SHOWN_PIXELS, MAX_WATCHED_PIXELS},
    thumbnail::{Fit, Format, Shape, fit},
};

use super::{ladder::Admitted, orient::orient, resize::resize};
use crate::{
    Picture, Unthumbnailable,
    encode::Animation,
    formats::{Header, frames},
    raster::Raster,
};

/// Bytes of all frames but the last, encoded: who asked for a thumbnail will not wait for more.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// All frames in this shape; `None` when they are more than is worth it, or do not make sense: then the first has to do.
pub(crate) fn animate(admitted: &Admitted<'_>, shape: Shape) -> Result<Option<Picture>, Unthumbnailable> {
    let Admitted { source, kind, header, budget } = admitted;
    let seen = header.seen();
    let fit = fit((seen.width, seen.height), shape);
    if !is_worth_it(header, fit) {
        return Ok(None);
    }
    let budget = budget.beside(MAX_BYTES);
    let mut animation = Animation::new(fit.cut);
    let mut show = |frame, delay_ms| {
        let frame = orient(Raster::Rgba(frame), header.orientation)?;
        match resize(&frame, fit)? {
            Raster::Rgba(small) if animation.bytes() <= MAX_BYTES => animation.add(&small, delay_ms),
            Raster::Rgba(_) => Err(Unthumbnailable::TooMuchMemory),
            _ => Err(Unthumbnailable::Broken),
        }
    };
    match frames(source, *kind, header, &budget, &mut show) {
        Ok(loops) => {
            let (width, height) = fit.cut;
            Ok(Some(Picture { shape, format: Format::Webp, width, height, bytes: animation.finish(loops) }))
        }
        Err(Unthumbnailable::OutOfTime) => Err(Unthumbnailable::OutOfTime),
        Err(_) => Ok(None),
    }
}

/// Every frame is decoded as large as the picture, and encoded as large as the thumbnail.
fn is_worth_it(header: &Header, fit: Fit) -> bool {
    let frames = u64::from(header.frames);
    let of = |(width, height): (u32, u32)| frames * u64::from(width) * u64::from(height);
    frames <= MAX_FRAMES
        && of((header.width, header.height)) <= MAX_WATCHED_PIXELS
        && of(fit.cut) <= MAX_SHOWN_PIXELS
}
