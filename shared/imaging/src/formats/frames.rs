//! All frames of a picture that moves, one at a time, each as a whole picture.

use std::io::Cursor;

use image::{AnimationDecoder as _, ImageDecoder as _, Limits, codecs::gif::GifDecoder, metadata::LoopCount};

use super::{Header, Kind, apng, webp};
use crate::{Unthumbnailable, budget::Budget, raster::Plane};

/// Bytes for each pixel of a GIF that its decoder holds: the canvas, the frame drawn on it, and the copy handed out.
const BYTES_PER_PIXEL: usize = 12;

/// Decodes the frames that the header counts and shows each, with its milliseconds. Returns how often the
/// picture wants to be shown, 0 for ever.
pub(crate) fn frames(
    source: &[u8],
    kind: Kind,
    header: &Header,
    budget: &Budget<'_>,
    show: &mut dyn FnMut(Plane, u32) -> Result<(), Unthumbnailable>,
) -> Result<u16, Unthumbnailable> {
    match kind {
        Kind::Gif => gif(source, header, budget, show),
        Kind::Png => apng::frames(source, header, budget, show),
        Kind::WebP => webp::frames(source, header, budget, show),
        _ => Err(Unthumbnailable::NotAPicture),
    }
}

fn gif(
    source: &[u8],
    header: &Header,
    budget: &Budget<'_>,
    show: &mut dyn FnMut(Plane, u32) -> Result<(), Unthumbnailable>,
) -> Result<u16, Unthumbnailable> {
    budget.has_memory(header.width as usize * header.height as usize * BYTES_PER_PIXEL)?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(budget.memory_bytes as u64);
    let mut decoder = GifDecoder::new(Cursor::new(source)).map_err(|_| Unthumbnailable::Broken)?;
    decoder.set_limits(limits).map_err(|_| Unthumbnailable::Broken)?;
    let loops = match decoder.loop_count() {
        LoopCount::Infinite => 0,
        LoopCount::Finite(times) => u16::try_from(times.get()).unwrap_or(u16::MAX),
    };
    // What was counted is what was admitted: a decoder that finds more of them is not followed.
    for frame in decoder.into_frames().take(header.frames as usize) {
        budget.in_time()?;
        let frame = frame.map_err(|_| Unthumbnailable::Broken)?;
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        let pixels = frame.into_buffer();
        let (width, height) = pixels.dimensions();
        show(Plane::new(width, height, 4, pixels.into_raw())?, numerator / denominator.max(1))?;
    }
    Ok(loops)
}
