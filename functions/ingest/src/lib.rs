//! S3 says an object landed: look at it, make the usual thumbnails.
//!
//! Every event may come twice, late or out of order: running again changes nothing. What cannot be done *yet* is handed
//! back to the queue; what can never be done becomes a state of the record, not an endless retry.

use aws_lambda_events::{
    s3::{S3Event, S3EventRecord},
    sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage},
};
use media_core::{Clock, Content, Mxc, Timestamp, limits::ORPHAN_AFTER};
use percent_encoding::percent_decode_str;
use runtime::{
    Deadline, Deps, Error, Observer,
    scanning::{SCANNER, Scanner},
};
use storage::{Key, MediaAndThumbnails, Store, peek::Peeked};
use telemetry::Metric;
use thumbnailer::Thumbnailer;

/// Handles arrivals.
#[derive(Clone, Debug)]
pub struct Ingest {
    store: Store,
    thumbnailer: Thumbnailer,
    observer: Observer,
    scanner: Scanner,
    clock: Clock,
}

/// What to tell the queue of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing is left to do.
    Done,
    /// The record is not there yet: deliver it again later.
    Later,
}

impl Ingest {
    /// A handler for one process.
    #[must_use]
    pub fn new(deps: &Deps) -> Self {
        let thumbnailer = Thumbnailer::new(&deps.store, deps.limits.clone(), deps.picture_slots.clone());
        let (store, scanner) = (deps.store.clone(), deps.scanner.clone());
        let observer = deps.observer.clone();
        Self { store, thumbnailer, scanner, observer, clock: deps.clock.clone() }
    }

    /// Handles a batch; the messages that must come again are named in the answer (`ReportBatchItemFailures`). So are those
    /// for which no time is left.
    ///
    /// # Errors
    /// None: one message's failure is not its neighbours'.
    pub async fn objects_landed(
        &self,
        batch: SqsEvent,
        deadline: Deadline,
    ) -> Result<SqsBatchResponse, Error> {
        // S3 tells nobody on whose behalf an object came, so a batch has a trace of its own.
        Ok(self.observer.job("ingest", None, self.batch(batch, deadline)).await)
    }

    async fn batch(&self, batch: SqsEvent, deadline: Deadline) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        telemetry::count(Metric::Jobs, batch.records.len() as u64);
        for message in batch.records {
            match deadline.within(Box::pin(self.message(&message))).await {
                Ok(Ok(Verdict::Done)) => {}
                Ok(Ok(Verdict::Later)) => response.batch_item_failures.push(failure(&message)),
                Err(error) => {
                    telemetry::count(Metric::FailedJobs, 1);
                    tracing::error!(%error, "An arrival was not handled in time");
                    response.batch_item_failures.push(failure(&message));
                }
                Ok(Err(error)) => {
                    telemetry::count(Metric::FailedJobs, 1);
                    tracing::error!(%error, "An arrival could not be handled");
                    response.batch_item_failures.push(failure(&message));
                }
            }
        }
        response
    }

    async fn message(&self, message: &SqsMessage) -> Result<Verdict, storage::Error> {
        let body = message.body.as_deref().unwrap_or_default();
        let Ok(event) = serde_json::from_str::<S3Event>(body) else {
            // `s3:TestEvent`, which S3 sends when notifications are switched on, and nothing else that we know of.
            tracing::info!("A message that is no S3 event was dropped");
            return Ok(Verdict::Done);
        };
        let mut verdict = Verdict::Done;
        for record in &event.records {
            if self.object(record).await? == Verdict::Later {
                verdict = Verdict::Later;
            }
        }
        Ok(verdict)
    }

    async fn object(&self, arrival: &S3EventRecord) -> Result<Verdict, storage::Error> {
        let created = arrival.event_name.as_deref().is_some_and(|name| name.starts_with("ObjectCreated:"));
        let Some(key @ (Key::Original(_) | Key::Remote(_))) = key_of(arrival).filter(|_| created) else {
            return Ok(Verdict::Done);
        };
        let key = key.to_string();
        let Some(object) = self.store.blobs.peek(&key).await? else {
            return Ok(Verdict::Done);
        };
        let Some(mxc) = object.mxc.clone() else {
            tracing::warn!(object.key = %key, "An object names no media");
            return Ok(Verdict::Done);
        };
        match self.store.records.get_with_thumbnails(&mxc).await? {
            Some(mut found) if found.record.kept().is_some_and(|content| content.brought_as == key) => {
                if self.scanner.release(&mut found.record).await? {
                    self.prepare(found, object).await
                } else {
                    Ok(Verdict::Later)
                }
            }
            // Its record is still to come, or another attempt's object won.
            _ if self.is_young(arrival) => Ok(Verdict::Later),
            _ => Ok(Verdict::Done),
        }
    }

    async fn prepare(&self, found: MediaAndThumbnails, object: Peeked) -> Result<Verdict, storage::Error> {
        let MediaAndThumbnails { record, thumbnails } = found;
        let Some(mut content) = record.content().cloned() else { return Ok(Verdict::Done) };
        if content.sha256.is_none() {
            match self.hash(&record.mxc, &content).await? {
                Some(hashed) => content = hashed,
                None => return Ok(Verdict::Done),
            }
            // Nobody knew what to ban when it was scanned.
            if let (Some(SCANNER), Some(sha256)) = (record.quarantined_by.as_deref(), &content.sha256) {
                self.scanner.ban(sha256).await?;
            }
        }
        let is_linked = object.may_be_linked;
        if record.picture.is_none() {
            let prepared = self.thumbnailer.prepare(&record.mxc, &content, &thumbnails, object).await?;
            let Content { size_bytes, .. } = content;
            tracing::info!(media.origin = %record.mxc.origin, size_bytes, ?prepared, "Prepared an arrival");
        }
        match content.spare_object() {
            // Who was given a link to it may follow that for a while; then it is swept.
            Some(spare) if !is_linked => self.store.blobs.delete(spare).await?,
            _ => {}
        }
        Ok(Verdict::Done)
    }

    /// Reads what went straight to S3, so that its digest is known and it shares an object with those that are equal.
    /// `None`: it was deleted meanwhile.
    async fn hash(&self, mxc: &Mxc, content: &Content) -> Result<Option<Content>, storage::Error> {
        match self.store.blobs.digest(&content.object_key).await? {
            Some(digest) => self.store.join_later(mxc, content, digest).await,
            None => Ok(None),
        }
    }

    fn is_young(&self, arrival: &S3EventRecord) -> bool {
        let landed_ms = u64::try_from(arrival.event_time.timestamp_millis()).unwrap_or(0);
        self.clock.now().since(Timestamp(landed_ms)) < ORPHAN_AFTER
    }
}

/// Keys in events are URL-encoded like a form: `+` is a space.
fn key_of(arrival: &S3EventRecord) -> Option<Key> {
    let encoded = arrival.s3.object.key.as_deref()?.replace('+', " ");
    let key = percent_decode_str(&encoded).decode_utf8().ok()?;
    Key::parse(&key)
}

fn failure(message: &SqsMessage) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = message.message_id.clone().unwrap_or_default();
    failure
}
