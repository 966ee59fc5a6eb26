//! The bytes in S3: put, open, present, delete.

use std::{ops::Range, sync::Arc, time::Duration};

use aws_sdk_s3::{
    Client,
    error::SdkError,
    operation::{get_object::GetObjectError, head_object::HeadObjectError},
    primitives::ByteStream,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, Object},
};
use bytes::Bytes;
use futures_util::{
    Stream, StreamExt as _, TryStreamExt as _,
    stream::{self, FuturesUnordered},
};
use media_core::{
    Mxc, Sha256,
    limits::{DELETIONS_IN_FLIGHT, MAX_PARTS, PART_BYTES, PARTS_IN_FLIGHT},
};

use crate::{
    Error, Key,
    incoming::{BodyError, Incoming, Part},
    pieces::Pieces,
    presign::{Presentation, Presigner, SignedUrl, Verb},
};

/// The object metadata that says whose bytes these are: how an arrival finds its record.
pub(crate) const MXC_METADATA: &str = "mxc";

/// The object metadata of what its record named before its digest was known, so that signed links may lead to it.
pub(crate) const LINKED_METADATA: &str = "linked";

/// What [`MAX_PARTS`] parts hold, whatever the operator's limit says.
const LONGEST_UPLOAD_BYTES: u64 = MAX_PARTS as u64 * PART_BYTES as u64;

/// The bucket with every object.
#[derive(Clone, Debug)]
pub struct Blobs {
    client: Client,
    bucket: String,
    presigner: Arc<Presigner>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// How many bytes.
    pub size_bytes: u64,
    /// Their digest, taken on the way.
    pub sha256: Sha256,
}

/// Why nothing was written. Nothing stays behind in either case.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The body did not come in whole.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// S3 did not take it.
    #[error(transparent)]
    Store(#[from] Error),
}

/// An object whose bytes can be read.
#[derive(Debug)]
pub struct Opened {
    /// Whose bytes they are; `None` for objects that carry no name, such as thumbnails.
    pub mxc: Option<Mxc>,
    /// How many there are.
    pub size_bytes: u64,
    key: String,
    body: ByteStream,
}

impl Blobs {
    pub(crate) fn new(client: Client, bucket: String, presigner: Arc<Presigner>) -> Self {
        Self { client, bucket, presigner }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Stores a body under a fresh key: one `PutObject` up to [`media_core::limits::PART_BYTES`], more as a multipart
    /// upload with [`PARTS_IN_FLIGHT`] parts on their way.
    ///
    /// Of a body that breaks off or grows too long nothing is left: a multipart upload is aborted, also when this
    /// future is dropped because the client went away.
    pub async fn put(
        &self,
        key: &Key,
        mxc: &Mxc,
        content_type: &str,
        body: &mut Incoming,
    ) -> Result<Written, PutError> {
        let first = body.next_part().await?;
        if first.is_last {
            self.put_object(&key.to_string(), Some(mxc), content_type, first.pieces).await?;
        } else {
            self.put_in_parts(key, mxc, content_type, first, body).await?;
        }
        let (size_bytes, sha256) = body.measured();
        Ok(Written { size_bytes, sha256 })
    }

    /// Stores a thumbnail. Writing it twice writes the same bytes.
    pub async fn put_thumbnail(&self, key: &str, content_type: &str, bytes: Bytes) -> Result<(), Error> {
        self.put_object(key, None, content_type, bytes.into()).await
    }

    /// Opens an object; `None` when there is none of this key.
    pub async fn open(&self, key: &str) -> Result<Option<Opened>, Error> {
        self.open_part(key, None).await
    }

    /// Opens a part of an object, from the first byte of `range` up to, not including, its end; the whole without one.
    /// The range must lie within the object. `None` when there is no object of this key.
    pub async fn open_part(&self, key: &str, range: Option<Range<u64>>) -> Result<Option<Opened>, Error> {
        let get = self.client.get_object().bucket(&self.bucket).key(key);
        let get = get.set_range(range.map(|Range { start, end }| format!("bytes={start}-{}", end - 1)));
        let object = match get.send().await {
            Ok(object) => object,
            Err(error) if is_no_such_key(&error) => return Ok(None),
            Err(error) => return Err(Error::call("GetObject", &error)),
        };
        let mxc = object.metadata().and_then(|metadata| metadata.get(MXC_METADATA)?.parse().ok());
        let size_bytes = object.content_length().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
        Ok(Some(Opened { mxc, size_bytes, key: key.to_owned(), body: object.body }))
    }

    /// Reads the key that signs links, where they lead to CloudFront: once per process, here or with the first link.
    pub async fn prepare_links(&self) -> Result<(), Error> {
        self.presigner.prepare().await
    }

    /// A URL under which anybody may read the object until it expires. Makes no call, but for the first to CloudFront.
    pub async fn present(&self, key: &str, verb: Verb, shown_as: Presentation) -> Result<SignedUrl, Error> {
        self.presigner.sign(key, verb, shown_as).await
    }

    pub(crate) fn presigner(&self) -> &Presigner {
        &self.presigner
    }

    /// A URL of S3 under which a reader of ours may GET an object until `life` is over, whoever is hidden from it.
    pub async fn lend(&self, key: &str, shown_as: &Presentation, life: Duration) -> Result<String, Error> {
        self.presigner().sign_loan(key, shown_as, life).await
    }

    /// Deletes an object; that there is none is as good.
    pub async fn delete(&self, key: impl ToString) -> Result<(), Error> {
        let delete = self.client.delete_object().bucket(&self.bucket).key(key.to_string());
        delete.send().await.map_err(|error| Error::call("DeleteObject", &error))?;
        Ok(())
    }

    /// How many bytes an object has; `None` when there is none of this key.
    pub async fn size_of(&self, key: &str) -> Result<Option<u64>, Error> {
        match self.client.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(head) => Ok(head.content_length().and_then(|bytes| u64::try_from(bytes).ok())),
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => Ok(None),
            Err(error) => Err(Error::call("HeadObject", &error)),
        }
    }

