//! Bytes that a client brings: judged, taken in, and taken away again when they come to nothing.

use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt as _;
use http::{HeaderMap, header};
use matrix::{Error, Query, Requester, Result};
use media_core::{
    Content, Mxc, Refusal,
    admit::{self, Label},
};
use runtime::{
    config::BannedUploads,
    scanning::{Shown, Subject},
};
use storage::{Ban, BodyError, Incoming, Joined, Key, blobs::PutError};
use telemetry::Metric;

use crate::{Upload, counted::Counted, linger::linger};

/// When a client whose upload found no free place may come back.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// Bytes that were taken in.
pub(crate) struct Taken {
    /// What the record is to say of them.
    pub(crate) content: Content,
    /// Who hides them, if somebody does: the record is to be born so.
    pub(crate) quarantined_by: Option<String>,
    /// Whether nobody gets them before they are scanned.
    pub(crate) is_held: bool,
    /// What was counted to the user for them.
    pub(crate) counted: Counted,
}

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
        let limit_bytes = upload.upload_limit(&requester.user_id);
        let incoming = Incoming::new(Box::pin(pieces), limit_bytes, announced);
        Self { upload, requester, announced, incoming }
    }

    /// Says no to the body.
    pub(crate) fn refuse(self, error: impl Into<Error>) -> Error {
        linger(self.incoming.into_rest());
        error.into()
    }

    /// Takes the body in as the bytes of `mxc`, of which nobody knows yet. They have joined those that are equal; the record
    /// is the caller's to write; whoever cannot write it calls [`Upload::take_away`].
    pub(crate) async fn take_in(mut self, mxc: &Mxc, query: &Query, headers: &HeaderMap) -> Result<Taken> {
        let label = match self.upload.admitted(self.requester, self.announced, query, headers).await {
            Ok(label) => label,
            Err(error) => return Err(self.refuse(error)),
        };
        let Ok(_place) = self.upload.places.try_acquire() else {
            return Err(self.refuse(Refusal::LimitExceeded { retry_after: BUSY_RETRY }));
        };
        let key = Key::new_original();
        let begun = self.upload.count(self.requester, &key, self.announced.unwrap_or(0)).await;
        let counted = match begun {
            Ok(counted) => counted,
            Err(error) => return Err(self.refuse(error)),
        };
        match self.store(mxc, &key, label).await {
            Ok((content, ban)) => self.upload.admit_taken(self.requester, mxc, content, ban, counted).await,
            Err(error) => {
                self.upload.give_back(&counted).await?;
                Err(self.refuse(error))
            }
        }
    }

    async fn store(&mut self, mxc: &Mxc, key: &Key, label: Label) -> Result<(Content, Option<Ban>)> {
        let store = &self.upload.deps.store;
        let written =
            store.blobs.put(key, mxc, &label.content_type, &mut self.incoming).await.map_err(not_stored)?;
        let Joined { object_key, ban } = store.join(mxc, key, &written).await?;
        let content = Content {
            object_key,
            brought_as: key.to_string(),
            content_type: label.content_type,
            size_bytes: written.size_bytes,
            sha256: Some(written.sha256),
            upload_name: label.upload_name,
        };
        Ok((content, ban))
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
        admit::admit(announced, self.upload_limit(&requester.user_id))?;
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let label = admit::label(content_type, query.get("filename")?);
        admit::admit_type(&label.content_type, &self.deps.config.uploads.forbidden_types)?;
        self.deps.throttle.upload(&requester.caller()).await?;
        Ok(label)
    }

    /// What can be refused only when the bytes are here: what is banned, and more of them than were announced.
    ///
    /// A length that was not announced is counted once it is known. Announced it may be another where no connection holds the
    /// client to it: Lambda hands headers and body over as they are.
    async fn admit_taken(
        &self,
        requester: &Requester,
        mxc: &Mxc,
        content: Content,
        ban: Option<Ban>,
        mut counted: Counted,
    ) -> Result<Taken> {
        let admitted = match self.measure(&mut counted, content.size_bytes).await {
            Ok(()) => self.show(requester, mxc, &content, ban).await,
            Err(error) => Err(error),
        };
        match admitted {
            Ok((quarantined_by, is_held)) => {
                counted.may_be_recorded();
                Ok(Taken { content, quarantined_by, is_held, counted })
            }
            Err(error) => {
                self.take_away(mxc, &content, &counted).await?;
                Err(error)
            }
        }
    }

    /// Who hides these bytes, if somebody does, and whether they are held until they are scanned. What is banned is scanned
    /// no more.
    pub(crate) async fn show(
        &self,
        requester: &Requester,
        mxc: &Mxc,
        content: &Content,
        ban: Option<Ban>,
    ) -> Result<(Option<String>, bool)> {
        let deps = &self.deps;
        let is_refused = deps.config.uploads.banned == BannedUploads::Refuse;
        let banned = || Err(Refusal::Forbidden("This file has been banned from this server.").into());
        if let Some(ban) = ban {
            return if is_refused { banned() } else { Ok((Some(ban.by), false)) };
        }
        let subject = Subject::of(mxc, content, Some(&requester.user_id));
        let shown = deps.scanner.before_record(&subject).await;
        if let (Shown::No, Some(sha256)) = (shown, &content.sha256) {
            if is_refused {
                // Or the ban would leave word for a record that never comes.
                deps.store.let_go(mxc, content).await?;
            }
            deps.scanner.ban(sha256).await?;
        }
        match shown.hidden_by() {
            Some(_) if is_refused => banned(),
            hidden_by => Ok((hidden_by.map(ToOwned::to_owned), shown == Shown::NotYet)),
        }
    }

    /// Takes bytes away again that no record will name, with what was counted of them.
    pub(crate) async fn take_away(&self, mxc: &Mxc, content: &Content, counted: &Counted) -> Result<()> {
        telemetry::count(Metric::Orphans, 1);
        self.deps.store.let_go(mxc, content).await?;
        self.give_back(counted).await
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
