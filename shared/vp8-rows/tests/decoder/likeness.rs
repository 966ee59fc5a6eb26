//! Without a loop filter all decoders agree, to the last bit.

use image_webp::vp8::Vp8Decoder;
use webp::WebPConfig;

use crate::{
    Planes, decoded,
    pictures::{CONTENTS, Content, bitstream, unfiltered},
};

const SIZES: [(u32, u32); 9] =
    [(1, 1), (15, 17), (16, 16), (17, 1), (1, 40), (33, 31), (64, 48), (130, 97), (500, 333)];

/// What image-webp makes of it, cut out of its whole macroblocks.
fn expected(bitstream: &[u8]) -> Planes {
    let frame = Vp8Decoder::decode_frame(bitstream).unwrap();
    let size = (u32::from(frame.width), u32::from(frame.height));
    let cut = |samples: &[u8], side: u32, pixels: u32| -> Vec<u8> {
        let stride = usize::try_from(size.0.next_multiple_of(16) / pixels * side).unwrap();
        let of = |length: u32| usize::try_from(length.div_ceil(pixels) * side).unwrap();
        samples.chunks_exact(stride).take(of(size.1)).flat_map(|row| row[..of(size.0)].to_vec()).collect()
    };
    Planes { size, planes: [cut(&frame.ybuf, 1, 1), cut(&frame.ubuf, 1, 2), cut(&frame.vbuf, 1, 2)] }
}

fn check(content: Content, size: (u32, u32), config: &WebPConfig) {
    let bitstream = bitstream(content, size, config);
    let (found, expected) = (decoded(&bitstream).unwrap(), expected(&bitstream));
    assert_eq!(found.size, expected.size);
    for (plane, (found, expected)) in found.planes.iter().zip(&expected.planes).enumerate() {
        assert_eq!(found.len(), expected.len());
        let other = found.iter().zip(expected).position(|(found, expected)| found != expected);
        assert_eq!(other, None, "{content:?} of {size:?} in plane {plane}, {config:?}");
    }
}

#[test]
fn every_size_and_content_and_quality_is_the_same() {
    for size in SIZES {
        for content in CONTENTS {
            for quality in [0.0, 5.0, 40.0, 75.0, 95.0, 100.0] {
                check(content, size, &WebPConfig { quality, ..unfiltered() });
            }
        }
    }
}

#[test]
fn every_method_and_number_of_segments_and_partitions_is_the_same() {
    for method in 0..=6 {
        for segments in 1..=4 {
            for partitions in 0..=3 {
                let content = CONTENTS[usize::try_from((method + segments + partitions) % 4).unwrap()];
                let sns_strength = 25 * segments;
                let config = WebPConfig { method, segments, partitions, sns_strength, ..unfiltered() };
                check(content, (150, 301), &config);
                check(Content::Mixed, (150, 301), &config);
            }
        }
    }
}
