//! Bytes on their way in: counted and hashed as they pass, cut into parts, never much more than one part in memory.

use std::{mem, pin::Pin};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use media_core::{
    Sha256,
    limits::{BODY_IDLE, PART_BYTES},
};
use sha2::{Digest as _, Sha256 as Hasher};
use tokio::time::timeout;

use crate::pieces::{PIECE_BYTES, Pieces};

/// A body in pieces, from a client or from another server.
pub type Body = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>;

/// Why a body did not come in whole.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than the limit.
    #[error("the body is longer than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// It ended before it was complete, or whoever sends it went away.
    #[error("the body was cut off: {0}")]
    CutOff(String),
}

/// A body with its limit.
pub struct Incoming {
    body: Body,
    limit_bytes: u64,
    seen_bytes: u64,
    hasher: Hasher,
    waiting: Pieces,
    ended: bool,
}

/// One part of at most [`PART_BYTES`]; all but the last are exactly that long.
pub(crate) struct Part {
    pub pieces: Pieces,
    pub is_last: bool,
}

impl Incoming {
    /// A body that may be at most `limit_bytes` long. `announced_bytes` only sizes the first buffer.
    #[must_use]
    pub fn new(body: Body, limit_bytes: u64, announced_bytes: Option<u64>) -> Self {
        let expected = announced_bytes.map_or(0, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        Self {
            body,
            limit_bytes,
            seen_bytes: 0,
            hasher: Hasher::new(),
            waiting: Pieces::with_capacity(expected),
            ended: false,
        }
    }

    /// May be dropped half-way and asked again: what was read until then waits here.
    pub(crate) async fn next_part(&mut self) -> Result<Part, BodyError> {
        // One byte more than a part must be seen before it is known not to be the last.
        while !self.ended && self.waiting.len() <= PART_BYTES {
            let piece = timeout(BODY_IDLE, self.body.next()).await;
            match piece.map_err(|_| BodyError::CutOff(format!("nothing came for {BODY_IDLE:?}")))? {
                Some(piece) => self.take_in(&piece?)?,
                None => self.ended = true,
            }
        }
        let is_last = self.waiting.len() <= PART_BYTES;
        let pieces =
            if is_last { mem::take(&mut self.waiting) } else { self.waiting.take(PART_BYTES / PIECE_BYTES) };
        Ok(Part { pieces, is_last })
    }

    /// Length and digest of everything that has been seen.
    pub(crate) fn measured(&self) -> (u64, Sha256) {
        (self.seen_bytes, self.digest())
    }

    /// The digest of everything that has been seen.
    pub(crate) fn digest(&self) -> Sha256 {
        Sha256(self.hasher.clone().finalize().into())
    }

    /// What has not been read of the body, for whoever refused it half-way.
    #[must_use]
    pub fn into_rest(self) -> Body {
        self.body
    }

    fn take_in(&mut self, piece: &[u8]) -> Result<(), BodyError> {
        self.seen_bytes += piece.len() as u64;
        if self.seen_bytes > self.limit_bytes {
            return Err(BodyError::TooLarge { limit_bytes: self.limit_bytes });
        }
        self.hasher.update(piece);
        self.waiting.extend(piece);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    async fn parts(length: usize, piece: usize, limit: u64) -> Result<Vec<(usize, bool)>, BodyError> {
        let whole = vec![7_u8; length];
        let pieces: Vec<_> = whole.chunks(piece).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        let mut incoming = Incoming::new(Box::pin(stream::iter(pieces)), limit, None);
        let mut parts = Vec::new();
        loop {
            let part = incoming.next_part().await?;
            parts.push((part.pieces.len(), part.is_last));
            if part.is_last {
                assert_eq!(incoming.digest(), Sha256(Hasher::digest(&whole).into()));
                assert_eq!(incoming.measured().0, length as u64);
                return Ok(parts);
            }
        }
    }

    #[tokio::test]
    async fn a_body_is_cut_at_part_boundaries_whatever_its_pieces() {
        let limit = 100 << 20;
        assert_eq!(parts(0, 1, limit).await.unwrap(), [(0, true)]);
        assert_eq!(parts(PART_BYTES, 65_536, limit).await.unwrap(), [(PART_BYTES, true)]);
        assert_eq!(parts(PART_BYTES + 1, 65_536, limit).await.unwrap(), [(PART_BYTES, false), (1, true)]);
        let three = [(PART_BYTES, false), (PART_BYTES, false), (5, true)];
        assert_eq!(parts(2 * PART_BYTES + 5, 3 * PART_BYTES, limit).await.unwrap(), three);
    }

    #[tokio::test]
    async fn one_byte_over_the_limit_ends_it() {
        assert!(parts(10, 3, 10).await.is_ok());
        assert!(matches!(parts(11, 3, 10).await, Err(BodyError::TooLarge { limit_bytes: 10 })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_coming_is_cut_off() {
        let mut incoming = Incoming::new(Box::pin(stream::pending()), 10, None);
        assert!(matches!(incoming.next_part().await, Err(BodyError::CutOff(_))));
    }
}
