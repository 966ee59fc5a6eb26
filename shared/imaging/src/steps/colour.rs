//! From the colours of a profile to sRGB, which is what thumbnails are in.
//!
//! ICC.1:2022 for the profiles, IEC 61966-2-1 for sRGB.

use std::borrow::Cow;

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer, images::Image, images::ImageRef,
};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use crate::{
    Unthumbnailable,
    budget::Budget,
    raster::{Plane, Raster},
};

/// How far a profile may move a colour, in steps of 255, and still count as sRGB.
const SAME_COLOUR: u8 = 2;

/// Colours that tell one profile from another: grey, the primaries and their mixtures, strong and pale.
const PROBES: [u8; 36] = [
    0, 0, 0, 64, 64, 64, 128, 128, 128, 255, 255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 255, 200, 200, 40, 40,
    200, 200, 200, 40, 200, 180, 90, 60, 60, 90, 180,
];

/// Pixels that are changed at once: what a transform is given and what it makes are never the same memory.
const BAND: usize = 16 * 1024;

/// The same picture in sRGB, where there is memory for it beside so many bytes that are held. A profile that makes no sense, or
/// is of other colours than the picture, changes nothing.
pub(crate) fn to_srgb(
    raster: Raster,
    profile: Option<&[u8]>,
    held: usize,
    budget: &Budget<'_>,
) -> Result<Raster, Unthumbnailable> {
    let held = held + raster.bytes();
    let profile = profile.and_then(|profile| ColorProfile::new_from_slice(profile).ok());
    match (raster, profile) {
        (Raster::Cmyk(inks), profile) => {
            budget.has_memory(held + inks.samples.len() / 4 * 3)?;
            printed(&inks, profile.as_ref()).map(Raster::Rgb)
        }
        (raster, Some(profile)) if profile.color_space == DataColorSpace::Gray => {
            Ok(shaded(raster, &profile))
        }
        (raster, Some(profile)) if profile.color_space == DataColorSpace::Rgb => {
            coloured(raster, &profile, held, budget)
        }
        (raster, _) => Ok(raster),
    }
}

/// Red, green and blue of planes: as JFIF says (ITU-T T.871, section 7), the colours spread between their samples.
pub(crate) fn to_rgb(planes: &[Plane; 3]) -> Result<Plane, Unthumbnailable> {
    let [luma, ..] = planes;
    let [cb, cr] = [spread(&planes[1], luma.size())?, spread(&planes[2], luma.size())?];
    let pixels = luma.samples.iter().zip(&cb.samples).zip(&cr.samples);
    let samples = pixels.map(|((y, cb), cr)| rgb_of([*y, *cb, *cr])).collect::<Vec<_>>();
    Plane::new(luma.width, luma.height, 3, samples.into_flattened())
}

/// What that takes: three samples for each of brightness, and one for each colour that is spread.
fn memory_of_rgb([luma, colours @ ..]: &[Plane; 3]) -> usize {
    (3 + colours.iter().filter(|plane| plane.size() != luma.size()).count()) * luma.samples.len()
}

/// Red, green and blue of one pixel: 1.402, 0.344136, 0.714136 and 1.772, in parts of 65536.
pub(crate) fn rgb_of([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y) << 16, i32::from(cb) - 128, i32::from(cr) - 128);
    [y + 91_881 * cr, y - 22_554 * cb - 46_802 * cr, y + 116_130 * cb].map(sample)
}

/// Planes of red, green and blue: as JFIF says, one sample of colour for every four pixels, their mean.
pub(crate) fn to_planes(rgb: &Plane) -> Result<[Plane; 3], Unthumbnailable> {
    let (width, height) = (rgb.width as usize, rgb.height as usize);
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    let mut luma = Vec::with_capacity(width * height);
    let mut sums = vec![[0_i32; 4]; half_width * half_height];
    for (y, row) in rgb.rows().enumerate() {
        let below = &mut sums[y / 2 * half_width..][..half_width];
        for (x, pixel) in row.chunks_exact(3).enumerate() {
            let [r, g, b] = [0, 1, 2].map(|channel| i32::from(pixel[channel]));
            // 0.299, 0.587 and 0.114, in parts of 65536.
            luma.push(sample(19_595 * r + 38_470 * g + 7_471 * b));
            for (sum, part) in below[x / 2].iter_mut().zip([r, g, b, 1]) {
                *sum += part;
            }
        }
    }
    let chroma = |red: i32, green: i32, blue: i32| {
        sums.iter()
            .map(|[r, g, b, count]| sample((128 << 16) + (red * r + green * g + blue * b) / count))
            .collect()
    };
    // -0.168736, -0.331264 and 0.5; 0.5, -0.418688 and -0.081312.
    let (cb, cr) = (chroma(-11_058, -21_710, 32_768), chroma(32_768, -27_439, -5_329));
    let half = |samples| Plane::new(u32_of(half_width), u32_of(half_height), 1, samples);
    Ok([Plane::new(rgb.width, rgb.height, 1, luma)?, half(cb)?, half(cr)?])
}

