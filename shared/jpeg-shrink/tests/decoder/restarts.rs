//! What is lost between two restarts is lost; what comes after is not.

use jpeg_shrink::Eighths;

use crate::{
    handmade::{BASELINE, Bits, Handmade},
    small,
};

/// Blocks in the picture, all in one row, two in each interval.
const BLOCKS: u16 = 24;

/// The picture's intervals: in each two blocks, of whose means one is its number.
fn intervals() -> Vec<Vec<u8>> {
    let interval = |number: u16| {
        let mut data = Bits::default();
        for difference in [i32::from(number) * 8 - 64, 8] {
            data.value(0, difference);
            data.symbol(0);
        }
        let picture = Handmade(Vec::new()).sequential_scan(1, &data).0;
        // Behind the scan's header.
        picture[10..].to_vec()
    };
    (0..BLOCKS / 2).map(interval).collect()
}

/// The means of the picture that has these intervals, each with the number of the marker before it.
fn means(intervals: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let picture = Handmade::new().frame(BASELINE, (8 * BLOCKS, 8), &[0x11]).quantizer(8).codes();
    let mut picture = picture.restart_interval(2).sequential_scan(1, &Bits::default());
    for (index, (number, data)) in intervals.iter().enumerate() {
        if index > 0 {
            picture.0.extend([0xff, 0xd0 | number]);
        }
        picture.0.extend(data);
    }
    let picture = picture.end();
    let means = small(&picture, Eighths::One).unwrap().planes.remove(0).samples;
    // All blocks are flat: at another size, each sample of them is the mean.
    let quarter = small(&picture, Eighths::Two).unwrap().planes.remove(0).samples;
    assert!(means.iter().zip(quarter.iter().step_by(2)).all(|(mean, sample)| mean == sample));
    means
}

fn numbered(intervals: Vec<Vec<u8>>) -> Vec<(u8, Vec<u8>)> {
    // The first interval has no marker before it.
    (0..).map(|index: u8| index.wrapping_sub(1) & 7).zip(intervals).collect()
}

fn expected() -> Vec<u8> {
    (0..12).flat_map(|number| [64 + number * 8, 64 + number * 8 + 8]).collect()
}

#[test]
fn all_intervals_are_there() {
    assert_eq!(means(&numbered(intervals())), expected());
}

#[test]
fn an_interval_that_ends_early_is_grey_from_there() {
    let mut damaged = numbered(intervals());
    damaged[3].1.clear();
    damaged[5].1.truncate(2);
    let found = means(&damaged);
    let mut expected = expected();
    // The block in which the data end is completed with zeros: no difference.
    expected[6..8].copy_from_slice(&[128, 128]);
    assert_eq!(found[..10], expected[..10]);
    assert_eq!(found[11], 128);
    assert_eq!(found[12..], expected[12..]);
}

#[test]
fn a_lost_interval_moves_no_other() {
    for lost in 1..11 {
        let mut damaged = numbered(intervals());
        damaged.remove(lost);
        let mut expected = expected();
        expected[lost * 2..lost * 2 + 2].fill(128);
        assert_eq!(means(&damaged), expected, "without {lost}");
    }
}

#[test]
fn an_interval_that_comes_twice_counts_once() {
    let mut damaged = numbered(intervals());
    damaged.insert(4, damaged[3].clone());
    assert_eq!(means(&damaged), expected());
}

#[test]
fn bytes_too_many_before_a_restart_are_passed_over() {
    let mut damaged = numbered(intervals());
    damaged[4].1.extend([1, 2, 0xff, 0x00, 3, 0xff]);
    assert_eq!(means(&damaged), expected());
}

#[test]
fn without_markers_the_rest_is_grey() {
    let damaged = numbered(intervals());
    let found = means(&damaged[..5]);
    assert_eq!(found[..10], expected()[..10]);
    assert!(found[10..].iter().all(|mean| *mean == 128), "{found:?}");
}
