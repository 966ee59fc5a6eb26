//! The beginning of an object, for whoever decides by it whether the rest is worth reading.

use aws_sdk_s3::{
    error::{ProvideErrorMetadata as _, SdkError},
    operation::get_object::{GetObjectError, GetObjectOutput},
};
use bytes::{Bytes, BytesMut};
use media_core::Mxc;

use crate::{
    Blobs, Error,
    blobs::{LINKED_METADATA, MXC_METADATA, is_no_such_key},
};

/// How much of an object is a beginning: more than any kind of file needs to be told by, and all of a small picture.
const HEAD_BYTES: usize = 64 * 1024;

/// An object of which the beginning was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peeked {
    /// Whose bytes they are; `None` for objects that carry no name, such as thumbnails.
    pub mxc: Option<Mxc>,
    /// Whether signed links may lead to it though its record names another object by now.
    pub may_be_linked: bool,
    /// How many there are in all.
    pub size_bytes: u64,
    /// The first 64 KiB of them.
    pub head: Bytes,
    key: String,
}

impl Blobs {
    /// Reads the beginning of an object; `None` when there is none of this key.
    pub async fn peek(&self, key: &str) -> Result<Option<Peeked>, Error> {
        let range = format!("bytes=0-{}", HEAD_BYTES - 1);
        let object = match self.get_range(key, &range).await {
            Ok(object) => object,
            Err(error) if is_no_such_key(&error) => return Ok(None),
            // Of nothing there is no beginning (RFC 9110, section 14.1.2).
            Err(error) if error.code() == Some("InvalidRange") => return self.peek_at_nothing(key).await,
            Err(error) => return Err(Error::call("GetObject", &error)),
        };
        let mxc = object.metadata().and_then(|metadata| metadata.get(MXC_METADATA)?.parse().ok());
        let may_be_linked = object.metadata().is_some_and(|metadata| metadata.contains_key(LINKED_METADATA));
        // `bytes 0-65535/1048576`
        let whole = object.content_range().and_then(|range| range.rsplit('/').next()?.parse().ok());
        let head = read(object).await?;
        let size_bytes = whole.unwrap_or(head.len() as u64);
        Ok(Some(Peeked { mxc, may_be_linked, size_bytes, head, key: key.to_owned() }))
    }

    /// All bytes of an object whose beginning is here already; `None` when it is gone.
    ///
    /// # Errors
    /// Also when there are more than `limit_bytes`.
    pub async fn whole(&self, peeked: Peeked, limit_bytes: u64) -> Result<Option<Bytes>, Error> {
        let Peeked { size_bytes, head, key, .. } = peeked;
        if size_bytes > limit_bytes {
            return Err(Error::object(&key, format!("it is larger than {limit_bytes} bytes")));
        }
        if head.len() as u64 == size_bytes {
            return Ok(Some(head));
        }
        let rest = match self.get_range(&key, &format!("bytes={}-", head.len())).await {
            Ok(object) => read(object).await?,
            Err(error) if is_no_such_key(&error) => return Ok(None),
            Err(error) => return Err(Error::call("GetObject", &error)),
        };
        let mut whole = BytesMut::with_capacity(head.len() + rest.len());
        whole.extend_from_slice(&head);
        whole.extend_from_slice(&rest);
        Ok(Some(whole.freeze()))
    }

    async fn get_range(&self, key: &str, range: &str) -> Result<GetObjectOutput, SdkError<GetObjectError>> {
        self.client().get_object().bucket(self.bucket()).key(key).range(range).send().await
    }

    async fn peek_at_nothing(&self, key: &str) -> Result<Option<Peeked>, Error> {
        let Some(object) = self.open(key).await? else { return Ok(None) };
        Ok(Some(Peeked {
            mxc: object.mxc,
            // Nothing is spared with it, and nothing is lost when it stays until it is swept.
            may_be_linked: true,
            size_bytes: object.size_bytes,
            head: Bytes::new(),
            key: key.to_owned(),
        }))
    }
}

async fn read(object: GetObjectOutput) -> Result<Bytes, Error> {
    let read = object.body.collect().await.map_err(|error| Error::call("GetObject", &error))?;
    Ok(read.into_bytes())
}
