//! What the frames of a film are drawn on, one after the other.

use crate::{Unthumbnailable, raster::Plane};

/// Bytes for each pixel: the canvas, what was there before a frame that leaves nothing, the picture handed out, and what becomes of
/// it.
const BYTES_PER_PIXEL: usize = 16;

/// Where a frame is drawn, within the canvas.
#[derive(Clone, Copy)]
pub(super) struct Place {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

/// Pixels of a row: the first column, and how many there are from each to the next.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    pub(super) first: usize,
    pub(super) step: usize,
}

/// All that is seen, with opacity. At first nothing is.
pub(super) struct Canvas {
    width: u32,
    height: u32,
    samples: Vec<u8>,
}

impl Canvas {
    pub(super) fn new((width, height): (u32, u32)) -> Self {
        Self { width, height, samples: vec![0; width as usize * height as usize * 4] }
    }

    /// What a canvas of this size takes, and what is made of it.
    pub(super) fn memory((width, height): (u32, u32)) -> usize {
        width as usize * height as usize * BYTES_PER_PIXEL
    }

    /// The place of a frame by its left and upper edge, its width and height. One that does not lie within is broken.
    pub(super) fn place(&self, frame: [u32; 4]) -> Result<Place, Unthumbnailable> {
        let [left, top, width, height] = frame.map(|side| side as usize);
        let is_within = left + width <= self.width as usize && top + height <= self.height as usize;
        if is_within { Ok(Place { left, top, width, height }) } else { Err(Unthumbnailable::Broken) }
    }

    /// Draws pixels of a row of a frame: in the place of what is there, or over it.
    pub(super) fn draw(
        &mut self,
        pixels: impl Iterator<Item = [u8; 4]>,
        place: Place,
        y: usize,
        columns: Columns,
        is_over: bool,
    ) {
        let line = self.line(place, y);
        for (pixel, drawn) in line.iter_mut().skip(columns.first).step_by(columns.step).zip(pixels) {
            *pixel = if is_over { over(*pixel, drawn) } else { drawn };
        }
    }

    /// Nothing shows there any more.
    pub(super) fn clear(&mut self, place: Place) {
        for y in 0..place.height {
            self.line(place, y).fill([0; 4]);
        }
    }

    /// As it is seen now.
    pub(super) fn picture(&self) -> Result<Plane, Unthumbnailable> {
        Plane::new(self.width, self.height, 4, self.samples.clone())
    }

    /// As it was.
    pub(super) fn restore(&mut self, before: Plane) {
        self.samples = before.samples;
    }

    fn line(&mut self, place: Place, y: usize) -> &mut [[u8; 4]] {
        let start = (place.top + y) * self.width as usize + place.left;
        &mut self.samples.as_chunks_mut().0[start..start + place.width]
    }
}

/// One colour over another, neither multiplied by its opacity (PNG, third edition, section 13.16).
fn over(below: [u8; 4], drawn: [u8; 4]) -> [u8; 4] {
    if drawn[3] == u8::MAX {
        return drawn;
    }
    let (upper, lower) = (u32::from(drawn[3]), u32::from(below[3]));
    // In parts of 255 × 255.
    let (upper, lower) = (upper * 255, lower * (255 - upper));
    let both = upper + lower;
    if both == 0 {
        return [0; 4];
    }
    let mean = |channel: usize| {
        let sum = u32::from(drawn[channel]) * upper + u32::from(below[channel]) * lower;
        u8::try_from((sum + both / 2) / both).unwrap_or(u8::MAX)
    };
    [mean(0), mean(1), mean(2), u8::try_from((both + 127) / 255).unwrap_or(u8::MAX)]
}
