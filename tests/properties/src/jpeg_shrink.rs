//! Pictures decoded small: whatever the bytes are, they are decoded or refused, the same every time and at every size.

use jpeg_shrink::{Budget, Decoded, Eighths, Error, Header, decode, header, memory};

/// What a picture may take here, in bytes.
const MEMORY_BYTES: usize = 4 * 1024 * 1024;

/// Takes the bytes of a picture.
///
/// # Panics
/// When something does not hold.
pub fn hold(input: &[u8]) {
    let header = header(input);
    let decoded = Eighths::ALL.map(|eighths| small(input, eighths));
    for (eighths, decoded) in Eighths::ALL.into_iter().zip(&decoded) {
        let header = header.as_ref().map_err(|error| *error);
        the_header_tells_what_comes(header, eighths, decoded.as_ref().map_err(|error| *error));
    }
    assert_eq!(small(input, Eighths::One), decoded[0], "decoded twice");
    assert_eq!(small(input, Eighths::Three), decoded[2], "decoded twice");
    let [one, two, three, four] = decoded.map(Result::ok);
    assert!(
        two.is_some() >= three.is_some() && three.is_some() >= four.is_some(),
        "a larger size is there alone"
    );
    assert!(one.is_some() >= two.is_some(), "a larger size is there alone");
    if let (Some(one), Some(two)) = (one, two) {
        the_mean_of_a_block_is_its_mean_at_every_size(&one, &two);
    }
}

/// What the header says of size, kind and memory is what decoding finds.
///
/// # Panics
/// When it does not hold.
#[expect(clippy::cast_precision_loss, reason = "a picture has few samples in a row")]
pub fn the_header_tells_what_comes(
    header: Result<&Header<'_>, Error>,
    eighths: Eighths,
    decoded: Result<&Decoded, Error>,
) {
    let header = match header {
        Ok(header) => header,
        Err(error) => return assert_eq!(decoded, Err(error)),
    };
    if let Some(reason) = header.unsupported {
        return assert_eq!(decoded, Err(Error::Unsupported(reason)));
    }
    let is_too_much = memory(header, eighths) > MEMORY_BYTES;
    assert_eq!(decoded == Err(Error::TooMuchMemory), is_too_much);
    let Ok(decoded) = decoded else { return };
    assert_eq!((decoded.color, decoded.inverted), (header.color, header.inverted));
    let largest = |side: fn(&jpeg_shrink::Plane) -> usize| decoded.planes.iter().map(side).max();
    let expected = |pixels: u32| Some((pixels as usize * eighths.count()).div_ceil(8));
    assert_eq!(largest(|plane| plane.width), expected(header.width));
    assert_eq!(largest(|plane| plane.height), expected(header.height));
    for plane in &decoded.planes {
        assert!(plane.width <= plane.stride && plane.samples.len().is_multiple_of(plane.stride));
        assert!(plane.height * plane.stride <= plane.samples.len());
        // The exact size is of the picture, the other is in whole samples of whole component samples.
        let is_near = |exact: f64, rounded: usize| (0.0..1.0 + 0.5).contains(&(rounded as f64 - exact));
        assert!(is_near(plane.exact_width, plane.width) && is_near(plane.exact_height, plane.height));
    }
    let bytes: usize = decoded.planes.iter().map(|plane| plane.samples.len()).sum();
    assert!(bytes <= memory(header, eighths));
}

/// At 1/8 each block is its mean, and the samples that it becomes at 2/8 have the same one. At each size another part of the codes
/// is read, and skipped by other tables, so that a bit more or less at one of them shows.
///
/// # Panics
/// When it does not hold.
pub fn the_mean_of_a_block_is_its_mean_at_every_size(one: &Decoded, two: &Decoded) {
    for (one, two) in one.planes.iter().zip(&two.planes) {
        let rows = two.samples.chunks_exact(2 * two.stride);
        for (means, rows) in one.samples.chunks_exact(one.stride).zip(rows) {
            let (upper, lower) = rows.split_at(two.stride);
            let blocks = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
            for (mean, (upper, lower)) in means.iter().zip(blocks) {
                let block = [upper[0], upper[1], lower[0], lower[1]];
                // What went beyond black or white was cut off.
                if block.iter().all(|sample| (1..255).contains(sample)) {
                    let sum: i32 = block.map(i32::from).iter().sum();
                    assert!((sum - 4 * i32::from(*mean)).abs() <= 4, "{block:?} is not {mean} in the middle");
                }
            }
        }
    }
}

fn small(input: &[u8], eighths: Eighths) -> Result<Decoded, Error> {
    decode(input, eighths, &Budget { memory_bytes: MEMORY_BYTES, keep_going: &|| true })
}