    /// Deletes every object whose key begins with `prefix`.
    pub(crate) async fn delete_all(&self, prefix: &str) -> Result<(), Error> {
        let listing = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let mut pages = listing.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Error::call("ListObjectsV2", &error))?;
            let keys = page.contents().iter().filter_map(Object::key);
            let deletions: Vec<_> = keys.map(|key| self.delete(key.to_owned())).collect();
            stream::iter(deletions).buffer_unordered(DELETIONS_IN_FLIGHT).try_collect::<()>().await?;
        }
        Ok(())
    }

    async fn put_object(
        &self,
        key: &str,
        mxc: Option<&Mxc>,
        content_type: &str,
        pieces: Pieces,
    ) -> Result<(), Error> {
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(content_type)
            .set_metadata(mxc.map(|mxc| [(MXC_METADATA.to_owned(), mxc.to_string())].into()))
            .checksum_crc32_c(pieces.crc32c())
            .body(pieces.into_body())
            .customize()
            .disable_payload_signing()
            .send()
            .await
            .map_err(|error| Error::call("PutObject", &error))?;
        Ok(())
    }

    async fn put_in_parts(
        &self,
        key: &Key,
        mxc: &Mxc,
        content_type: &str,
        first: Part,
        body: &mut Incoming,
    ) -> Result<(), PutError> {
        let upload = self.begin_upload(key, mxc, content_type).await?;
        match upload.send_parts(first, body).await {
            Ok(parts) => Ok(upload.complete(parts).await?),
            Err(error) => {
                upload.abort().await;
                Err(error)
            }
        }
    }

    async fn begin_upload(&self, key: &Key, mxc: &Mxc, content_type: &str) -> Result<Multipart, Error> {
        let created = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key.to_string())
            .content_type(content_type)
            .metadata(MXC_METADATA, mxc.to_string())
            .checksum_algorithm(ChecksumAlgorithm::Crc32C)
            .send()
            .await
            .map_err(|error| Error::call("CreateMultipartUpload", &error))?;
        let upload_id = created.upload_id.ok_or_else(|| Error::object(&key.to_string(), "no upload id"))?;
        Ok(Multipart { blobs: self.clone(), key: key.to_string(), upload_id, open: true })
    }
}

