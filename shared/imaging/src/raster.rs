//! Pixels in memory, in as few planes as their colours need.

use crate::Unthumbnailable;

/// Samples of one or more channels, interleaved, in rows without gaps; 8 bits each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plane {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) channels: usize,
    pub(crate) samples: Vec<u8>,
}

impl Plane {
    pub(crate) fn new(
        width: u32,
        height: u32,
        channels: usize,
        samples: Vec<u8>,
    ) -> Result<Self, Unthumbnailable> {
        let length = width as usize * height as usize * channels;
        if length == 0 || samples.len() != length {
            return Err(Unthumbnailable::Broken);
        }
        Ok(Self { width, height, channels, samples })
    }

    pub(crate) fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The samples, line by line.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.samples.chunks_exact(self.width as usize * self.channels)
    }
}

/// A picture as it comes out of a decoder: turned or not, in its own colours.
///
/// Photographs stay in the planes that JPEG and WebP keep them in, with fewer samples of colour than of brightness, until
/// something needs red, green and blue of them: most never do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Raster {
    /// Brightness alone.
    Gray(Plane),
    /// Brightness and two differences of colour, as JFIF defines them (ITU-R BT.601, full range). The latter two planes may
    /// have fewer samples; they cover the same picture.
    YCbCr([Plane; 3]),
    /// Red, green and blue.
    Rgb(Plane),
    /// The same with opacity, by which the colours are not multiplied.
    Rgba(Plane),
    /// Inks: 0 is none, 255 is all of it.
    Cmyk(Plane),
}

impl Raster {
    /// Pixels across and down.
    pub(crate) fn size(&self) -> (u32, u32) {
        match self {
            Self::Gray(plane) | Self::Rgb(plane) | Self::Rgba(plane) | Self::Cmyk(plane) => plane.size(),
            Self::YCbCr([luma, ..]) => luma.size(),
        }
    }

    /// What all planes take.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Gray(plane) | Self::Rgb(plane) | Self::Rgba(plane) | Self::Cmyk(plane) => {
                plane.samples.len()
            }
            Self::YCbCr(planes) => planes.iter().map(|plane| plane.samples.len()).sum(),
        }
    }

    /// What a picture of this kind and that size takes; planes of colour have a quarter of the samples then.
    pub(crate) fn bytes_at(&self, (width, height): (u32, u32)) -> usize {
        let pixels = width as usize * height as usize;
        match self {
            Self::Gray(plane) | Self::Rgb(plane) | Self::Rgba(plane) | Self::Cmyk(plane) => {
                pixels * plane.channels
            }
            Self::YCbCr(_) => pixels + 2 * width.div_ceil(2) as usize * height.div_ceil(2) as usize,
        }
    }

    /// The same picture with every plane replaced.
    pub(crate) fn map(
        &self,
        mut change: impl FnMut(&Plane) -> Result<Plane, Unthumbnailable>,
    ) -> Result<Self, Unthumbnailable> {
        Ok(match self {
            Self::Gray(plane) => Self::Gray(change(plane)?),
            Self::YCbCr([y, cb, cr]) => Self::YCbCr([change(y)?, change(cb)?, change(cr)?]),
            Self::Rgb(plane) => Self::Rgb(change(plane)?),
            Self::Rgba(plane) => Self::Rgba(change(plane)?),
            Self::Cmyk(plane) => Self::Cmyk(change(plane)?),
        })
    }
}
