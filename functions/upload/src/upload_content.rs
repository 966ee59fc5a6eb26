//! `POST /_matrix/media/v3/upload`: bytes in, an `mxc://` name out.
//!
//! <https://spec.matrix.org/v1.19/client-server-api/#post_matrixmediav3upload>

use axum::{Json, body::Body, extract::State};
use http::HeaderMap;
use matrix::{Error, Query, Requester, Result};
use media_core::{Mxc, Record, State as MediaState};
use serde_json::{Value, json};
use storage::Outcome;

use crate::{
    Upload,
    arriving::{Arriving, Taken},
};

/// Object first, record last: a crash in between leaves an object without a record, never an acknowledged upload
/// without its bytes.
pub(crate) async fn upload_content(
    requester: Requester,
    State(upload): State<Upload>,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>> {
    let arriving = Arriving::new(&upload, &requester, &headers, body);
    if let Err(refusal) = requester.no_guests() {
        return Err(arriving.refuse(refusal));
    }
    let mxc = Mxc::new_on(&upload.deps.server_name);
    let taken = arriving.take_in(&mxc, &query, &headers).await?;
    upload.record(&requester, &mxc, taken).await?;
    Ok(Json(json!({ "content_uri": mxc.to_string() })))
}

impl Upload {
    async fn record(&self, requester: &Requester, mxc: &Mxc, taken: Taken) -> Result<()> {
        let now = self.deps.clock.now();
        let record = Record {
            mxc: mxc.clone(),
            state: if taken.is_held {
                MediaState::Scanning(taken.content)
            } else {
                MediaState::Stored(taken.content)
            },
            created_at: now,
            uploader: Some(requester.user_id.clone()),
            authenticated: self.deps.legacy.is_frozen(now),
            quarantined_by: taken.quarantined_by,
            protected: false,
            last_access: Some(now.day()),
            picture: None,
        };
        match self.deps.store.records.reserve(&record).await? {
            Outcome::Won(()) => Ok(()),
            // 144 random bits met themselves: that is a broken source of chance, not a race.
            Outcome::Lost(_) => Err(Error::fault("a random media id was taken already")),
        }
    }
}
