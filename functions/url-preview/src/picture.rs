//! The picture of a preview: fetched under a limit of its own, looked at, and kept as media of ours.

use futures_util::stream;
use http::HeaderValue;
use matrix::{Error, Result};
use media_core::{Content, Mxc, Record, State, record::Picture};
use outbound::pages::{Body, Page};
use storage::{BodyError, Incoming, Key, Outcome};
use url::Url;

use crate::{
    Previews,
    making::{Failure, PICTURE_TIME, failure},
};

/// The largest picture fetched for a preview, in bytes; less where the operator's limit for thumbnails is less.
const PICTURE_BYTES: usize = 10 * 1024 * 1024;

const ACCEPT: &str = "image/webp, image/png, image/jpeg, image/gif, image/*;q=0.5";

/// A picture that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pictured {
    /// Its name.
    pub(crate) mxc: Mxc,
    /// What its bytes are, whatever was said of them.
    pub(crate) content_type: &'static str,
    /// How many there are.
    pub(crate) size_bytes: u64,
    /// Pixels across, as seen.
    pub(crate) width: u32,
    /// Pixels down, as seen.
    pub(crate) height: u32,
}

impl Previews {
    /// Brings a page's picture home. Whatever goes wrong, the page has a preview without it.
    pub(crate) async fn bring_picture(&self, url: Url, languages: &HeaderValue) -> Option<Pictured> {
        match self.deps.pages.get(url, ACCEPT, languages, PICTURE_TIME).await {
            Ok(opened) => self.take_picture(opened).await.ok().flatten(),
            Err(error) => {
                tracing::info!(%error, "A preview's picture cannot be had");
                None
            }
        }
    }

    /// Reads a picture and keeps it; `None` when it is none of a kind that thumbnails are made of, or cannot be kept.
    ///
    /// # Errors
    /// It is too large, or breaks off.
    pub(crate) async fn take_picture(&self, opened: Page) -> Result<Option<Pictured>, Failure> {
        let max_bytes = self.picture_bytes();
        if opened.size_hint.is_some_and(|bytes| bytes > max_bytes as u64) {
            return Err(Failure::TooLarge);
        }
        let Body { bytes, is_whole } = opened.read(max_bytes).await.map_err(|error| failure(&error))?;
        if !is_whole {
            return Err(Failure::TooLarge);
        }
        let Ok(measured) = imaging::measure(&bytes) else { return Ok(None) };
        let Some(content_type) = imaging::content_type(&bytes) else { return Ok(None) };
        let imaging::Measured { width, height, moves } = measured;
        match self.store(bytes, content_type, Picture::Measured { width, height, moves }).await {
            Ok((mxc, size_bytes)) => Ok(Some(Pictured { mxc, content_type, size_bytes, width, height })),
            // Ours, and worth the operator's look; the preview goes without.
            Err(error) => {
                tracing::error!(%error, "A preview's picture could not be kept");
                Ok(None)
            }
        }
    }

    /// How large a picture may be, in bytes.
    pub(crate) fn picture_bytes(&self) -> usize {
        usize::try_from(self.deps.limits.image_bytes).unwrap_or(usize::MAX).min(PICTURE_BYTES)
    }

    /// Object, reference, record, as every upload. Nobody uploaded it, and it has no name of its own. It was looked at
    /// here, so that `ingest` need not: its thumbnails are made when somebody wants one.
    async fn store(&self, bytes: Vec<u8>, content_type: &str, picture: Picture) -> Result<(Mxc, u64)> {
        let deps = &self.deps;
        let (mxc, key) = (Mxc::new_on(&deps.server_name), Key::new_preview());
        let announced = bytes.len() as u64;
        let body = stream::iter([Ok::<_, BodyError>(bytes.into())]);
        let mut incoming = Incoming::new(Box::pin(body), announced, Some(announced));
        let written = deps.store.blobs.put(&key, &mxc, content_type, &mut incoming).await;
        let written = written.map_err(Error::fault)?;
        deps.store.records.add_reference(&written.sha256, &mxc).await?;
        let now = deps.clock.now();
        let record = Record {
            mxc: mxc.clone(),
            state: State::Stored(Content {
                object_key: key.to_string(),
                content_type: content_type.to_owned(),
                size_bytes: written.size_bytes,
                sha256: Some(written.sha256),
                upload_name: None,
            }),
            created_at: now,
            uploader: None,
            authenticated: deps.legacy.is_frozen(now),
            quarantined_by: None,
            protected: false,
            last_access: Some(now.day()),
            picture: Some(picture),
        };
        match deps.store.records.reserve(&record).await? {
            Outcome::Won(()) => Ok((mxc, written.size_bytes)),
            // 144 random bits met themselves: that is a broken source of chance, not a race.
            Outcome::Lost(_) => Err(Error::fault("a random media id was taken already")),
        }
    }
}
