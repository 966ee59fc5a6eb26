//! Which scans of a progressive picture matter at a size, and whether they make a progression at all (T.81, G.1.1).

use crate::{
    error::Error,
    frame::Frame,
    scan::{Scan, Scans},
    zigzag::Wanted,
};

/// The most scans that a picture may have. Writers make about ten, those that search for the best script about twenty.
pub const MAX_SCANS: usize = 64;

/// How far the frequencies of a component have come: the number of low bits that are still to come (`Al`), or nothing yet.
type Progress = [Option<u8>; 64];

/// Reads all scan headers, and keeps the scans that are needed for what is wanted at N/8, in order.
///
/// Those are the scans of wanted frequencies, and for the sake of refinements also others: where a scan refines, its bits cannot be
/// told apart without knowing which frequencies of its band are not zero so far.
pub(crate) fn plan<'a, const N: usize>(mut scans: Scans<'a>, frame: &Frame) -> Result<Vec<Scan<'a>>, Error> {
    let mut progress = vec![[None; 64]; frame.components.len()];
    let mut all = Vec::new();
    while let Some(scan) = scans.next()? {
        for part in &scan.parts {
            advance(&mut progress[part.component], &scan)?;
        }
        all.push(scan);
        scans.skip(0);
    }
    let mut needed = vec![Wanted::<N>::SET; frame.components.len()];
    let mut kept = Vec::new();
    for scan in all.into_iter().rev() {
        let is_needed = scan.parts.iter().any(|part| needed[part.component] & scan.band() != 0);
        if !is_needed {
            continue;
        }
        if scan.first > 0 && scan.high > 0 {
            scan.parts.iter().for_each(|part| needed[part.component] |= scan.band());
        }
        kept.push(scan);
    }
    kept.reverse();
    Ok(kept)
}

/// The quantisation tables of all components, each as it is at its first scan; `None` for what has no scan.
pub(crate) fn quantizers(scans: &[Scan<'_>], frame: &Frame) -> Result<Vec<Option<[u16; 64]>>, Error> {
    let mut quantizers = vec![None; frame.components.len()];
    for scan in scans {
        for part in &scan.parts {
            if quantizers[part.component].is_none() {
                quantizers[part.component] = Some(scan.quantizer(*part, frame)?);
            }
        }
    }
    Ok(quantizers)
}

/// A scan has mean values of any components, or other frequencies of one; the first time it leaves out some low bits, and every
/// other time it brings the highest of those.
fn advance(progress: &mut Progress, scan: &Scan<'_>) -> Result<(), Error> {
    let is_band = match scan.first {
        0 => scan.last == 0,
        first => first <= scan.last && scan.last <= 63 && scan.parts.len() == 1,
    };
    if !is_band || scan.low > 13 {
        return Err(Error::Broken("a scan of frequencies that there are not"));
    }
    if scan.first > 0 && progress[0].is_none() {
        return Err(Error::Broken("a scan that comes before the mean values"));
    }
    for bits_to_come in &mut progress[usize::from(scan.first)..=usize::from(scan.last)] {
        let is_next = match *bits_to_come {
            None => scan.high == 0,
            Some(bits) => scan.high == bits && scan.low + 1 == bits,
        };
        if !is_next {
            return Err(Error::Broken("a scan that does not follow from those before"));
        }
        *bits_to_come = Some(scan.low);
    }
    Ok(())
}
