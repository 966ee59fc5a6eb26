//! The steps from bytes to thumbnails, in order.

use media_core::{Limits, thumbnail::Shape};

use crate::{
    Measured, Picture, Unthumbnailable,
    budget::Budget,
    encode::encode,
    formats::Kind,
    steps::{
        admit::admit,
        animate::animate,
        ladder::{Admitted, Ladder},
        measure::measure as measure_header,
        sniff::sniff,
    },
};

/// Whether these bytes, at least the first of them, begin a picture of a kind that is understood.
#[must_use]
pub fn is_picture(head: &[u8]) -> bool {
    sniff(head).is_ok()
}

/// The media type of a picture, by its bytes; `None` when they are none of a kind that is understood.
#[must_use]
pub fn content_type(head: &[u8]) -> Option<&'static str> {
    sniff(head).ok().map(Kind::content_type)
}

/// Reads a picture's header and says how large it will be seen; decodes no pixel, and refuses none for being many.
///
/// # Errors
/// The bytes are no picture.
pub fn measure(source: &[u8]) -> Result<Measured, Unthumbnailable> {
    Ok(measure_header(source, sniff(source)?)?.seen())
}

/// Makes one thumbnail for each shape, the usual ones from one decode.
///
/// The same source and shape make the same bytes, whatever else is made with it. `time_is_up` is asked between the steps, and
/// within those that take long. The answers come in the order of `shapes`.
///
/// # Errors
/// The bytes are no picture, or one that is over a limit, or the time is up.
pub fn thumbnails(
    source: &[u8],
    shapes: &[Shape],
    limits: &Limits,
    time_is_up: &dyn Fn() -> bool,
) -> Result<Vec<Picture>, Unthumbnailable> {
    let kind = sniff(source)?;
    let header = measure_header(source, kind)?;
    admit(source, &header, limits)?;
    let admitted = Admitted { source, kind, header: &header, budget: Budget::new(time_is_up) };
    let mut ladder = Ladder::new(admitted);
    let make = |shape: &Shape| {
        // What does not move answers as if it had not been asked to; what moves too long answers so, but with one frame.
        let shape = Shape { animated: shape.animated && header.frames > 1, ..*shape };
        if shape.animated {
            ladder.forget();
            if let Some(moving) = animate(&admitted, shape)? {
                return Ok(moving);
            }
        }
        let (small, came) = ladder.raster(shape)?;
        encode(&small, shape, came)
    };
    shapes.iter().map(make).collect()
}
