//! Bytes in memory, in pieces: a part of an upload, which is sent again as it is when its answer was lost.

use std::{
    collections::VecDeque,
    convert::Infallible,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::{Bytes, BytesMut};
use crc_fast::CrcAlgorithm;
use http_body::{Body, Frame, SizeHint};
use memmap2::MmapMut;

/// How long a piece is.
pub(crate) const PIECE_BYTES: usize = 256 * 1024;

/// Pieces that were filled one after the other.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    full: VecDeque<Bytes>,
    filling: Filling,
}

/// A piece that is not full yet.
#[derive(Debug)]
enum Filling {
    /// The first, which grows as it is filled: most bodies need no other.
    Heap(BytesMut),
    /// Any other. Memory of its own from the system goes back to the system, where an allocator keeps what it cannot
    /// use: after an hour of uploads the process was as large as at their peak.
    Mapped { map: MmapMut, length: usize },
}

impl Pieces {
    /// Empty, and ready to hold `expected_bytes` without growing, as far as one piece goes.
    pub(crate) fn with_capacity(expected_bytes: usize) -> Self {
        let filling = Filling::Heap(BytesMut::with_capacity(expected_bytes.min(PIECE_BYTES)));
        Self { full: VecDeque::new(), filling }
    }

    pub(crate) fn len(&self) -> usize {
        self.full.iter().map(Bytes::len).sum::<usize>() + self.filling.len()
    }

    /// Copies `bytes` to the end: whoever sends one byte at a time must not make each of them a piece.
    pub(crate) fn extend(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE_BYTES - self.filling.len()));
            self.filling.extend(now);
            if self.filling.len() == PIECE_BYTES {
                self.full.push_back(mem::replace(&mut self.filling, Filling::next()).freeze());
            }
            bytes = later;
        }
    }

    /// Takes the first `count` full pieces.
    pub(crate) fn take(&mut self, count: usize) -> Self {
        let full = self.full.drain(..count.min(self.full.len())).collect();
        Self { full, filling: Filling::default() }
    }

    /// The CRC-32C, as S3 wants it said. S3 compares it with what arrives, so a byte that changes on the way is never
    /// acknowledged. Not the SHA-256, which is known by the end, too: an embedded engine would take that again, at ten
    /// times the cost.
    pub(crate) fn crc32c(&self) -> String {
        let mut digest = crc_fast::Digest::new(CrcAlgorithm::Crc32Iscsi);
        self.full.iter().for_each(|piece| digest.update(piece));
        digest.update(self.filling.bytes());
        // A CRC of 32 bits is the lower half of what the library hands over.
        BASE64_STANDARD.encode(&digest.finalize().to_be_bytes()[4..])
    }

    /// As the body of a request, of known length.
    pub(crate) fn into_body(mut self) -> ByteStream {
        self.full.push_back(self.filling.freeze());
        let pieces = self.full;
        ByteStream::new(SdkBody::retryable(move || SdkBody::from_body_1_x(Sending(pieces.clone()))))
    }
}

impl Filling {
    /// A piece after the first.
    fn next() -> Self {
        match MmapMut::map_anon(PIECE_BYTES) {
            Ok(map) => Self::Mapped { map, length: 0 },
            // The system gives no more maps; the heap may have room.
            Err(_) => Self::default(),
        }
    }

    fn len(&self) -> usize {
        self.bytes().len()
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Mapped { map, length } => &map[..*length],
        }
    }

    /// Adds bytes, of which no more come than there is room for.
    fn extend(&mut self, more: &[u8]) {
        match self {
            Self::Heap(bytes) => bytes.extend_from_slice(more),
            Self::Mapped { map, length } => {
                map[*length..*length + more.len()].copy_from_slice(more);
                *length += more.len();
            }
        }
    }

    fn freeze(self) -> Bytes {
        match self {
            Self::Heap(bytes) => bytes.freeze(),
            Self::Mapped { map, length } => Bytes::from_owner(map).slice(..length),
        }
    }
}

impl Default for Filling {
    fn default() -> Self {
        Self::Heap(BytesMut::new())
    }
}

impl From<Bytes> for Pieces {
    fn from(bytes: Bytes) -> Self {
        Self { full: [bytes].into(), filling: Filling::default() }
    }
}

/// Pieces on their way out.
struct Sending(VecDeque<Bytes>);

impl Body for Sending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_all_of_one_length_but_the_last() {
        let mut pieces = Pieces::default();
        for length in [1, PIECE_BYTES - 1, PIECE_BYTES + 1, 3 * PIECE_BYTES] {
            pieces.extend(&vec![7; length]);
        }
        assert_eq!(pieces.len(), 5 * PIECE_BYTES + 1);
        assert!(pieces.full.iter().all(|piece| piece.len() == PIECE_BYTES));
        let first = pieces.take(2);
        assert_eq!((first.len(), pieces.len()), (2 * PIECE_BYTES, 3 * PIECE_BYTES + 1));
    }

    #[test]
    fn the_checksum_is_the_one_that_rfc_3720_gives() {
        let mut zeros = Pieces::default();
        zeros.extend(&[0; 32]);
        assert_eq!(zeros.crc32c(), BASE64_STANDARD.encode(0x8a91_36aa_u32.to_be_bytes()));
    }

    #[tokio::test]
    async fn a_body_can_be_sent_again() {
        let mut pieces = Pieces::with_capacity(10);
        pieces.extend(b"some bytes");
        let body = pieces.into_body().into_inner();
        let again = body.try_clone().expect("a body that can be sent again");
        for body in [body, again] {
            assert_eq!(body.content_length(), Some(10));
            let sent = ByteStream::new(body).collect().await.unwrap().into_bytes();
            assert_eq!(&sent[..], b"some bytes");
        }
    }
}
