//! `POST /_matrix/media/v3/upload`: bytes in, an `mxc://` name out.
//!
//! <https://spec.matrix.org/v1.19/client-server-api/#post_matrixmediav3upload>

use std::time::Duration;

use axum::{Json, body::Body, extract::State};
use futures_util::StreamExt as _;
use http::{HeaderMap, header};
use matrix::{Error, Query, Requester, Result};
use media_core::{
    Content, Mxc, Record, Refusal, State as MediaState,
    admit::{self, Label},
};
use serde_json::{Value, json};
use storage::{BodyError, Incoming, Key, Outcome, Written, blobs::PutError};

use crate::{Upload, linger::linger};

/// When a client whose upload found no free place may come back.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// Object first, record last: a crash in between leaves an object without a record, never an acknowledged upload
/// without its bytes.
pub(crate) async fn upload_content(
    requester: Requester,
    State(upload): State<Upload>,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>> {
    let limits = &upload.deps.limits;
    let announced = content_length(&headers);
    let body =
        body.into_data_stream().map(|piece| piece.map_err(|error| BodyError::CutOff(error.to_string())));
    let mut incoming = Incoming::new(Box::pin(body), limits.upload_bytes, announced);
    let label = match admitted(&requester, announced, &query, &headers, &upload) {
        Ok(label) => label,
        Err(refusal) => {
            linger(incoming.into_rest());
            return Err(refusal.into());
        }
    };
    let Ok(_place) = upload.places.try_acquire() else {
        linger(incoming.into_rest());
        return Err(Refusal::LimitExceeded { retry_after: BUSY_RETRY }.into());
    };

    let mxc = Mxc::new_on(&upload.deps.server_name);
    let key = Key::new_original();
    let written = match upload.deps.store.blobs.put(&key, &mxc, &label.content_type, &mut incoming).await {
        Ok(written) => written,
        Err(error) => {
            linger(incoming.into_rest());
            return Err(not_stored(error));
        }
    };
    record(&upload, &requester, &mxc, &key, label, written).await?;
    Ok(Json(json!({ "content_uri": mxc.to_string() })))
}

/// Everything that can be refused before the body is read.
fn admitted(
    requester: &Requester,
    announced: Option<u64>,
    query: &Query,
    headers: &HeaderMap,
    upload: &Upload,
) -> Result<Label, Refusal> {
    requester.clone().no_guests()?;
    admit::admit(announced, &upload.deps.limits)?;
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Ok(admit::label(content_type, query.get("filename")?))
}

/// The reference before the record, so that no record is ever without one.
async fn record(
    upload: &Upload,
    requester: &Requester,
    mxc: &Mxc,
    key: &Key,
    label: Label,
    written: Written,
) -> Result<()> {
    let now = upload.deps.clock.now();
    let record = Record {
        mxc: mxc.clone(),
        state: MediaState::Stored(Content {
            object_key: key.to_string(),
            content_type: label.content_type,
            size_bytes: written.size_bytes,
            sha256: Some(written.sha256),
            upload_name: label.upload_name,
        }),
        created_at: now,
        uploader: Some(requester.user_id.clone()),
        authenticated: true,
        quarantined_by: None,
        protected: false,
        last_access: Some(now.day()),
        picture: None,
    };
    upload.deps.store.records.add_reference(&written.sha256, mxc).await?;
    match upload.deps.store.records.reserve(&record).await? {
        Outcome::Won(()) => Ok(()),
        // 144 random bits met themselves: that is a broken source of chance, not a race.
        Outcome::Lost(_) => Err(Error::fault("a random media id was taken already")),
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
