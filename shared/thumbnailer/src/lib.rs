//! Makes thumbnails and keeps them, for whoever serves pictures and for whoever prepares them.
//!
//! `imaging` knows pixels and `storage` knows where things are kept; neither knows the other, and functions that only
//! redirect need neither codecs nor this crate.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use imaging::Unthumbnailable;
use media_core::{
    Content, Limits, Mxc, Record, Refusal,
    access::Origin,
    limits::{INLINE_THUMBNAIL_BYTES, MAX_STORED_THUMBNAILS},
    record::Picture,
    thumbnail::{Body, Choice, Shape, Thumbnail, choose, usual},
};
use storage::{
    Blobs, Error, Key, MediaAndThumbnails, Outcome, Records, Store, keys::thumbnail_tag, peek::Peeked,
};
use telemetry::Metric;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// When a reader who found no free slot may come back.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// Makes thumbnails on blocking threads, a bounded number at a time.
#[derive(Clone, Debug)]
pub struct Thumbnailer {
    blobs: Blobs,
    records: Records,
    limits: Arc<Limits>,
    slots: Arc<Semaphore>,
}

/// What is known of a source before it is read.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// What it turned out to be, if anybody looked.
    pub picture: Option<Picture>,
    /// The thumbnails that are there.
    pub thumbnails: Vec<Thumbnail>,
}

impl Found {
    /// The record, and what it and its neighbours say of the picture.
    #[must_use]
    pub fn of(found: Option<MediaAndThumbnails>) -> (Option<Record>, Self) {
        match found {
            Some(MediaAndThumbnails { record, thumbnails }) => {
                let picture = record.picture;
                (Some(record), Self { picture, thumbnails })
            }
            None => (None, Self::default()),
        }
    }
}

/// What became of a source.
enum Made {
    Pictures(Vec<imaging::Picture>),
    Unthumbnailable(Unthumbnailable),
}

/// What an arrival's bytes turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// Pixels, and that many new thumbnails were recorded.
    Picture(usize),
    /// It is here already, and that many thumbnails serve this media as well.
    Borrowed(usize),
    /// Nothing to make a thumbnail of; noted in the record, so that nobody tries again.
    Unsupported,
    /// The object is gone: it was deleted meanwhile.
    Gone,
}

impl Thumbnailer {
    /// A thumbnailer that shares `slots` with all others of its process: one for each picture that may be decoded at the
    /// same time.
    #[must_use]
    pub fn new(store: &Store, limits: Arc<Limits>, slots: Arc<Semaphore>) -> Self {
        Self { blobs: store.blobs.clone(), records: store.records.clone(), limits, slots }
    }

    /// The thumbnail that answers: one of those that are there, or one made now, recorded and returned.
    ///
    /// # Errors
    /// The inner error is for the caller of the endpoint: nothing can be made of this media.
    pub async fn get_or_make(
        &self,
        mxc: &Mxc,
        content: &Content,
        found: &Found,
        wanted: Shape,
        origin: Origin,
    ) -> Result<Result<Ready, Refusal>, Error> {
        if let Err(reason) = self.admit(content, found.picture) {
            return Ok(Err(refusal(reason, origin)));
        }
        let shape = match choose(wanted, found.picture, &found.thumbnails) {
            Choice::Stored(thumbnail) => {
                telemetry::count(Metric::ThumbnailHits, 1);
                return Ok(Ok(Ready::new(content, thumbnail.clone(), None)));
            }
            Choice::Make(shape) => shape,
        };
        telemetry::count(Metric::ThumbnailMisses, 1);
        // Before the source is read: whoever waits must not hold a whole file meanwhile.
        let Ok(slot) = timeout(self.limits.thumbnail_time, self.slot()).await else {
            return Ok(Err(Refusal::LimitExceeded { retry_after: BUSY_RETRY }));
        };
        let Some(source) = self.blobs.open(&content.object_key).await? else {
            return Ok(Err(Refusal::NotFound));
        };
        let source = source.collect(self.limits.image_bytes).await?;
        match self.make(slot, source, vec![shape]).await? {
            Made::Unthumbnailable(reason) => {
                // Whoever asks next need not try. What takes long when it moves may be quick when it stands still.
                if found.picture.is_none() && !shape.animated {
                    self.note(mxc, content, reason).await?;
                }
                Ok(Err(refusal(reason, origin)))
            }
            Made::Pictures(pictures) => match pictures.into_iter().next() {
                Some(picture) => Ok(Ok(self.keep(mxc, content, found.thumbnails.len(), picture).await?)),
                None => Ok(Err(Refusal::NotThumbnailable)),
            },
        }
    }

