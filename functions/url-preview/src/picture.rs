//! The picture of a preview: fetched under a limit of its own, looked at, and kept as media of ours.
//!
//! Such pictures have a life of their own: nobody uploaded them, and nobody misses them once their preview is forgotten.
//! What sweeps them has to look at records whose object stands under [`storage::keys`]'s `previews/` and that are not
//! protected, and to delete those whose `last_access` is more than [`PREVIEW_PICTURE_DAYS`] days ago: record, reference and object,
//! in the order of every deletion, thumbnails with them. The day is that of the latest of: the picture was fetched, a
//! preview made anew was given it again (here), somebody looked at it (as for all media). Nothing else refers to them but
//! entries of the table of what may be forgotten, which never live longer than that ([`PICTURE_LIFE`], and
//! [`crate::kept`]'s versions).

use std::time::Duration;

use data_url::DataUrl;
use futures_util::stream;
use http::HeaderValue;
use matrix::{Error, Result};
use media_core::{Content, Mxc, Record, State, limits::PREVIEW_PICTURE_DAYS, record};
use outbound::pages::{Body, Page, Role, Wish};
use runtime::scanning::{Shown, Subject};
use serde::{Deserialize, Serialize};
use storage::{BodyError, Incoming, Key, Outcome, Written, ephemeral::Expiring};
use tokio::time::Instant;
use url::Url;

use crate::{
    Previews, digest,
    making::{Failure, PICTURE_TIME, failure},
    page::{Candidates, Picture},
};

/// The largest picture fetched for a preview, in bytes; less where the operator's limit for thumbnails is less.
const PICTURE_BYTES: usize = 10 * 1024 * 1024;

/// How long the picture behind a link is taken for the one that was fetched before.
const PICTURE_LIFE: Duration = Duration::from_hours(24);

// It is swept no sooner than it is forgotten.
const _: () = assert!(PICTURE_LIFE.as_secs() < PREVIEW_PICTURE_DAYS * 24 * 3600);

/// Pictures that are tried before the icon is.
const MAX_TRIES: usize = 3;

/// A picture this wide or high, or less, is shown with no page: a dot that counts readers, or holds a place (Synapse's
/// number).
const DOT_PIXELS: u32 = 10;

const ACCEPT: &str = "image/webp, image/png, image/jpeg, image/gif, image/*;q=0.5";

/// A picture that is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pictured {
    /// Its name.
    pub(crate) mxc: String,
    /// What its bytes are, whatever was said of them.
    pub(crate) content_type: String,
    /// How many there are.
    pub(crate) size_bytes: u64,
    /// Pixels across, as seen.
    pub(crate) width: u32,
    /// Pixels down, as seen.
    pub(crate) height: u32,
}

/// A page's picture that is looked for.
pub(crate) struct Searching<'a> {
    previews: &'a Previews,
    languages: &'a HeaderValue,
    deadline: Instant,
    /// What others sent so far.
    pub(crate) bytes: u64,
}

impl<'a> Searching<'a> {
    pub(crate) fn new(previews: &'a Previews, languages: &'a HeaderValue) -> Self {
        Self { previews, languages, deadline: Instant::now() + PICTURE_TIME, bytes: 0 }
    }

