//! A body on its way in: hashed and written while it comes, kept only if it is what the client said it would be.

use std::mem;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::StatusCode;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, S3Result, StdError, TrailingHeaders, s3_error};
use tokio::task::JoinHandle;

use super::BYTES_PER_REQUEST;
use crate::checksums::{Hasher, Stored, Wanted};
use crate::error::Error;
use crate::options::ETags;
use crate::store::{Blobs, Draft, Store, off_thread};

/// Bytes gathered before they are handed to a thread that may block. A body in flight holds at most two such
/// lots: the one being written and the one being gathered.
const LOT_BYTES: usize = 256 * 1024;

/// What the client says of its body; what of it is wrong makes the request fail.
#[derive(Default)]
pub(crate) struct Expected {
    pub(crate) md5: Option<[u8; 16]>,
    pub(crate) checksum: Wanted,
    /// Where the checksum will be once the body has been read, if not in `checksum`.
    pub(crate) trailers: Option<TrailingHeaders>,
}

impl Expected {
    /// `Content-MD5` is sixteen bytes in Base64.
    pub(crate) fn md5_from(header: Option<&str>) -> S3Result<Option<[u8; 16]>> {
        let Some(header) = header else { return Ok(None) };
        let digest = BASE64.decode(header).ok().and_then(|digest| digest.try_into().ok());
        digest
            .map(Some)
            .ok_or_else(|| s3_error!(InvalidDigest, "The Content-MD5 you specified was an invalid digest"))
    }

    fn checksum_value(&self) -> Option<String> {
        let algorithm = self.checksum.algorithm?;
        let trailing = || {
            self.trailers.as_ref()?.read(|trailers| {
                trailers.get(algorithm.header()).and_then(|value| value.to_str().ok()).map(str::to_owned)
            })?
        };
        self.checksum.value.clone().or_else(trailing)
    }

    fn verify(&self, md5: Option<[u8; 16]>, checksum: Option<&Stored>) -> Result<(), Error> {
        if self.md5.is_some() && self.md5 != md5 {
            return Err(Error::BadDigest("Content-MD5"));
        }
        match (self.checksum_value(), checksum) {
            (Some(expected), Some(checksum)) if expected != checksum.value => {
                Err(Error::BadDigest(checksum.algorithm.name()))
            }
            _ => Ok(()),
        }
    }
}

/// A body that has arrived whole and lies in a draft, synced.
pub(crate) struct Landed {
    /// `None` for an empty body.
    pub(crate) draft: Option<Draft>,
    pub(crate) size_bytes: u64,
    pub(crate) etag: String,
    pub(crate) checksum: Option<Stored>,
}

/// Takes a body in.
pub(crate) async fn land(store: &Store, body: Option<StreamingBlob>, expected: Expected) -> S3Result<Landed> {
    let mut writer = Writer::Idle(Box::new(Arriving::new(store, &expected)));
    let mut lot = Vec::new();
    let (mut lot_bytes, mut all_bytes) = (0, 0);
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| broken_body(&error))?;
            lot_bytes += chunk.len();
            all_bytes += chunk.len() as u64;
            if all_bytes > BYTES_PER_REQUEST {
                return Err(s3_error!(
                    EntityTooLarge,
                    "Your proposed upload exceeds the maximum allowed object size"
                ));
            }
            lot.push(chunk);
            if lot_bytes >= LOT_BYTES {
                writer = writer.write(mem::take(&mut lot)).await?;
                lot_bytes = 0;
            }
        }
    }
    let mut arriving = writer.idle().await?;
    let landed = off_thread(move || {
        arriving.append(&lot)?;
        arriving.finish(&expected)
    });
    Ok(landed.await?)
}

/// Hashes and writes, one lot at a time.
pub(crate) struct Arriving {
    blobs: Arc<Blobs>,
    draft: Option<Draft>,
    size_bytes: u64,
    md5: Option<Md5>,
    checksum: Option<Hasher>,
}

impl Arriving {
    pub(crate) fn new(store: &Store, expected: &Expected) -> Self {
        let needs_md5 = store.options.etags == ETags::Md5 || expected.md5.is_some();
        Self {
            blobs: Arc::clone(&store.blobs),
            draft: None,
            size_bytes: 0,
            md5: needs_md5.then(Md5::new),
            checksum: expected.checksum.algorithm.map(Hasher::new),
        }
    }

    pub(crate) fn append(&mut self, chunks: &[Bytes]) -> Result<(), Error> {
        for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
            if let Some(md5) = &mut self.md5 {
                md5.update(chunk);
            }
            if let Some(checksum) = &mut self.checksum {
                checksum.update(chunk);
            }
            let draft = match &mut self.draft {
                Some(draft) => draft,
                none => none.insert(self.blobs.draft()?),
            };
            draft.append(chunk)?;
            self.size_bytes += chunk.len() as u64;
        }
        Ok(())
    }

    /// Verifies first: what is not what it should be needs no sync.
    pub(crate) fn finish(mut self, expected: &Expected) -> Result<Landed, Error> {
        let md5 = self.md5.map(Md5::finalize);
        let checksum = self.checksum.map(Hasher::finish);
        expected.verify(md5, checksum.as_ref())?;
        if let Some(draft) = &mut self.draft {
            draft.finish()?;
        }
        let etag = hex::encode(md5.unwrap_or_else(rand::random));
        Ok(Landed { draft: self.draft, size_bytes: self.size_bytes, etag, checksum })
    }
}

/// Writes one lot while the next is gathered.
enum Writer {
    Idle(Box<Arriving>),
    Busy(JoinHandle<Result<Box<Arriving>, Error>>),
}

impl Writer {
    async fn write(self, lot: Vec<Bytes>) -> Result<Self, Error> {
        let mut arriving = self.idle().await?;
        Ok(Self::Busy(tokio::task::spawn_blocking(move || {
            arriving.append(&lot)?;
            Ok(arriving)
        })))
    }

    async fn idle(self) -> Result<Box<Arriving>, Error> {
        match self {
            Self::Idle(arriving) => Ok(arriving),
            Self::Busy(writing) => writing.await.map_err(|_| Error::Closed)?,
        }
    }
}

/// Why a body could not be read to its end. The protocol crate keeps its error types to itself, so their words
/// have to do; its version is pinned.
fn broken_body(error: &StdError) -> S3Error {
    let words = error.to_string();
    if words.contains("Sha256Mismatch") {
        let mut refusal = S3Error::with_message(
            S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into()),
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        );
        refusal.set_status_code(StatusCode::BAD_REQUEST);
        return refusal;
    }
    if words.contains("SignatureMismatch") {
        return s3_error!(
            SignatureDoesNotMatch,
            "The signature of a chunk does not match the one that was computed"
        );
    }
    s3_error!(
        IncompleteBody,
        "You did not provide the number of bytes specified by the Content-Length HTTP header"
    )
}
