//! The steps from bytes to thumbnails, in order.

use image::DynamicImage;
use media_core::{Limits, thumbnail::Shape};

use crate::{
    Measured, Picture, Unthumbnailable,
    steps::{decode, encode, fit, measure as measuring, resize, sniff},
};

/// Whether these bytes, at least the first of them, begin a picture of a kind that is understood.
#[must_use]
pub fn is_picture(head: &[u8]) -> bool {
    sniff::sniff(head).is_ok()
}

/// Reads a picture's header and says how large it will be seen; decodes no pixel.
///
/// # Errors
/// The bytes are no picture, or one that is over a limit.
pub fn measure(source: &[u8], limits: &Limits) -> Result<Measured, Unthumbnailable> {
    let kind = sniff::sniff(source)?;
    measuring::measure(source, kind, limits)
}

/// Makes one thumbnail for each shape from one decode: the larger first, the smaller ones from it.
///
/// `time_is_up` is asked between the steps. The answers come in the order of `shapes`.
///
/// # Errors
/// The bytes are no picture, or one that is over a limit, or the time is up.
pub fn thumbnails(
    source: &[u8],
    shapes: &[Shape],
    limits: &Limits,
    time_is_up: &dyn Fn() -> bool,
) -> Result<Vec<Picture>, Unthumbnailable> {
    let kind = sniff::sniff(source)?;
    measuring::measure(source, kind, limits)?;
    let in_time = || {
        if time_is_up() { Err(Unthumbnailable::OutOfTime) } else { Ok(()) }
    };

    in_time()?;
    let whole = decode::decode(source, kind, limits)?;
    let mut order: Vec<usize> = (0..shapes.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(u64::from(shapes[at].width) * u64::from(shapes[at].height)));

    let mut made: Vec<Option<Picture>> = vec![None; shapes.len()];
    let mut nearest: Option<DynamicImage> = None;
    for at in order {
        in_time()?;
        let shape = shapes[at];
        let size = (whole.width(), whole.height());
        // What a smaller thumbnail is made from must itself be large enough for it.
        let wanted = fit::fit(size, shape);
        let large_enough =
            |picture: &&DynamicImage| fit::covers((picture.width(), picture.height()), size, wanted);
        let from = nearest.as_ref().filter(large_enough).unwrap_or(&whole);
        let (small, intermediate) = resize::resize(from, fit::fit((from.width(), from.height()), shape))?;
        made[at] = Some(encode::encode(&small, shape, kind)?);
        nearest = Some(intermediate);
    }
    Ok(made.into_iter().flatten().collect())
}
