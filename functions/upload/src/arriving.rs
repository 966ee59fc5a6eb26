//! Bytes that a client brings: judged, taken in, and taken away again when they come to nothing.

use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt as _;
use http::{HeaderMap, header};
use matrix::{Error, Query, Requester, Result};
use media_core::{
    Content, Mxc, Record, Refusal,
    admit::{self, Label},
};
use storage::{BodyError, Incoming, Key, blobs::PutError};
use telemetry::Metric;

use crate::{Upload, linger::linger};

/// When a client whose upload found no free place may come back.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// A body at the door. Whatever refuses it, the refusal reaches the client ([`crate::linger`]).
pub(crate) struct Arriving<'a> {
    upload: &'a Upload,
    requester: &'a Requester,
    announced: Option<u64>,
    incoming: Incoming,
}

impl<'a> Arriving<'a> {
    pub(crate) fn new(upload: &'a Upload, requester: &'a Requester, headers: &HeaderMap, body: Body) -> Self {
        let announced = content_length(headers);
        let pieces = body.into_data_stream();
        let pieces = pieces.map(|piece| piece.map_err(|error| BodyError::CutOff(error.to_string())));
        let incoming = Incoming::new(Box::pin(pieces), upload.deps.limits.upload_bytes, announced);
        Self { upload, requester, announced, incoming }
    }

    /// Says no to the body.
    pub(crate) fn refuse(self, error: impl Into<Error>) -> Error {
        linger(self.incoming.into_rest());
        error.into()
    }

    /// Takes the body in as the bytes of `mxc`, of which nobody knows yet. The reference is written, the record is the
    /// caller's to write; whoever cannot write it calls [`Upload::take_away`].
    pub(crate) async fn take_in(mut self, mxc: &Mxc, query: &Query, headers: &HeaderMap) -> Result<Content> {
        let label = match self.upload.admitted(self.requester, self.announced, query, headers).await {
            Ok(label) => label,
            Err(error) => return Err(self.refuse(error)),
        };
        let Ok(_place) = self.upload.places.try_acquire() else {
            return Err(self.refuse(Refusal::LimitExceeded { retry_after: BUSY_RETRY }));
        };
        let counted = self.announced.unwrap_or(0);
        if let Err(error) = self.upload.count_bytes(self.requester, counted).await {
            return Err(self.refuse(error));
        }
        match self.store(mxc, label).await {
            // A length that was not announced is counted once it is known. Announced it may be another where no connection
            // holds the client to it: Lambda hands headers and body over as they are.
            Ok(content) => {
                let uncounted = content.size_bytes.saturating_sub(counted);
                match self.upload.count_bytes(self.requester, uncounted).await {
                    Ok(()) => {
                        let too_many = counted.saturating_sub(content.size_bytes);
                        self.upload.give_back(self.requester, too_many).await?;
                        Ok(content)
                    }
                    Err(error) => {
                        self.upload.take_away(self.requester, mxc, &content, counted, None).await?;
                        Err(error)
                    }
                }
            }
            Err(error) => {
                self.upload.give_back(self.requester, counted).await?;
                Err(self.refuse(error))
            }
        }
    }

    async fn store(&mut self, mxc: &Mxc, label: Label) -> Result<Content> {
        let store = &self.upload.deps.store;
        let key = Key::new_original();
        let written =
            store.blobs.put(&key, mxc, &label.content_type, &mut self.incoming).await.map_err(not_stored)?;
        store.records.add_reference(&written.sha256, mxc).await?;
        Ok(Content {
            object_key: key.to_string(),
            content_type: label.content_type,
            size_bytes: written.size_bytes,
            sha256: Some(written.sha256),
            upload_name: label.upload_name,
        })
    }
}

impl Upload {
    /// Everything that can be refused before the body is read.
    async fn admitted(
        &self,
        requester: &Requester,
        announced: Option<u64>,
        query: &Query,
        headers: &HeaderMap,
    ) -> Result<Label> {
        admit::admit(announced, &self.deps.limits)?;
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let label = admit::label(content_type, query.get("filename")?);
        admit::admit_type(&label.content_type, &self.deps.config.uploads.forbidden_types)?;
        self.deps.throttle.upload(&requester.caller()).await?;
        Ok(label)
    }

    /// Counts bytes to what this user has uploaded, where that has a limit.
    pub(crate) async fn count_bytes(&self, requester: &Requester, bytes: u64) -> Result<()> {
        let Some(limit) = self.quota(requester).filter(|_| bytes > 0) else { return Ok(()) };
        if self.deps.store.records.take_bytes(&requester.user_id, bytes, limit).await?.is_won() {
            Ok(())
        } else {
            Err(Refusal::Forbidden("You have uploaded as much as you may: delete something first.").into())
        }
    }

    /// Takes such a count back.
    pub(crate) async fn give_back(&self, requester: &Requester, bytes: u64) -> Result<()> {
        if self.quota(requester).is_some() && bytes > 0 {
            self.deps.store.records.give_bytes_back(&requester.user_id, bytes).await?;
        }
        Ok(())
    }

    /// Takes bytes away again that no record will name, with the count of `counted` of them. `winner` is the record that
    /// there is instead: it may have the very same bytes, and then needs the reference.
    pub(crate) async fn take_away(
        &self,
        requester: &Requester,
        mxc: &Mxc,
        content: &Content,
        counted: u64,
        winner: Option<&Record>,
    ) -> Result<()> {
        let store = &self.deps.store;
        telemetry::count(Metric::Orphans, 1);
        store.blobs.delete(&content.object_key).await?;
        let is_needed = winner.and_then(Record::content).is_some_and(|kept| kept.sha256 == content.sha256);
        if let Some(sha256) = content.sha256.filter(|_| !is_needed) {
            store.records.remove_reference(&sha256, mxc).await?;
        }
        self.give_back(requester, counted).await
    }

    fn quota(&self, requester: &Requester) -> Option<u64> {
        self.deps.limits.user_bytes.filter(|_| !self.deps.throttle.is_unlimited(&requester.caller()))
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn not_stored(error: PutError) -> Error {
    match error {
        PutError::Body(BodyError::TooLarge { limit_bytes }) => Refusal::TooLarge { limit_bytes }.into(),
        PutError::Body(BodyError::CutOff(_)) => Refusal::BodyCutOff.into(),
        PutError::Store(error) => error.into(),
    }
}
