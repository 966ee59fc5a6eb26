//! What comes before a cut is there; what comes after it is grey.

use jpeg_shrink::{Decoded, Eighths, Plane};

use crate::{
    pictures::{jpeg, progressive_jpeg},
    small,
};

/// Both are pieces of one picture.
const SIZE: (u32, u32) = (200, 160);

fn cuts(source: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..50).map(|part| &source[..source.len() * part / 50])
}

/// The samples of an MCU of a picture of 4:2:0, of all planes.
fn mcu(decoded: &Decoded, n: usize, index: usize) -> Vec<u8> {
    let columns = (SIZE.0 as usize).div_ceil(16);
    let (row, column) = (index / columns, index % columns);
    let of = |plane: &Plane, side: usize| -> Vec<u8> {
        let lines = row * side..(row + 1) * side;
        lines.flat_map(|line| plane.samples[line * plane.stride + column * side..][..side].to_vec()).collect()
    };
    let [luma, blue, red] = &decoded.planes[..] else { panic!("three planes") };
    [of(luma, 2 * n), of(blue, n), of(red, n)].concat()
}

#[test]
fn what_comes_before_the_cut_is_the_same_and_the_rest_is_grey() {
    let source = jpeg(SIZE.0, SIZE.1);
    let mcus = (SIZE.0.div_ceil(16) * SIZE.1.div_ceil(16)) as usize;
    for eighths in Eighths::ALL {
        let n = eighths.count();
        let whole = small(&source, eighths).unwrap();
        let mut most = 0;
        for cut in cuts(&source) {
            let Ok(decoded) = small(cut, eighths) else { continue };
            let same =
                (0..mcus).take_while(|index| mcu(&decoded, n, *index) == mcu(&whole, n, *index)).count();
            // The one that was cut through is neither.
            let is_grey = |index| mcu(&decoded, n, index).iter().all(|sample| *sample == 128);
            assert!((same + 1..mcus).all(is_grey), "{} of {} bytes", cut.len(), source.len());
            assert!(same >= most, "more bytes, and less of the picture");
            most = same;
        }
        assert!(most > mcus * 9 / 10, "{most} of {mcus}");
    }
}

#[test]
fn a_progressive_picture_becomes_finer_with_every_byte() {
    let source = progressive_jpeg(SIZE.0, SIZE.1);
    for eighths in Eighths::ALL {
        let whole = small(&source, eighths).unwrap();
        let distance = |decoded: &Decoded| -> u64 {
            let pairs =
                decoded.planes.iter().zip(&whole.planes).flat_map(|(a, b)| a.samples.iter().zip(&b.samples));
            pairs.map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum()
        };
        let distances: Vec<_> =
            cuts(&source).filter_map(|cut| Some(distance(&small(cut, eighths).ok()?))).collect();
        assert!(distances.len() > 40, "{} of 50 were decoded", distances.len());
        // Somewhat: a value alone may lead away from the sum of all.
        assert!(distances.windows(2).all(|pair| pair[1] <= pair[0] + pair[0] / 10 + 200), "{distances:?}");
        assert!(distances.last() < distances.first(), "{distances:?}");
    }
}

#[test]
fn at_the_smallest_size_the_scans_of_means_are_enough() {
    let source = progressive_jpeg(SIZE.0, SIZE.1);
    let scans: Vec<_> = source.windows(2).enumerate().filter(|(_, two)| *two == [0xff, 0xda]).collect();
    // This encoder writes the means of the three components one by one.
    let fourth = scans[3].0;
    let whole = small(&source, Eighths::One).unwrap();
    assert_eq!(small(&source[..fourth], Eighths::One).unwrap(), whole);
    assert_ne!(small(&source[..fourth], Eighths::Two).unwrap(), small(&source, Eighths::Two).unwrap());
}
