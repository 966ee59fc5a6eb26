//! JPEG XL: the first frame, group by group.
//!
//! ISO/IEC 18181.

use std::borrow::Cow;

use image::metadata::Orientation;
use jxl::{
    api::{
        Event, ExtraChannel, JxlBasicInfo, JxlColorType, JxlDataFormat, JxlDecoder, JxlDecoderOptions,
        JxlOutputBuffer, JxlParallelRunner, JxlParallelRunnerFun, JxlPixelFormat,
    },
    error::{Error, Result as GroupResult},
};

use super::{Decoded, Header, whole::reduced};
use crate::{Unthumbnailable, budget::Budget, raster::Raster};

/// Bytes of a file's header, its profile among them, that are looked through for where it ends.
const MAX_HEADER_BYTES: usize = 32 * 1024;

pub(super) fn header(source: &[u8]) -> Result<Header, Unthumbnailable> {
    let mut decoder = JxlDecoder::new(options());
    let mut rest = source;
    match decoder.process(&mut rest, None, None) {
        Ok(Event::BasicInfo) => {}
        _ => return Err(Unthumbnailable::Broken),
    }
    let basic = decoder.basic_info().ok_or(Unthumbnailable::Broken)?;
    let (width, height) = size(basic)?;
    let orientation = u8::try_from(basic.orientation as u32).ok().and_then(Orientation::from_exif);
    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
    // Moving ones are shown still, by their first frame.
    Ok(Header { width, height, orientation, frames: 1 })
}

pub(super) fn decode(
    source: &[u8],
    at_least: (u32, u32),
    budget: &Budget<'_>,
) -> Result<Decoded, Unthumbnailable> {
    let failed = |_| budget.in_time().err().unwrap_or(Unthumbnailable::Broken);
    let frame = First::of(source).unwrap_or(First::Other);
    let mut options = options();
    // No frame may be larger than the budget, those that are not seen among them.
    options.sample_limit = Some(budget.memory_bytes);
    let mut decoder = JxlDecoder::new(options);
    let mut rest = source;
    let mut groups = Groups(budget);
    if decoder.process(&mut rest, None, Some(&mut groups)).map_err(|_| Unthumbnailable::TooMuchMemory)?
        != Event::BasicInfo
    {
        return Err(Unthumbnailable::Broken);
    }
    let basic = decoder.basic_info().ok_or(Unthumbnailable::Broken)?;
    let size = size(basic)?;
    budget.has_memory(frame.memory(size, basic.extra_channels.len()))?;
    let is_clear = basic.extra_channels.iter().any(|extra| extra.ec_type == ExtraChannel::Alpha);
    let profile = decoder.output_color_profile().ok_or(Unthumbnailable::Broken)?;
    let (color_type, channels) = match (profile.channels(), is_clear) {
        (1, false) => (JxlColorType::Grayscale, 1),
        (_, false) => (JxlColorType::Rgb, 3),
        (_, true) => (JxlColorType::Rgba, 4),
    };
    let row = size.0 as usize * channels;
    let format = JxlPixelFormat {
        color_type,
        color_data_format: Some(JxlDataFormat::U8 { bit_depth: 8 }),
        extra_channel_format: vec![None; basic.extra_channels.len()],
    };
    decoder.set_pixel_format(format).map_err(failed)?;
    let profile =
        decoder.output_color_profile().and_then(|profile| profile.try_as_icc().map(Cow::into_owned));
    let mut samples = vec![0; row * size.1 as usize];
    loop {
        let mut buffers = [JxlOutputBuffer::new(&mut samples, size.1 as usize, row)];
        match decoder.process(&mut rest, Some(&mut buffers), Some(&mut groups)).map_err(failed)? {
            Event::FrameComplete { .. } | Event::Complete => break,
            Event::NeedMoreInput { .. } => return Err(Unthumbnailable::Broken),
            Event::BasicInfo | Event::FrameHeader => {}
        }
    }
    drop(decoder);
    let plane = reduced(samples, size, channels, at_least, budget)?;
    let raster = match channels {
        1 => Raster::Gray(plane),
        3 => Raster::Rgb(plane),
        _ => Raster::Rgba(plane),
    };
    Ok(Decoded { raster, profile })
}

