//! The steps from bytes to thumbnails, in order.

use image::DynamicImage;
use media_core::{
    Limits,
    thumbnail::{Shape, USUAL},
};

use crate::{
    Measured, Picture, Unthumbnailable,
    steps::{decode, encode, fit, measure as measuring, resize, sniff},
};

/// Whether these bytes, at least the first of them, begin a picture of a kind that is understood.
#[must_use]
pub fn is_picture(head: &[u8]) -> bool {
    sniff::sniff(head).is_ok()
}

/// The media type of a picture, by its bytes; `None` when they are none of a kind that is understood.
#[must_use]
pub fn content_type(head: &[u8]) -> Option<&'static str> {
    sniff::sniff(head).ok().map(|kind| kind.to_mime_type())
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
/// The same source and shape make the same bytes, whatever else is made with it: what a thumbnail is made from is the
/// picture itself or one of the usual sizes ([`USUAL`]), which are gone through on the way whether or not they are wanted.
/// Records, keys and entity tags rely on it.
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
    let mut made: Vec<Option<Picture>> = vec![None; shapes.len()];
    let mut nearest: Option<DynamicImage> = None;
    for shape in in_order(shapes) {
        in_time()?;
        let size = (whole.width(), whole.height());
        // What a smaller thumbnail is made from must itself be large enough for it.
        let wanted = fit::fit(size, shape);
        let large_enough =
            |picture: &&DynamicImage| fit::covers((picture.width(), picture.height()), size, wanted);
        let from = nearest.as_ref().filter(large_enough).unwrap_or(&whole);
        let (small, intermediate) = resize::resize(from, fit::fit((from.width(), from.height()), shape))?;
        for at in (0..shapes.len()).filter(|&at| shapes[at] == shape) {
            made[at] = Some(encode::encode(&small, shape, kind)?);
        }
        if USUAL.contains(&shape) {
            nearest = Some(intermediate);
        }
    }
    Ok(made.into_iter().flatten().collect())
}

/// The shapes that are wanted and the usual ones on the way to them, the larger first; of equally large ones the usual
/// one, so that the other is made from it always.
fn in_order(wanted: &[Shape]) -> Vec<Shape> {
    let area = |shape: &Shape| u64::from(shape.width) * u64::from(shape.height);
    let smallest = wanted.iter().map(area).min().unwrap_or(u64::MAX);
    let on_the_way = USUAL.into_iter().filter(|usual| area(usual) >= smallest);
    let mut order: Vec<_> = on_the_way.chain(wanted.iter().copied()).collect();
    order.sort_by_key(|shape| (std::cmp::Reverse(area(shape)), !USUAL.contains(shape), *shape));
    order.dedup();
    order
}
