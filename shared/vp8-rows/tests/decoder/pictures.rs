//! Pictures of all kinds, as libwebp writes them.

use webp::{Encoder, WebPConfig};

/// What is in a picture.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content {
    Flat,
    Gradient,
    Noise,
    /// Edges of all directions, flat parts and fine ones.
    Mixed,
}

pub(crate) const CONTENTS: [Content; 4] = [Content::Flat, Content::Gradient, Content::Noise, Content::Mixed];

/// Red, green and blue.
pub(crate) fn pixels(content: Content, (width, height): (u32, u32)) -> Vec<u8> {
    let mut chance = Chance(u64::from(width * 7919 + height));
    let mut pixel = |x: u32, y: u32| {
        let mut noise = |end: u32| u8::try_from(chance.below(end)).unwrap();
        let low = |value: u32| u8::try_from(value % 256).unwrap();
        match content {
            Content::Flat => [200, 90, 30],
            Content::Gradient => [low(x * 255 / width), low(y * 255 / height), low((x + y) / 3)],
            Content::Noise => [noise(256), noise(256), noise(256)],
            Content::Mixed => {
                let (left, upper) =
                    (i64::from(x) - i64::from(width) / 2, i64::from(y) - i64::from(height) / 3);
                let distance = left * left + upper * upper;
                if distance < i64::from(width * width / 16) {
                    [low(x * 5 + y * 3), low(x * y / 7), 200 + noise(40)]
                } else if ((x + 2 * y) / 23).is_multiple_of(2) {
                    [240, 240, 230]
                } else {
                    [low(x / 2), 60 + noise(12), low(y / 2)]
                }
            }
        }
    };
    (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect()
}

/// How libwebp is asked to write here: its loop filter is left out, so that any decoder gives the same samples.
pub(crate) fn unfiltered() -> WebPConfig {
    let mut config = WebPConfig::new().unwrap();
    config.filter_strength = 0;
    config.autofilter = 0;
    config
}

/// The content of the `VP8 ` chunk.
pub(crate) fn bitstream(content: Content, size: (u32, u32), config: &WebPConfig) -> Vec<u8> {
    let pixels = pixels(content, size);
    let file = Encoder::from_rgb(&pixels, size.0, size.1).encode_advanced(config).unwrap();
    assert_eq!(&file[12..16], b"VP8 ");
    let length = u32::from_le_bytes(*file[16..].first_chunk().unwrap());
    file[20..][..usize::try_from(length).unwrap()].to_vec()
}

/// Numbers that look random and are the same every time (splitmix64).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// Any number below another.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((mixed ^ (mixed >> 31)) % u64::from(end)).unwrap()
    }
}
