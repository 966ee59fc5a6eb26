//! Turned the right way up.

use image::metadata::Orientation;

use crate::{
    Unthumbnailable,
    raster::{Plane, Raster},
};

/// Rows and columns that are turned at a time, so that both sides of the copy stay in the processor's nearest memory.
const TILE: usize = 16;

/// Turns and mirrors as EXIF says (CIPA DC-008, tag 0112).
pub(crate) fn orient(raster: Raster, orientation: Orientation) -> Result<Raster, Unthumbnailable> {
    if orientation == Orientation::NoTransforms {
        return Ok(raster);
    }
    raster.map(|plane| match plane.channels {
        1 => turned::<1>(plane, orientation),
        3 => turned::<3>(plane, orientation),
        _ => turned::<4>(plane, orientation),
    })
}

fn turned<const CHANNELS: usize>(plane: &Plane, orientation: Orientation) -> Result<Plane, Unthumbnailable> {
    use Orientation as O;
    // What is seen is the stored picture, transposed or not, then mirrored or not in each direction.
    let (transposed, mirrored, upside_down) = match orientation {
        O::NoTransforms => (false, false, false),
        O::FlipHorizontal => (false, true, false),
        O::Rotate180 => (false, true, true),
        O::FlipVertical => (false, false, true),
        O::Rotate90FlipH => (true, false, false),
        O::Rotate90 => (true, true, false),
        O::Rotate270FlipH => (true, true, true),
        O::Rotate270 => (true, false, true),
    };
    let (width, height) = (plane.width as usize, plane.height as usize);
    let (across, down) = if transposed { (height, width) } else { (width, height) };
    let (stored, _) = plane.samples.as_chunks::<CHANNELS>();
    let mut seen = vec![[0; CHANNELS]; stored.len()];
    for (top, left) in
        (0..down).step_by(TILE).flat_map(|top| (0..across).step_by(TILE).map(move |left| (top, left)))
    {
        for y in top..(top + TILE).min(down) {
            let row = if upside_down { down - 1 - y } else { y };
            for x in left..(left + TILE).min(across) {
                let column = if mirrored { across - 1 - x } else { x };
                let from = if transposed { column * width + row } else { row * width + column };
                seen[y * across + x] = stored[from];
            }
        }
    }
    let (across, down) = if transposed { (plane.height, plane.width) } else { plane.size() };
    Plane::new(across, down, CHANNELS, seen.into_flattened())
}
