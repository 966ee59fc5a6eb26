//! WebP: still with transparency, or moving. libwebp encodes single frames, which are put together here.
//!
//! <https://www.rfc-editor.org/rfc/rfc9649>; an encoder in C sees nothing but pixels of ours, never a stranger's bytes.

use webp::{Encoder, WebPConfig};

use crate::{
    Unthumbnailable,
    raster::{Plane, Raster},
};

/// The quality, of 100, as Synapse's.
const QUALITY: f32 = 80.0;

/// How hard the encoder tries, of 6: as usual for one picture, and in half the time for each of many.
const METHOD: i32 = 4;
const METHOD_OF_MANY: i32 = 2;

/// The longest that one frame can be shown, in milliseconds: what 24 bits hold.
const MAX_DELAY: u32 = (1 << 24) - 1;

/// In the file's header: there is transparency, and there are frames (section 2.7.1).
const ALPHA: u8 = 0x10;
const ANIMATION: u8 = 0x02;

/// In a frame's header: it replaces what was there, and is not blended with it (section 2.7.1.1).
const REPLACE: u8 = 0x02;

/// The chunks that are a frame's picture: its opacity, and its colours in either way (sections 2.5, 2.6 and 2.7.1.2).
const PICTURE: [&[u8; 4]; 3] = [b"ALPH", b"VP8 ", b"VP8L"];

/// One picture with transparency.
pub(super) fn encode(small: &Raster) -> Result<Vec<u8>, Unthumbnailable> {
    let Raster::Rgba(plane) = small else { return Err(Unthumbnailable::Broken) };
    frame(plane, METHOD)
}

/// Pictures of one size, each shown for a while.
pub(crate) struct Animation {
    size: (u32, u32),
    /// Each by itself: put together they would be copied again and again.
    frames: Vec<Vec<u8>>,
    bytes: usize,
}

impl Animation {
    pub(crate) fn new(size: (u32, u32)) -> Self {
        Self { size, frames: Vec::new(), bytes: 0 }
    }

    /// What all frames so far have become.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds one frame.
    pub(crate) fn add(&mut self, plane: &Plane, delay_ms: u32) -> Result<(), Unthumbnailable> {
        if plane.size() != self.size {
            return Err(Unthumbnailable::Broken);
        }
        let encoded = frame(plane, METHOD_OF_MANY)?;
        let mut body = vec![0; 6];
        body.extend(three(self.size.0 - 1));
        body.extend(three(self.size.1 - 1));
        body.extend(three(delay_ms.min(MAX_DELAY)));
        body.push(REPLACE);
        for (name, content) in chunks(&encoded).filter(|(name, _)| PICTURE.contains(name)) {
            chunk(&mut body, *name, content);
        }
        let mut whole = Vec::with_capacity(body.len() + 8);
        chunk(&mut whole, *b"ANMF", &body);
        self.bytes += whole.len();
        self.frames.push(whole);
        Ok(())
    }

    /// The whole file, to be shown so often, or for ever: 0.
    pub(crate) fn finish(self, loops: u16) -> Vec<u8> {
        let mut head = vec![ALPHA | ANIMATION, 0, 0, 0];
        head.extend(three(self.size.0 - 1));
        head.extend(three(self.size.1 - 1));
        let mut animation = vec![0; 4];
        animation.extend(loops.to_le_bytes());

        let mut body = b"WEBP".to_vec();
        chunk(&mut body, *b"VP8X", &head);
        chunk(&mut body, *b"ANIM", &animation);
        let length = u32::try_from(body.len() + self.bytes).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(body.len() + self.bytes + 8);
        bytes.extend(b"RIFF");
        bytes.extend(length.to_le_bytes());
        bytes.extend(body);
        self.frames.into_iter().for_each(|frame| bytes.extend(frame));
        bytes
    }
}

/// One frame as a file of its own.
fn frame(plane: &Plane, method: i32) -> Result<Vec<u8>, Unthumbnailable> {
    let mut config = WebPConfig::new().map_err(|()| Unthumbnailable::Broken)?;
    config.quality = QUALITY;
    config.method = method;
    let picture = match plane.channels {
        4 => Encoder::from_rgba(&plane.samples, plane.width, plane.height),
        3 => Encoder::from_rgb(&plane.samples, plane.width, plane.height),
        _ => return Err(Unthumbnailable::Broken),
    };
    let file = picture.encode_advanced(&config).map_err(|_| Unthumbnailable::Broken)?;
    Ok(file.to_vec())
}

/// The chunks of a file (section 2.3).
fn chunks(file: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = file.get(12..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (name, behind) = rest.split_first_chunk::<4>()?;
        let (length, behind) = behind.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let (content, behind) = behind.split_at_checked(length)?;
        rest = behind.get(length % 2..).unwrap_or_default();
        Some((name, content))
    })
}

fn chunk(bytes: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    bytes.extend(name);
    bytes.extend(u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(content);
    if content.len() % 2 == 1 {
        bytes.push(0);
    }
}

/// A number of 24 bits.
fn three(number: u32) -> [u8; 3] {
    let [low, middle, high, _] = number.to_le_bytes();
    [low, middle, high]
}
