//! An object's bytes on their way out: read a lot ahead, off the asynchronous threads, never all at once.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::pin::Pin as StdPin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{FutureExt as _, Stream};
use s3s::StdError;
use s3s::dto::StreamingBlob;
use s3s::stream::{ByteStream, RemainingLength};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::error::Error;
use crate::ranges::Window;
use crate::store::{Blobs, Broom, Extents, Pin};

/// Bytes read at a time. A body on its way out holds at most two such lots.
pub(crate) const LOT_BYTES: u64 = 256 * 1024;

/// Reads a window of an object, blob by blob.
pub(crate) struct Reading {
    blobs: Arc<Blobs>,
    pieces: VecDeque<crate::store::Piece>,
    open: Option<(File, u64)>,
    left_bytes: u64,
    /// Keeps every blob until the last byte has been read.
    _pin: Option<Pin>,
}

impl Reading {
    /// Opens the first blob. `None`: the object is being deleted, so the rows have something newer to say.
    pub(crate) fn start(
        blobs: &Arc<Blobs>,
        broom: &Broom,
        extents: &Extents,
        window: Window,
    ) -> Result<Option<Self>, Error> {
        let pin = match extents.first() {
            None => None,
            Some(first) => match broom.pin(first) {
                None => return Ok(None),
                pin => pin,
            },
        };
        let mut reading = Self {
            blobs: Arc::clone(blobs),
            pieces: extents.pieces(window.start, window.end).into(),
            open: None,
            left_bytes: window.length(),
            _pin: pin,
        };
        match reading.open_next() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(Some(reading)),
        }
    }

    pub(crate) fn left_bytes(&self) -> u64 {
        self.left_bytes
    }

    /// The next bytes, at most `limit`; none when all have been read.
    pub(crate) fn next(&mut self, limit: u64) -> io::Result<Bytes> {
        if self.open.is_none() {
            self.open_next()?;
        }
        let Some((file, left)) = &mut self.open else {
            return Ok(Bytes::new());
        };
        let wanted = limit.min(*left);
        let mut lot = Vec::with_capacity(usize::try_from(wanted).unwrap_or_default());
        let got = file.take(wanted).read_to_end(&mut lot)? as u64;
        if got < wanted {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        *left -= got;
        self.left_bytes -= got;
        if *left == 0 {
            self.open = None;
        }
        Ok(lot.into())
    }

    fn open_next(&mut self) -> io::Result<()> {
        if let Some(piece) = self.pieces.pop_front() {
            let mut file = self.blobs.open_blob(piece.blob)?;
            if piece.offset > 0 {
                file.seek(SeekFrom::Start(piece.offset))?;
            }
            self.open = Some((file, piece.length));
        }
        Ok(())
    }
}

/// The body of an answer: the bytes at hand if they are few, a stream of them otherwise.
pub(crate) fn body(mut reading: Reading) -> Result<StreamingBlob, Error> {
    let all = reading.left_bytes();
    if all <= LOT_BYTES && reading.pieces.is_empty() {
        return Ok(StreamingBlob::new(s3s::Body::from(reading.next(all)?)));
    }
    let left_bytes = usize::try_from(all).unwrap_or(usize::MAX);
    Ok(StreamingBlob::new(Leaving { left_bytes, next: Some(read_on(reading)) }))
}

struct Leaving {
    left_bytes: usize,
    next: Option<JoinHandle<(Reading, io::Result<Bytes>)>>,
}

impl Stream for Leaving {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: StdPin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(next) = &mut self.next else {
            return Poll::Ready(None);
        };
        let (reading, lot) = match ready!(next.poll_unpin(context)) {
            Ok(read) => read,
            Err(stopped) => return self.end_with(stopped.into()),
        };
        let lot = match lot {
            Ok(lot) => lot,
            Err(error) => return self.end_with(error.into()),
        };
        self.left_bytes = self.left_bytes.saturating_sub(lot.len());
        self.next = if reading.left_bytes() > 0 { Some(read_on(reading)) } else { None };
        Poll::Ready(Some(Ok(lot)))
    }
}

impl Leaving {
    fn end_with(&mut self, error: StdError) -> Poll<Option<Result<Bytes, StdError>>> {
        self.next = None;
        Poll::Ready(Some(Err(error)))
    }
}

impl ByteStream for Leaving {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::new_exact(self.left_bytes)
    }
}

fn read_on(mut reading: Reading) -> JoinHandle<(Reading, io::Result<Bytes>)> {
    spawn_blocking(move || {
        let lot = reading.next(LOT_BYTES);
        (reading, lot)
    })
}
