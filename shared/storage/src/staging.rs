//! Uploads that go straight to S3 (MSC3870): a URL to put them under, a look at what came, and the move to where media is
//! kept.
//!
//! The bytes pass through no function: the move is S3's own copy.

use std::{pin::pin, time::Duration};

use aws_sdk_s3::{
    error::ProvideErrorMetadata as _, operation::head_object::HeadObjectError, types::MetadataDirective,
};
use futures_util::StreamExt as _;
use media_core::{Mxc, Sha256, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256 as Hasher};

use crate::{
    Blobs, Error, Key,
    blobs::{LINKED_METADATA, MXC_METADATA},
};

/// What S3 says of an object whose uploader named no type.
const NO_TYPE: &str = "binary/octet-stream";

/// The objects that wait to be accepted.
const PREFIX: &str = "staging/";

/// An upload that lies in `staging/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// How many bytes.
    pub size_bytes: u64,
    /// The type as the uploader said it; `None` when none was said.
    pub content_type: Option<String>,
    key: String,
    /// What it was when it was looked at: whatever is put there later is another upload.
    etag: String,
}

impl Blobs {
    /// A URL under which anybody may PUT one object at `key` within `life`. Makes no call.
    ///
    /// It is as long-lived as whoever signs it: with a role's credentials it dies with them.
    pub async fn invite(&self, key: &Key, life: Duration) -> Result<String, Error> {
        self.presigner().sign_put(&key.to_string(), life).await
    }

    /// Looks at what was put at a staging key; `None` when nothing was.
    pub async fn look_at_staged(&self, key: &str) -> Result<Option<Staged>, Error> {
        let head = match self.client().head_object().bucket(self.bucket()).key(key).send().await {
            Ok(head) => head,
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => {
                return Ok(None);
            }
            Err(error) => return Err(Error::call("HeadObject", &error)),
        };
        Ok(Some(Staged {
            size_bytes: head.content_length().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
            content_type: head.content_type.filter(|said| said != NO_TYPE),
            key: key.to_owned(),
            etag: head.e_tag.unwrap_or_default(),
        }))
    }

    /// Copies what was looked at to where media is kept, as the bytes of `mxc`. `false`: it was replaced meanwhile, or is
    /// gone.
    pub async fn accept_staged(
        &self,
        staged: &Staged,
        key: &Key,
        mxc: &Mxc,
        content_type: &str,
    ) -> Result<bool, Error> {
        let source = format!("{}/{}", self.bucket(), staged.key);
        let copied = self
            .client()
            .copy_object()
            .bucket(self.bucket())
            .key(key.to_string())
            .copy_source(utf8_percent_encode(&source, NON_ALPHANUMERIC).to_string().replace("%2F", "/"))
            .copy_source_if_match(&staged.etag)
            .metadata_directive(MetadataDirective::Replace)
            .metadata(MXC_METADATA, mxc.to_string())
            .metadata(LINKED_METADATA, "true")
            .content_type(content_type)
            .send()
            .await;
        match copied {
            Ok(_) => Ok(true),
            Err(error) if error.code().is_some_and(is_other) => Ok(false),
            Err(error) => Err(Error::call("CopyObject", &error)),
        }
    }

    /// The digest of an object that did not pass through us; `None` when it is gone. Reads it whole, never holding more
    /// than a piece.
    pub async fn digest(&self, key: &str) -> Result<Option<Sha256>, Error> {
        let Some(object) = self.open(key).await? else { return Ok(None) };
        let mut hasher = Hasher::new();
        let mut bytes = pin!(object.into_stream());
        while let Some(piece) = bytes.next().await {
            hasher.update(&piece?);
        }
        Ok(Some(Sha256(hasher.finalize().into())))
    }

    /// Deletes what was put into `staging/` before `before` and never accepted; returns how many objects that were.
    ///
    /// In the cloud the bucket's lifecycle rule does it.
    pub async fn sweep_staging(&self, before: Timestamp) -> Result<usize, Error> {
        let mut pages =
            self.client().list_objects_v2().bucket(self.bucket()).prefix(PREFIX).into_paginator().send();
        let mut swept = 0;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Error::call("ListObjectsV2", &error))?;
            for object in page.contents() {
                let put_at = object.last_modified().and_then(|at| at.to_millis().ok());
                let is_old = put_at.and_then(|at| u64::try_from(at).ok()).is_some_and(|at| at < before.0);
                if let Some(key) = object.key().filter(|_| is_old) {
                    self.delete(key).await?;
                    swept += 1;
                }
            }
        }
        Ok(swept)
    }
}

/// The codes by which S3 says that the source is not, or no longer, what was asked for.
fn is_other(code: &str) -> bool {
    matches!(code, "PreconditionFailed" | "NoSuchKey")
}
