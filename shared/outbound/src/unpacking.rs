//! Bodies as their servers compressed them, unpacked while they come: never more at once than a reader asks for, so that
//! a bomb takes no more memory than anything else.

use std::io::{self, BufRead as _, BufReader, Read};

use brotli_decompressor::Decompressor;
use flate2::read::MultiGzDecoder;
use http::HeaderValue;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// What servers are told that we understand.
pub(crate) const ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("gzip, br, zstd");

/// What brotli reads at a time, in bytes.
const PIECE_BYTES: usize = 8 * 1024;

/// How far back zstd may look, in bytes: more is not allowed on the web (RFC 9659). Brotli never looks further than
/// 16 MiB, gzip than 32 KiB.
const ZSTD_WINDOW_BYTES: u64 = 8 * 1024 * 1024;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Brotli,
    Zstd,
}

impl Coding {
    /// Reads `Content-Encoding`; `None` for what is not understood here and was not asked for.
    pub(crate) fn read(said: Option<&HeaderValue>) -> Option<Self> {
        match said.map(HeaderValue::as_bytes).unwrap_or_default().to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Some(Self::Identity),
            b"gzip" | b"x-gzip" => Some(Self::Gzip),
            b"br" => Some(Self::Brotli),
            b"zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The bytes that were packed. Nothing of them is read before somebody wants to.
    pub(crate) fn unpack(self, packed: impl Read + Send + 'static) -> Box<dyn Read + Send> {
        match self {
            Self::Identity => Box::new(packed),
            Self::Gzip => Box::new(Gzip::Packed(Some(packed))),
            Self::Brotli => Box::new(Decompressor::new(packed, PIECE_BYTES)),
            Self::Zstd => Box::new(Zstd::new(packed)),
        }
    }
}

/// The decoder begins to read when it is made, which may be where nobody is allowed to wait.
enum Gzip<R> {
    /// Taken out to be unpacked.
    Packed(Option<R>),
    Unpacked(Box<MultiGzDecoder<R>>),
}

impl<R: Read> Read for Gzip<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Self::Packed(packed) = self
            && let Some(packed) = packed.take()
        {
            *self = Self::Unpacked(Box::new(MultiGzDecoder::new(packed)));
        }
        match self {
            Self::Packed(_) => Ok(0),
            Self::Unpacked(decoder) => decoder.read(into),
        }
    }
}

/// One frame of zstd after the other.
struct Zstd<R> {
    packed: BufReader<R>,
    frame: FrameDecoder,
}

impl<R: Read> Zstd<R> {
    fn new(packed: R) -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(ZSTD_WINDOW_BYTES);
        Self { packed: BufReader::new(packed), frame }
    }
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // A block may unpack to nothing, which is not the end.
        while self.frame.can_collect() == 0 {
            if self.frame.is_finished() {
                if self.packed.fill_buf()?.is_empty() {
                    return Ok(0);
                }
                self.frame.reset(&mut self.packed).map_err(io::Error::other)?;
            }
            let one = BlockDecodingStrategy::UptoBlocks(1);
            self.frame.decode_blocks(&mut self.packed, one).map_err(io::Error::other)?;
        }
        self.frame.read(into)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use flate2::{Compression, write::GzEncoder};
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn brotli(bytes: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        brotli::BrotliCompress(&mut &*bytes, &mut packed, &brotli::enc::BrotliEncoderParams::default())
            .unwrap();
        packed
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    fn unpack(coding: Coding, packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        coding.unpack(Cursor::new(packed.to_vec())).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn what_is_understood_is_asked_for_and_nothing_else_is_taken() {
        let read = |said: &str| Coding::read(Some(&HeaderValue::from_str(said).unwrap()));
        assert_eq!(Coding::read(None), Some(Coding::Identity));
        let asked_for = ACCEPT_ENCODING;
        for asked_for in asked_for.to_str().unwrap().split(", ") {
            assert!(read(asked_for).is_some(), "{asked_for}");
        }
        assert_eq!((read("X-GZip"), read("BR")), (Some(Coding::Gzip), Some(Coding::Brotli)));
        for unknown in ["deflate", "compress", "gzip, gzip", "dcz", "nonsense"] {
            assert_eq!(read(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn what_was_packed_comes_out_again() {
        let text = "so many words, so many words, and one more\n".repeat(20_000).into_bytes();
        for (coding, packed) in [
            (Coding::Identity, text.clone()),
            (Coding::Gzip, gzip(&text)),
            (Coding::Brotli, brotli(&text)),
            (Coding::Zstd, zstd(&text)),
            // One after the other, as some servers send it.
            (Coding::Gzip, [gzip(&text[..1000]), gzip(&text[1000..])].concat()),
            (Coding::Zstd, [zstd(&text[..1000]), zstd(&text[1000..])].concat()),
        ] {
            assert!(unpack(coding, &packed).unwrap() == text, "{coding:?}");
            assert_eq!(unpack(coding, &[]).unwrap_or_default(), b"", "{coding:?}");
        }
    }

    #[test]
    fn nothing_is_read_before_somebody_wants_to() {
        struct Never;
        impl Read for Never {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("read too early")
            }
        }
        for coding in [Coding::Identity, Coding::Gzip, Coding::Brotli, Coding::Zstd] {
            drop(coding.unpack(Never));
        }
    }

    #[test]
    fn what_is_broken_is_an_error_and_never_a_panic() {
        let text = "a text that is long enough to be packed".repeat(100).into_bytes();
        for (coding, packed) in
            [(Coding::Gzip, gzip(&text)), (Coding::Brotli, brotli(&text)), (Coding::Zstd, zstd(&text))]
        {
            assert!(unpack(coding, b"<html>never compressed</html>").is_err(), "{coding:?}");
            assert!(unpack(coding, &packed[..packed.len() - 9]).is_err(), "{coding:?}");
            for at in 0..packed.len() {
                let mut flipped = packed.clone();
                flipped[at] ^= 0x55;
                // Whatever it says now.
                let _ = unpack(coding, &flipped);
            }
        }
    }

    #[test]
    fn a_window_that_the_web_does_not_allow_is_refused_before_it_is_filled() {
        // A frame of 64 MiB windows (RFC 8878 section 3.1.1.1): exponent 16, mantissa 0; one block of one byte repeated.
        let frame = |descriptor: u8| {
            let block = (64_u32 * 1024) << 3 | 1 << 1 | 1;
            [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, descriptor], &block.to_le_bytes()[..3], b"x"].concat()
        };
        assert!(unpack(Coding::Zstd, &frame(16 << 3)).is_err());
        assert_eq!(unpack(Coding::Zstd, &frame(13 << 3)).unwrap().len(), 64 * 1024);
    }
}