fn u32_of(side: usize) -> u32 {
    u32::try_from(side).unwrap_or(u32::MAX)
}

/// Rounds 1/65536 of a step.
fn sample(value: i32) -> u8 {
    u8::try_from(((value + 32_768) >> 16).clamp(0, 255)).unwrap_or_default()
}

fn spread(plane: &Plane, (width, height): (u32, u32)) -> Result<Cow<'_, Plane>, Unthumbnailable> {
    if plane.size() == (width, height) {
        return Ok(Cow::Borrowed(plane));
    }
    let broken = |_| Unthumbnailable::Broken;
    let from = ImageRef::new(plane.width, plane.height, &plane.samples, PixelType::U8).map_err(broken)?;
    let mut to = Image::new(width, height, PixelType::U8);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize(&from, &mut to, &options).map_err(|_| Unthumbnailable::Broken)?;
    Plane::new(width, height, 1, to.into_vec()).map(Cow::Owned)
}

fn coloured(
    raster: Raster,
    profile: &ColorProfile,
    held: usize,
    budget: &Budget<'_>,
) -> Result<Raster, Unthumbnailable> {
    let srgb = ColorProfile::new_srgb();
    let transform =
        |layout| profile.create_transform_8bit(layout, &srgb, layout, TransformOptions::default());
    let Ok(rgb) = transform(Layout::Rgb) else { return Ok(raster) };
    let mut probes = PROBES;
    let is_srgb = rgb.transform(&PROBES, &mut probes).is_ok()
        && probes.iter().zip(PROBES).all(|(is, was)| is.abs_diff(was) <= SAME_COLOUR);
    if is_srgb {
        return Ok(raster);
    }
    let changed = |mut plane: Plane, layout| {
        let Ok(transform) = transform(layout) else { return plane };
        let mut band = vec![0; BAND * plane.channels];
        for samples in plane.samples.chunks_mut(band.len()) {
            let band = &mut band[..samples.len()];
            if transform.transform(samples, band).is_ok() {
                samples.copy_from_slice(band);
            }
        }
        plane
    };
    Ok(match raster {
        Raster::YCbCr(planes) => {
            budget.has_memory(held + memory_of_rgb(&planes))?;
            Raster::Rgb(changed(to_rgb(&planes)?, Layout::Rgb))
        }
        Raster::Rgb(plane) => Raster::Rgb(changed(plane, Layout::Rgb)),
        Raster::Rgba(plane) => Raster::Rgba(changed(plane, Layout::Rgba)),
        other @ (Raster::Gray(_) | Raster::Cmyk(_)) => other,
    })
}

/// Grey stays grey: all three colours of it are the same. With opacity beside it, it has come as these three.
fn shaded(mut raster: Raster, profile: &ColorProfile) -> Raster {
    let plane = match &mut raster {
        Raster::Gray(plane) | Raster::Rgb(plane) | Raster::Rgba(plane) => plane,
        Raster::YCbCr(_) | Raster::Cmyk(_) => return raster,
    };
    let shades = plane.channels.min(3);
    let is_gray = |pixel: &[u8]| pixel[..shades].iter().all(|sample| *sample == pixel[0]);
    let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
    let transform = profile.create_transform_8bit(Layout::Gray, &srgb, Layout::Rgb, options);
    // There are no more shades than these.
    let stored: [u8; 256] = std::array::from_fn(|shade| u8::try_from(shade).unwrap_or(u8::MAX));
    let mut seen = [0; 256 * 3];
    let is_known = transform.and_then(|transform| transform.transform(&stored, &mut seen)).is_ok();
    if is_known && plane.samples.chunks_exact(plane.channels).all(is_gray) {
        for pixel in plane.samples.chunks_exact_mut(plane.channels) {
            let shade = seen[usize::from(pixel[0]) * 3 + 1];
            pixel[..shades].fill(shade);
        }
    }
    raster
}

/// Inks on white paper. Without a profile each takes away its own colour, and black takes away all.
fn printed(inks: &Plane, profile: Option<&ColorProfile>) -> Result<Plane, Unthumbnailable> {
    let mut samples = vec![0; inks.samples.len() / 4 * 3];
    let by_profile =
        profile.filter(|profile| profile.color_space == DataColorSpace::Cmyk).is_some_and(|profile| {
            let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
            profile
                .create_transform_8bit(Layout::Rgba, &srgb, Layout::Rgb, options)
                .and_then(|transform| transform.transform(&inks.samples, &mut samples))
                .is_ok()
        });
    if !by_profile {
        for (rgb, ink) in samples.chunks_exact_mut(3).zip(inks.samples.chunks_exact(4)) {
            let paper = 255 - u32::from(ink[3]);
            for (light, ink) in rgb.iter_mut().zip(ink) {
                *light = u8::try_from(((255 - u32::from(*ink)) * paper + 127) / 255).unwrap_or(u8::MAX);
            }
        }
    }
    Plane::new(inks.width, inks.height, 3, samples)
}