    /// Says no without a look at the bytes, where what is known is enough.
    fn admit(&self, content: &Content, picture: Option<Picture>) -> Result<(), Unthumbnailable> {
        match picture {
            Some(Picture::Unsupported) => Err(Unthumbnailable::NotAPicture),
            Some(Picture::Exhausting) => Err(Unthumbnailable::OutOfTime),
            Some(Picture::Measured { width, height, .. })
                if u64::from(width) * u64::from(height) >= self.limits.image_pixels =>
            {
                Err(Unthumbnailable::TooManyPixels)
            }
            _ if content.size_bytes > self.limits.image_bytes => Err(Unthumbnailable::TooManyBytes),
            _ => Ok(()),
        }
    }

    /// Records that nothing can be made of a source, where that does not depend on the operator's limits.
    async fn note(&self, mxc: &Mxc, content: &Content, reason: Unthumbnailable) -> Result<bool, Error> {
        let picture = match reason {
            Unthumbnailable::NotAPicture | Unthumbnailable::Broken => Picture::Unsupported,
            Unthumbnailable::TooMuchMemory | Unthumbnailable::OutOfTime => Picture::Exhausting,
            Unthumbnailable::TooManyPixels | Unthumbnailable::TooManyBytes => return Ok(true),
        };
        tracing::info!(media.origin = %mxc.origin, ?reason, "No thumbnails can be made");
        Ok(self.records.note_picture(mxc, &content.object_key, picture).await?.is_won())
    }

    /// Makes the usual thumbnails that are not among `known`, and notes what the bytes are. Of what is here already others
    /// have done so.
    pub async fn prepare(
        &self,
        mxc: &Mxc,
        content: &Content,
        known: &[Thumbnail],
        source: Peeked,
    ) -> Result<Prepared, Error> {
        if content.spare_object().is_some()
            && let Some(borrowed) = self.records.borrow_thumbnails(mxc, content).await?
        {
            return Ok(Prepared::Borrowed(borrowed));
        }
        let made = if !imaging::is_picture(&source.head) {
            Err(Unthumbnailable::NotAPicture)
        } else if source.size_bytes > self.limits.image_bytes {
            Err(Unthumbnailable::TooManyBytes)
        } else {
            let slot = self.slot().await;
            let Some(source) = self.blobs.whole(source, self.limits.image_bytes).await? else {
                return Ok(Prepared::Gone);
            };
            self.measure_and_make(slot, mxc, content, known, source).await?
        };
        let (is_there, prepared) = match made {
            Ok((measured, made)) => {
                let noted = self.records.note_picture(mxc, &content.object_key, measured).await?;
                (noted.is_won(), Prepared::Picture(made))
            }
            Err(reason) => (self.note(mxc, content, reason).await?, Prepared::Unsupported),
        };
        Ok(if is_there { prepared } else { Prepared::Gone })
    }

    /// What the picture is, and how many thumbnails were made: none of one with too many pixels.
    async fn measure_and_make(
        &self,
        slot: Option<OwnedSemaphorePermit>,
        mxc: &Mxc,
        content: &Content,
        known: &[Thumbnail],
        source: Bytes,
    ) -> Result<Result<(Picture, usize), Unthumbnailable>, Error> {
        let imaging::Measured { width, height, moves } = match imaging::measure(&source) {
            Ok(measured) => measured,
            Err(reason) => return Ok(Err(reason)),
        };
        let measured = Picture::Measured { width, height, moves };
        let mut missing = usual((width, height));
        missing.retain(|usual| known.iter().all(|thumbnail| thumbnail.shape != *usual));
        match self.make(slot, source, missing).await? {
            Made::Unthumbnailable(Unthumbnailable::TooManyPixels) => Ok(Ok((measured, 0))),
            Made::Unthumbnailable(reason) => Ok(Err(reason)),
            Made::Pictures(pictures) => {
                let made = pictures.len();
                for picture in pictures {
                    self.keep(mxc, content, known.len(), picture).await?;
                }
                Ok(Ok((measured, made)))
            }
        }
    }

