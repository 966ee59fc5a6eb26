//! Lossy pictures without opacity: three planes, of which only what is wanted stays in memory.

use image_webp::vp8::Vp8Decoder;
use vp8_rows::{Error, Frame, Rows};

use crate::{
    Unthumbnailable,
    budget::Budget,
    formats::whole::needed,
    raster::Raster,
    steps::reduce::{Reducer, factor},
};

/// Decodes a frame of this size to at least that many pixels.
pub(super) fn decode(
    bitstream: &[u8],
    size: (u32, u32),
    at_least: (u32, u32),
    budget: &Budget<'_>,
) -> Result<Raster, Unthumbnailable> {
    let half = |(width, height): (u32, u32)| (width.div_ceil(2), height.div_ceil(2));
    let (luma, chroma) = ((size, at_least), (half(size), half(at_least)));
    let shrunk = [luma, chroma, chroma].map(|(size, at_least)| needed(size, 1, factor(size, at_least)));
    let decoder = Decoder::read(bitstream, size, at_least)?;
    budget.has_memory(decoder.memory(size) + shrunk.iter().sum::<usize>())?;
    let mut planes = [
        Shrinking::new(luma, full_luma, budget)?,
        Shrinking::new(chroma, full_chroma, budget)?,
        Shrinking::new(chroma, full_chroma, budget)?,
    ];
    decoder.decode(bitstream, size, &mut planes, budget)?;
    let [luma, u, v] = planes.map(|plane| plane.reducer.finish());
    Ok(Raster::YCbCr([luma?, u?, v?]))
}

/// Who decodes a frame.
enum Decoder<'a> {
    /// Row by row, without the loop filter: what it smooths is smaller than a pixel of the thumbnail.
    ByRows(Box<Frame<'a>>),
    /// All of it at once, for thumbnails so large that unfiltered blocks would show.
    Whole,
}

impl<'a> Decoder<'a> {
    fn read(bitstream: &'a [u8], size: (u32, u32), at_least: (u32, u32)) -> Result<Self, Unthumbnailable> {
        // libwebp draws the line at three quarters, too.
        let is_near = |side: u32, at_least: u32| u64::from(at_least) * 4 >= u64::from(side) * 3;
        if is_near(size.0, at_least.0) || is_near(size.1, at_least.1) {
            return Ok(Self::Whole);
        }
        let frame = Frame::read(bitstream).map_err(refused)?;
        if (frame.width(), frame.height()) == size {
            Ok(Self::ByRows(Box::new(frame)))
        } else {
            Err(Unthumbnailable::Broken)
        }
    }

    /// Bytes that it holds at most.
    fn memory(&self, (width, height): (u32, u32)) -> usize {
        match self {
            Self::ByRows(frame) => frame.memory(),
            Self::Whole => width.next_multiple_of(16) as usize * height.next_multiple_of(16) as usize * 3 / 2,
        }
    }

    fn decode(
        &self,
        bitstream: &[u8],
        size: (u32, u32),
        [luma, u, v]: &mut [Shrinking; 3],
        budget: &Budget<'_>,
    ) -> Result<(), Unthumbnailable> {
        match self {
            Self::ByRows(frame) => {
                let push = |rows: &Rows<'_>| {
                    luma.take(rows.luma.iter());
                    u.take(rows.u.iter());
                    v.take(rows.v.iter());
                };
                frame.rows(&|| budget.in_time().is_ok(), push).map_err(refused)
            }
            Self::Whole => {
                budget.in_time()?;
                let frame = Vp8Decoder::decode_frame(bitstream).map_err(|_| Unthumbnailable::Broken)?;
                if (u32::from(frame.width), u32::from(frame.height)) != size {
                    return Err(Unthumbnailable::Broken);
                }
                budget.in_time()?;
                let across = size.0.next_multiple_of(16) as usize;
                luma.take(frame.ybuf.chunks_exact(across).take(size.1 as usize));
                let down = size.1.div_ceil(2) as usize;
                u.take(frame.ubuf.chunks_exact(across / 2).take(down));
                v.take(frame.vbuf.chunks_exact(across / 2).take(down));
                Ok(())
            }
        }
    }
}

fn refused(error: Error) -> Unthumbnailable {
    match error {
        Error::Stopped => Unthumbnailable::OutOfTime,
        Error::Broken(_) => Unthumbnailable::Broken,
    }
}

/// A plane that becomes smaller while its rows arrive.
struct Shrinking {
    reducer: Reducer,
    /// The last row, in the whole range.
    row: Vec<u8>,
    change: fn(&mut [u8]),
}

impl Shrinking {
    fn new(
        (size, at_least): ((u32, u32), (u32, u32)),
        change: fn(&mut [u8]),
        budget: &Budget<'_>,
    ) -> Result<Self, Unthumbnailable> {
        let reducer = Reducer::new(size, 1, factor(size, at_least), false, budget)?;
        Ok(Self { reducer, row: vec![0; size.0 as usize], change })
    }