impl Opened {
    /// All bytes, if there are at most `limit_bytes`.
    pub async fn collect(self, limit_bytes: u64) -> Result<Bytes, Error> {
        if self.size_bytes > limit_bytes {
            return Err(Error::object(&self.key, format!("it is larger than {limit_bytes} bytes")));
        }
        let bytes = self.body.collect().await.map_err(|error| Error::call("GetObject", &error))?;
        Ok(bytes.into_bytes())
    }

    /// The bytes as they arrive.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send {
        stream::unfold(self.body, |mut body| async {
            let piece = body.next().await?;
            Some((piece.map_err(|error| Error::call("GetObject", &error)), body))
        })
    }
}

/// A multipart upload that is aborted unless it was completed.
struct Multipart {
    blobs: Blobs,
    key: String,
    upload_id: String,
    open: bool,
}

impl Multipart {
    /// Reads the next part while those before it are on their way.
    async fn send_parts(&self, first: Part, body: &mut Incoming) -> Result<Vec<CompletedPart>, PutError> {
        let mut is_read = first.is_last;
        let mut number = 1;
        let mut done = Vec::new();
        let mut under_way = FuturesUnordered::from_iter([self.send_part(number, first.pieces)]);
        loop {
            tokio::select! {
                part = body.next_part(), if !is_read && under_way.len() < PARTS_IN_FLIGHT => {
                    let part = part?;
                    is_read = part.is_last;
                    number += 1;
                    if number > MAX_PARTS {
                        return Err(BodyError::TooLarge { limit_bytes: LONGEST_UPLOAD_BYTES }.into());
                    }
                    under_way.push(self.send_part(number, part.pieces));
                }
                Some(sent) = under_way.next() => done.push(sent?),
                else => break,
            }
        }
        done.sort_by_key(CompletedPart::part_number);
        Ok(done)
    }

    async fn send_part(&self, number: i32, pieces: Pieces) -> Result<CompletedPart, PutError> {
        let crc32c = pieces.crc32c();
        let sent = self
            .blobs
            .client
            .upload_part()
            .bucket(&self.blobs.bucket)
            .key(&self.key)
            .upload_id(&self.upload_id)
            .part_number(number)
            .checksum_crc32_c(&crc32c)
            .body(pieces.into_body())
            .customize()
            .disable_payload_signing()
            .send()
            .await
            .map_err(|error| Error::call("UploadPart", &error))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag)
            .checksum_crc32_c(crc32c)
            .build())
    }

    async fn complete(mut self, parts: Vec<CompletedPart>) -> Result<(), Error> {
        let completed = self
            .blobs
            .client
            .complete_multipart_upload()
            .bucket(&self.blobs.bucket)
            .key(&self.key)
            .upload_id(&self.upload_id)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .send()
            .await;
        match completed {
            Ok(_) => {
                self.open = false;
                Ok(())
            }
            Err(error) => {
                let error = Error::call("CompleteMultipartUpload", &error);
                self.abort().await;
                Err(error)
            }
        }
    }

    async fn abort(mut self) {
        self.open = false;
        abort(self.blobs.clone(), self.key.clone(), self.upload_id.clone()).await;
    }
}

impl Drop for Multipart {
    /// The future that drove this upload was dropped: the client went away.
    fn drop(&mut self) {
        if self.open
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(abort(self.blobs.clone(), self.key.clone(), self.upload_id.clone()));
        }
    }
}

pub(crate) fn is_no_such_key(error: &SdkError<GetObjectError>) -> bool {
    error.as_service_error().is_some_and(GetObjectError::is_no_such_key)
}

/// What this misses, the bucket's lifecycle rule sweeps after a day.
async fn abort(blobs: Blobs, key: String, upload_id: String) {
    let abort = blobs.client.abort_multipart_upload().bucket(&blobs.bucket).key(&key).upload_id(&upload_id);
    if let Err(error) = abort.send().await {
        let error = Error::call("AbortMultipartUpload", &error);
        tracing::warn!(object.key = %key, %error, "A multipart upload could not be aborted");
    }
}
