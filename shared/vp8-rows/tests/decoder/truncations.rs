//! Frames that end early: what comes before the cut is there, and a cut in the header is said.

use vp8_rows::{Error, Frame};

use crate::{
    decoded,
    pictures::{Content, bitstream, unfiltered},
};

const SIZE: (u32, u32) = (64, 80);

/// Where the first partition ends.
fn first_partition(bitstream: &[u8]) -> usize {
    let tag = u32::from_le_bytes([bitstream[0], bitstream[1], bitstream[2], 0]);
    10 + usize::try_from(tag >> 5).unwrap()
}

#[test]
fn a_cut_at_every_byte_is_a_broken_header_or_a_picture() {
    for partitions in 0..=3 {
        let mut config = unfiltered();
        // From the third method on libwebp writes one partition, whatever it is asked for.
        (config.method, config.partitions) = (1, partitions);
        let whole = bitstream(Content::Mixed, SIZE, &config);
        let frequencies = first_partition(&whole) + 3 * ((1 << partitions) - 1);
        for length in 0..whole.len() {
            let found = decoded(&whole[..length]);
            if length < frequencies {
                assert!(matches!(found, Err(Error::Broken(_))), "{length} of {}", whole.len());
            } else {
                assert_eq!(found.unwrap().size, SIZE);
            }
        }
    }
}

#[test]
fn more_bytes_are_never_less_of_the_picture() {
    let whole = bitstream(Content::Mixed, SIZE, &unfiltered());
    let complete = decoded(&whole).unwrap();
    // Only a row of macroblocks that the cut went through is neither.
    let macroblocks = 16 * usize::try_from(SIZE.0).unwrap();
    let same = |length: usize| {
        let cut = decoded(&whole[..length]).unwrap();
        let rows = cut.planes[0].chunks(macroblocks).zip(complete.planes[0].chunks(macroblocks));
        rows.take_while(|(cut, complete)| cut == complete).count()
    };
    let rows: Vec<_> = (first_partition(&whole)..=whole.len()).map(same).collect();
    assert!(rows.is_sorted(), "{rows:?}");
    assert_eq!(rows.last(), Some(&5));
    assert!(rows[rows.len() / 2] >= 1, "half of the bytes are no row of macroblocks");
}

#[test]
fn sizes_of_partitions_that_reach_beyond_the_end_are_cut() {
    let mut config = unfiltered();
    (config.method, config.partitions) = (1, 3);
    let mut bytes = bitstream(Content::Mixed, SIZE, &config);
    let sizes = first_partition(&bytes);
    let rows = decoded(&bytes).unwrap();
    bytes[sizes..sizes + 3].fill(0xff);
    let found = decoded(&bytes).unwrap();
    // The first has its bytes as before, the others have none.
    let first_rows = 16 * usize::try_from(SIZE.0).unwrap();
    assert_eq!(found.planes[0][..first_rows], rows.planes[0][..first_rows]);
    bytes[sizes..sizes + 21].fill(0);
    assert_eq!(decoded(&bytes).unwrap().size, SIZE);
}

#[test]
fn what_is_no_key_frame_to_be_shown_is_refused() {
    let whole = bitstream(Content::Flat, SIZE, &unfiltered());
    assert!(Frame::read(&whole).is_ok());
    let broken = |at: usize, change: fn(u8) -> u8| {
        let mut bytes = whole.clone();
        bytes[at] = change(bytes[at]);
        match Frame::read(&bytes) {
            Err(Error::Broken(why)) => why,
            _ => "nothing",
        }
    };
    assert_eq!(broken(0, |tag| tag | 1), "no key frame");
    assert_eq!(broken(0, |tag| tag | 8), "an unknown version");
    assert_eq!(broken(0, |tag| tag & !16), "a frame that is not to be shown");
    assert_eq!(broken(2, |_| 0xff), "a first partition that is cut short");
    assert_eq!(broken(3, |_| 0), "no start code");
    assert_eq!(broken(6, |_| 0), "no pixels");
    // How it is to be scaled is nobody's business here.
    assert_eq!(broken(7, |upper| upper | 0x40), "nothing");
}
