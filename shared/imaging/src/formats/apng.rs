//! PNG that moves: its frames on one canvas, row by row as they are inflated.
//!
//! <https://www.w3.org/TR/png-3/#apng-frame-based-animation>. `image` has this too, and takes 47 bytes for each pixel.

use png::{BlendOp, DisposeOp};

use super::{
    Header,
    canvas::{Canvas, Columns},
    png as still,
};
use crate::{Unthumbnailable, budget::Budget, raster::Plane};

/// Draws each frame that the header counts, and shows the canvas, with its milliseconds. Returns how often the picture wants to be
/// shown, 0 for ever.
pub(super) fn frames(
    source: &[u8],
    header: &Header,
    budget: &Budget<'_>,
    show: &mut dyn FnMut(Plane, u32) -> Result<(), Unthumbnailable>,
) -> Result<u16, Unthumbnailable> {
    let broken = |_| Unthumbnailable::Broken;
    let size = (header.width, header.height);
    budget.has_memory(Canvas::memory(size) + still::SIDE_BYTES)?;
    let mut reader = still::open(source)?;
    let channels = reader.output_color_type().0.samples();
    let is_interlaced = reader.info().interlaced;
    let plays = reader.info().animation_control.map_or(0, |control| control.num_plays);
    let mut canvas = Canvas::new(size);
    for frame in 0..header.frames {
        // A picture before the first frame is for who shows no animations.
        if frame > 0 || reader.info().frame_control.is_none() {
            reader.next_frame_info().map_err(broken)?;
        }
        let control = *reader.info().frame_control.as_ref().ok_or(Unthumbnailable::Broken)?;
        let place = canvas.place([control.x_offset, control.y_offset, control.width, control.height])?;
        // Before the first there was nothing.
        let before = if control.dispose_op == DisposeOp::Previous { Some(canvas.picture()?) } else { None };
        let rows = rows((control.width, control.height), is_interlaced);
        for (at, (y, columns)) in rows.enumerate() {
            if at % still::ROWS_AT_ONCE as usize == 0 {
                budget.in_time()?;
            }
            let row = reader.next_row().map_err(broken)?.ok_or(Unthumbnailable::Broken)?;
            let pixels = row.data().chunks_exact(channels).map(colour);
            canvas.draw(pixels, place, y, columns, control.blend_op == BlendOp::Over);
        }
        let (delay, parts) = (u32::from(control.delay_num), u32::from(control.delay_den));
        show(canvas.picture()?, delay * 1000 / if parts == 0 { 100 } else { parts })?;
        match before {
            Some(before) => canvas.restore(before),
            None if control.dispose_op == DisposeOp::Background => canvas.clear(place),
            None => {}
        }
    }
    Ok(u16::try_from(plays).unwrap_or(u16::MAX))
}

/// The rows of a frame of this size, in the order in which they come, with those of their pixels that do.
fn rows((width, height): (u32, u32), is_interlaced: bool) -> impl Iterator<Item = (usize, Columns)> {
    let passes: &[_] = if is_interlaced { &still::ADAM7 } else { &[(0, 1, 0, 1)] };
    let passes = passes.iter().filter(move |pass| pass.0 < width && pass.2 < height);
    passes.flat_map(move |&(first, step, y, rows)| {
        let columns = Columns { first: first as usize, step: step as usize };
        (y as usize..height as usize).step_by(rows as usize).map(move |y| (y, columns))
    })
}

fn colour(samples: &[u8]) -> [u8; 4] {
    match *samples {
        [shade] => [shade, shade, shade, u8::MAX],
        [shade, opacity] => [shade, shade, shade, opacity],
        [red, green, blue] => [red, green, blue, u8::MAX],
        [red, green, blue, opacity] => [red, green, blue, opacity],
        _ => [0; 4],
    }
}