/// What is known of the first frame before it is decoded, which is what its memory depends on. The decoder cannot be told how
/// much it may take: these are its ways of taking it, each measured, and with room.
enum First {
    /// Lossy, the only frame, and in need of no other: it is decoded in strips of groups.
    Lossy,
    /// Lossless, the only frame, and in need of no other: it may be kept whole, in 32 bits a sample.
    Lossless,
    /// Anything else: up to four frames may be kept for it, in 32 bits a sample.
    Other,
}

impl First {
    fn of(source: &[u8]) -> Option<Self> {
        let mut options = options();
        options.scan_frames_only = true;
        let mut decoder = JxlDecoder::new(options);
        // Byte by byte, to learn where the header ends and the first frame begins.
        let mut begins = 0;
        loop {
            let mut byte = source.get(begins..=begins).filter(|_| begins < MAX_HEADER_BYTES)?;
            let event = decoder.process(&mut byte, None, None).ok()?;
            begins += 1 - byte.len();
            match event {
                Event::NeedMoreInput { .. } => {}
                Event::BasicInfo => break,
                _ => return None,
            }
        }
        let mut rest = source.get(begins..)?;
        while decoder.scanned_frames().is_empty() {
            match decoder.process(&mut rest, None, None).ok()? {
                Event::FrameHeader => {}
                _ => break,
            }
        }
        let seen = decoder.scanned_frames().first()?;
        // In a container the decoder may have taken a byte of the frame to see that it is one.
        let frame = usize::try_from(seen.file_offset).ok()?;
        if !seen.is_last || !(begins - 1..=begins).contains(&frame) {
            return Some(Self::Other);
        }
        Some(Self::read(*source.get(frame..)?.first_chunk()?))
    }

    /// The first fields of a frame's header (ISO/IEC 18181-1, F.2), from the lowest bit on.
    fn read(head: [u8; 2]) -> Self {
        let bits = u16::from_le_bytes(head);
        let (all_default, kind, encoding, flags) = (bits & 1, bits >> 1 & 3, bits >> 3 & 1, bits >> 4 & 3);
        let flags = match flags {
            _ if all_default == 1 => 0,
            0 => 0,
            1 => 1 + (bits >> 6 & 15),
            2 => 17 + (bits >> 6 & 255),
            _ => return Self::Other,
        };
        // Patches come from a frame before this one, and so does all that is coarse where bit 5 is set.
        if all_default == 0 && kind != 0 || flags & 0x22 != 0 {
            return Self::Other;
        }
        if all_default == 1 || encoding == 0 { Self::Lossy } else { Self::Lossless }
    }

    fn memory(&self, (width, height): (u32, u32), extra: usize) -> usize {
        let (width, height) = (width as usize, height as usize);
        let pixels = width.saturating_mul(height);
        let samples = pixels.saturating_mul(3 + extra);
        match self {
            Self::Lossy => pixels.saturating_mul(4 + 13 * extra).saturating_add(512 * width),
            Self::Lossless => samples.saturating_mul(13) / 2,
            Self::Other => samples.saturating_mul(21),
        }
    }
}

fn options() -> JxlDecoderOptions {
    let mut options = JxlDecoderOptions::default();
    options.adjust_orientation = false;
    options.alpha_mode = jxl::api::AlphaMode::Unpremultiplied;
    options
}

fn size(basic: &JxlBasicInfo) -> Result<(u32, u32), Unthumbnailable> {
    let side = |side| u32::try_from(side).map_err(|_| Unthumbnailable::TooManyPixels);
    Ok((side(basic.size.0)?, side(basic.size.1)?))
}

/// One group after another, as long as there is time.
struct Groups<'a, 'b>(&'a Budget<'b>);

impl JxlParallelRunner for Groups<'_, '_> {
    fn run(&mut self, count: usize, group: &JxlParallelRunnerFun<'_>) -> GroupResult<()> {
        for index in 0..count {
            self.0.in_time().map_err(|_| Error::ApiUsageError("the time is over"))?;
            group(index)?;
        }
        Ok(())
    }

    fn num_threads(&self) -> usize {
        1
    }
}
