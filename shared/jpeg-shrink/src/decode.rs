//! A picture from its first byte to its planes.

use crate::{
    eighths::Eighths,
    error::Error,
    frame::{Component, Frame},
    header::{self, Color, Header},
    plane::{MID_GREY, Plane},
    progression,
    progressive::Coefficients,
    scan::Scans,
    sequential,
};

/// What decoding may take.
#[derive(Clone, Copy)]
pub struct Budget<'a> {
    /// How much memory may be allocated, in bytes, the planes among it. See [`memory`].
    pub memory_bytes: usize,
    /// Asked every few thousand blocks; decoding stops when it says no.
    pub keep_going: &'a dyn Fn() -> bool,
}

/// A picture, decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// What the planes mean.
    pub color: Color,
    /// Whether CMYK or YCCK is stored with 255 for no ink.
    pub inverted: bool,
    /// One for each component, in order.
    pub planes: Vec<Plane>,
}

/// What decoding takes besides what the picture's size demands, in bytes: the buffer of bits and the codes' tables.
const FIXED_BYTES: usize = 256 * 1024;

/// How much memory [`decode`] allocates at most, in bytes. Nothing for a picture that it does not decode.
#[must_use]
pub fn memory(header: &Header<'_>, eighths: Eighths) -> usize {
    let frame = &header.frame;
    let n = eighths.count();
    let samples = frame.components.iter().map(|component| component.block_count() * n * n);
    if !frame.is_progressive {
        return FIXED_BYTES + samples.sum::<usize>();
    }
    let blocks = frame.components.iter().map(Component::block_count);
    // While scans are read, frequencies and which of them are not zero; then a plane after the other takes their place.
    let frequencies = blocks.clone().sum::<usize>() * n * n * size_of::<i16>();
    let marks = if eighths == Eighths::One { 0 } else { blocks.sum::<usize>() * size_of::<u64>() };
    FIXED_BYTES + frequencies + marks.max(samples.max().unwrap_or_default())
}

/// Decodes a picture to so many eighths of its size.
pub fn decode(source: &[u8], eighths: Eighths, budget: &Budget<'_>) -> Result<Decoded, Error> {
    let (header, _) = header::read(source)?;
    if let Some(reason) = header.unsupported {
        return Err(Error::Unsupported(reason));
    }
    if memory(&header, eighths) > budget.memory_bytes {
        return Err(Error::TooMuchMemory);
    }
    let frame = &header.frame;
    let planes = match (eighths, frame.is_progressive) {
        (Eighths::One, false) => sequential::<1>(source, frame, eighths, budget),
        (Eighths::Two, false) => sequential::<2>(source, frame, eighths, budget),
        (Eighths::Three, false) => sequential::<3>(source, frame, eighths, budget),
        (Eighths::Four, false) => sequential::<4>(source, frame, eighths, budget),
        (Eighths::One, true) => progressive::<1>(source, frame, eighths, budget),
        (Eighths::Two, true) => progressive::<2>(source, frame, eighths, budget),
        (Eighths::Three, true) => progressive::<3>(source, frame, eighths, budget),
        (Eighths::Four, true) => progressive::<4>(source, frame, eighths, budget),
    }?;
    Ok(Decoded { color: header.color, inverted: header.inverted, planes })
}

impl Budget<'_> {
    pub(crate) fn ask(&self) -> Result<(), Error> {
        if (self.keep_going)() { Ok(()) } else { Err(Error::Stopped) }
    }
}

/// Each scan is done with when it is read; when every component had one, what follows does not matter.
fn sequential<const N: usize>(
    source: &[u8],
    frame: &Frame,
    eighths: Eighths,
    budget: &Budget<'_>,
) -> Result<Vec<Plane>, Error> {
    let mut planes: Vec<_> =
        (0..frame.components.len()).map(|component| frame.plane(component, eighths)).collect();
    for (plane, component) in planes.iter_mut().zip(&frame.components) {
        plane.samples = vec![MID_GREY; component.block_count() * N * N];
    }
    let mut is_there = vec![false; planes.len()];
    let mut scans = Scans::new(source, frame)?;
    while let Some(scan) = scans.next()? {
        for part in &scan.parts {
            if std::mem::replace(&mut is_there[part.component], true) {
                return Err(Error::Broken("a component that comes twice"));
            }
        }
        let read = sequential::scan::<N>(&scan, frame, &mut planes, budget)?;
        if is_there.iter().all(|is_there| *is_there) {
            break;
        }
        scans.skip(read);
    }
    Ok(planes)
}

/// Scans add to the frequencies; the samples come last.
fn progressive<const N: usize>(
    source: &[u8],
    frame: &Frame,
    eighths: Eighths,
    budget: &Budget<'_>,
) -> Result<Vec<Plane>, Error> {
    let scans = progression::plan::<N>(Scans::new(source, frame)?, frame)?;
    let mut picture = Coefficients::<N>::new(frame);
    for scan in &scans {
        picture.add(scan, frame, budget)?;
    }
    let planes = (0..frame.components.len()).map(|component| frame.plane(component, eighths)).collect();
    picture.finish(planes, frame, &progression::quantizers(&scans, frame)?, budget)
}