    /// The next rows, which may be longer than the plane is wide.
    fn take<'a>(&mut self, lines: impl Iterator<Item = &'a [u8]>) {
        for line in lines {
            let width = self.row.len();
            self.row.copy_from_slice(&line[..width]);
            (self.change)(&mut self.row);
            self.reducer.push(&self.row);
        }
    }
}

/// Brightness, from the range of television, which WebP uses, to the whole one, which JFIF uses: times 255/219.
fn full_luma(samples: &mut [u8]) {
    stretch(samples, 219, |sample| (sample * 42 + 136) >> 8);
}

/// A difference of colour: times 255/224, around 128.
fn full_chroma(samples: &mut [u8]) {
    stretch(samples, 224, |sample| (sample * 283 + 2040) >> 11);
}

/// Adds to each sample its share of what is missing to 255. Sixteen bits are enough for it, of which a processor multiplies
/// eight at once; no sample is further than 0.54 from what it should be.
#[expect(clippy::cast_possible_truncation, reason = "no sum is above 255")]
fn stretch(samples: &mut [u8], most: u8, more: impl Fn(u16) -> u16) {
    for sample in samples {
        let above_black = sample.saturating_sub(16).min(most);
        *sample = above_black + more(above_black.into()) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::{Decoder, decode, full_chroma, full_luma};
    use crate::{Unthumbnailable, budget::Budget, raster::Raster};

    fn check(change: fn(&mut [u8]), ideal: impl Fn(f64) -> f64) {
        for sample in 0..=u8::MAX {
            let mut found = [sample];
            change(&mut found);
            let expected = ideal(sample.into()).clamp(0.0, 255.0);
            assert!((f64::from(found[0]) - expected).abs() < 0.54, "{found:?} for {sample}, not {expected}");
        }
    }

    #[test]
    fn the_range_of_television_becomes_the_whole_one() {
        check(full_luma, |sample| (sample - 16.0) * 255.0 / 219.0);
        check(full_chroma, |sample| (sample - 128.0) * 255.0 / 224.0 + 128.0);
        let mut grey = [128];
        full_chroma(&mut grey);
        assert_eq!(grey, [128]);
    }

    /// A disc on a slope, as coarse as libwebp can write it, so that its filter has much to do.
    fn frame(size: (u32, u32)) -> Result<Vec<u8>, Unthumbnailable> {
        let sample = |x: u32, y: u32| {
            let is_inside =
                x.abs_diff(size.0 / 2).pow(2) + y.abs_diff(size.1 / 2).pow(2) < (size.1 / 3).pow(2);
            u8::try_from(if is_inside { 220 } else { (x + y) / 4 }).unwrap_or(u8::MAX)
        };
        let places = (0..size.1).flat_map(|y| (0..size.0).map(move |x| (x, y)));
        let pixels: Vec<u8> = places.flat_map(|(x, y)| [sample(x, y), 100, 255 - sample(x, y)]).collect();
        let file = webp::Encoder::from_rgb(&pixels, size.0, size.1).encode(1.0);
        Ok(file.get(20..).ok_or(Unthumbnailable::Broken)?.to_vec())
    }

    #[test]
    fn large_thumbnails_are_filtered_and_small_ones_look_as_if_they_were() -> Result<(), Unthumbnailable> {
        let size = (320, 240);
        let bitstream = frame(size)?;
        let is_by_rows = |at_least| {
            Decoder::read(&bitstream, size, at_least).map(|decoder| matches!(decoder, Decoder::ByRows(_)))
        };
        assert!(!is_by_rows((240, 180))? && !is_by_rows((100, 180))? && is_by_rows((239, 179))?);

        let budget = Budget::new(&|| false);
        let small = decode(&bitstream, size, (53, 40), &budget)?;
        let (Raster::YCbCr([small, ..]), Raster::YCbCr([whole, ..])) =
            (small, decode(&bitstream, size, size, &budget)?)
        else {
            return Err(Unthumbnailable::Broken);
        };
        let factor = size.0 / small.width;
        assert!(factor > 1);
        let mut distance = 0;
        for (at, sample) in (0..).zip(&small.samples) {
            let (left, top) = (at % small.width * factor, at / small.width * factor);
            let rows = whole.rows().skip(top as usize).take(factor as usize);
            let under = rows.flat_map(|row| &row[left as usize..(left + factor) as usize]);
            let mean = under.map(|sample| u32::from(*sample)).sum::<u32>() / (factor * factor);
            distance += u32::from(*sample).abs_diff(mean);
        }
        // Two levels of 256, in the mean.
        assert!(distance < 2 * small.width * small.height, "{distance}");
        Ok(())
    }
}