    /// A place to decode one picture in. Nobody closes the semaphore, and without it nothing would be bounded.
    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).acquire_owned().await.ok()
    }

    /// Decodes on a thread that may block.
    async fn make(
        &self,
        slot: Option<OwnedSemaphorePermit>,
        source: Bytes,
        shapes: Vec<Shape>,
    ) -> Result<Made, Error> {
        let limits = Arc::clone(&self.limits);
        let deadline = Instant::now() + limits.thumbnail_time;
        let making = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            imaging::thumbnails(&source, &shapes, &limits, &|| Instant::now() >= deadline)
        });
        match making.await {
            Ok(Ok(pictures)) => {
                telemetry::count(Metric::ThumbnailsMade, pictures.len() as u64);
                Ok(Made::Pictures(pictures))
            }
            Ok(Err(reason)) => Ok(Made::Unthumbnailable(reason)),
            // A decoder that panics has met a picture nobody foresaw: it is no picture to us, and the process lives.
            Err(panic) => {
                tracing::error!(%panic, "A decoder panicked");
                Ok(Made::Unthumbnailable(Unthumbnailable::Broken))
            }
        }
    }

    /// Object first, record last. A thumbnail beyond [`MAX_STORED_THUMBNAILS`] is served and not kept.
    async fn keep(
        &self,
        mxc: &Mxc,
        content: &Content,
        known: usize,
        picture: imaging::Picture,
    ) -> Result<Ready, Error> {
        let imaging::Picture { shape, format, width, height, bytes } = picture;
        let size_bytes = bytes.len() as u64;
        let body = if bytes.len() <= INLINE_THUMBNAIL_BYTES {
            Body::Inline(bytes.clone())
        } else {
            Body::Object(Key::thumbnail(&content.object_key, shape, format).to_string())
        };
        let thumbnail = Thumbnail { shape, format, width, height, size_bytes, body };
        if known >= MAX_STORED_THUMBNAILS {
            return Ok(Ready::new(content, thumbnail, Some(bytes)));
        }
        if let Body::Object(key) = &thumbnail.body {
            self.blobs.put_thumbnail(key, format.content_type(), Bytes::from(bytes)).await?;
        }
        match self.records.add_thumbnail(mxc, &content.object_key, &thumbnail).await? {
            Outcome::Won(()) => Ok(Ready::new(content, thumbnail, None)),
            Outcome::Lost(theirs) => Ok(Ready::new(content, theirs, None)),
        }
    }
}

/// A thumbnail that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// What it is.
    pub thumbnail: Thumbnail,
    /// Its bytes, when they were made now and are kept nowhere.
    pub fresh: Option<Vec<u8>>,
    /// What its strong entity tag is made of; `None` while the source has not been hashed.
    pub tag: Option<String>,
}

impl Ready {
    fn new(content: &Content, thumbnail: Thumbnail, fresh: Option<Vec<u8>>) -> Self {
        let tag = content.sha256.map(|source| thumbnail_tag(&source, thumbnail.shape, thumbnail.format));
        Self { thumbnail, fresh, tag }
    }
}

fn refusal(reason: Unthumbnailable, origin: Origin) -> Refusal {
    match reason {
        Unthumbnailable::TooManyBytes
        | Unthumbnailable::TooManyPixels
        | Unthumbnailable::TooMuchMemory
        | Unthumbnailable::OutOfTime => Refusal::TooLargeToThumbnail { remote: origin == Origin::Remote },
        Unthumbnailable::NotAPicture | Unthumbnailable::Broken => Refusal::NotThumbnailable,
    }
}