    /// The first of the candidates that can be had. Whatever goes wrong, the page has a preview without it.
    pub(crate) async fn first_of(&mut self, candidates: Candidates) -> Option<Pictured> {
        let Candidates { said, seen, icon } = candidates;
        let pictures = said.into_iter().chain(seen).take(MAX_TRIES).chain(icon.into_iter().take(1));
        for picture in pictures {
            let found = match picture {
                Picture::At(url) => self.bring(url).await,
                Picture::Inline(data) => self.previews.take_inline(&data).await,
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }

    async fn bring(&mut self, url: Url) -> Option<Pictured> {
        let key = digest('I', [url.as_str().as_bytes()]);
        if let Some(known) = self.previews.known(&key).await {
            return Some(known);
        }
        let within = self.deadline.saturating_duration_since(Instant::now());
        let wish = Wish { role: Role::Part, accept: ACCEPT, languages: self.languages, within };
        let opened = self.previews.deps.pages.get(url, wish).await;
        let opened = opened.map_err(|error| failure(&error)).ok()?;
        let found = self.previews.take_picture(opened).await.ok()??;
        self.bytes += found.size_bytes;
        self.previews.remember(&key, &found).await;
        Some(found)
    }
}

impl Previews {
    /// The picture that was fetched from the same link before, if it is still here.
    ///
    /// A table that does not answer costs a fetch, no preview.
    async fn known(&self, key: &str) -> Option<Pictured> {
        let store = &self.deps.store;
        let known = store.ephemeral.get::<Pictured>(key).await.ok()??.value;
        let mxc = known.mxc.parse().ok()?;
        let record = store.records.get(&mxc).await.ok()??;
        let now = self.deps.clock.now();
        if record.content().is_none() || record.quarantined_by.is_some() {
            return None;
        }
        if record.last_access < Some(now.day()) {
            // Before it is given out: what was not noted could be swept under its preview.
            match store.records.touch(&mxc, now).await {
                Ok(Outcome::Won(()) | Outcome::Lost(Some(_))) => {}
                Ok(Outcome::Lost(None)) | Err(_) => return None,
            }
        }
        Some(known)
    }

    async fn remember(&self, key: &str, found: &Pictured) {
        let entry = Expiring { value: found, expires_at: self.deps.clock.now() + PICTURE_LIFE };
        if let Err(error) = self.deps.store.ephemeral.put(key, &entry).await {
            tracing::info!(%error, "A preview's picture will be fetched again");
        }
    }

    /// A picture that stands in its link.
    async fn take_inline(&self, data: &str) -> Option<Pictured> {
        let (bytes, _) = DataUrl::process(data).ok()?.decode_to_vec().ok()?;
        self.take(bytes).await
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
        if is_whole { Ok(self.take(bytes).await) } else { Err(Failure::TooLarge) }
    }

    async fn take(&self, bytes: Vec<u8>) -> Option<Pictured> {
        let imaging::Measured { width, height, moves } = imaging::measure(&bytes).ok()?;
        if width.min(height) <= DOT_PIXELS {
            return None;
        }
        let content_type = imaging::content_type(&bytes)?;
        match self.store(bytes, content_type, record::Picture::Measured { width, height, moves }).await {
            Ok((mxc, size_bytes)) => {
                let (mxc, content_type) = (mxc.to_string(), content_type.to_owned());
                Some(Pictured { mxc, content_type, size_bytes, width, height })
            }
            // Ours, and worth the operator's look; the preview goes without.
            Err(error) => {
                tracing::error!(%error, "A preview's picture could not be kept");
                None
            }
        }
    }

    /// How large a picture may be, in bytes.
    pub(crate) fn picture_bytes(&self) -> usize {
        usize::try_from(self.deps.limits.image_bytes).unwrap_or(usize::MAX).min(PICTURE_BYTES)
    }

    /// A picture that may not be shown at once is deleted: the preview does without.
    async fn scan(&self, mxc: &Mxc, key: &Key, content_type: &str, written: &Written) -> Result<()> {
        let object_key = key.to_string();
        let subject = Subject {
            mxc,
            object_key: &object_key,
            size_bytes: written.size_bytes,
            content_type,
            sha256: Some(&written.sha256),
            uploader: None,
        };
        if self.deps.scanner.scan(&subject).await == Shown::Yes {
            return Ok(());
        }
        self.deps.store.blobs.delete(&object_key).await?;
        Err(Error::fault("the scanner does not want it shown"))
    }

    /// Object, reference, record, as every upload. Nobody uploaded it, and it has no name of its own. It was looked at
    /// here, so that `ingest` need not: its thumbnails are made when somebody wants one.
    async fn store(
        &self,
        bytes: Vec<u8>,
        content_type: &str,
        picture: record::Picture,
    ) -> Result<(Mxc, u64)> {
        let deps = &self.deps;
        let (mxc, key) = (Mxc::new_on(&deps.server_name), Key::new_preview());
        let announced = bytes.len() as u64;
        let body = stream::iter([Ok::<_, BodyError>(bytes.into())]);
        let mut incoming = Incoming::new(Box::pin(body), announced, Some(announced));
        let written = deps.store.blobs.put(&key, &mxc, content_type, &mut incoming).await;
        let written = written.map_err(Error::fault)?;
        self.scan(&mxc, &key, content_type, &written).await?;
        deps.store.records.add_reference(&written.sha256, &mxc, &key.to_string()).await?;
        let now = deps.clock.now();
        let record = Record {
            mxc: mxc.clone(),
            state: State::Stored(Content {
                object_key: key.to_string(),
                brought_as: key.to_string(),
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
