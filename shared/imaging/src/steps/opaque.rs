//! An opacity that hides nothing is left out.

use crate::{
    Unthumbnailable,
    raster::{Plane, Raster},
};

/// Red, green and blue alone, where every pixel is wholly opaque.
pub(crate) fn opaque(raster: Raster) -> Result<Raster, Unthumbnailable> {
    match raster {
        Raster::Rgba(plane) if plane.samples.chunks_exact(4).all(|pixel| pixel[3] == u8::MAX) => {
            let samples =
                plane.samples.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
            Ok(Raster::Rgb(Plane::new(plane.width, plane.height, 3, samples)?))
        }
        other => Ok(other),
    }
}
