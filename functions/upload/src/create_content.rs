//! `POST /_matrix/media/v1/create`: a name for bytes that come later.
//!
//! <https://spec.matrix.org/v1.19/client-server-api/#post_matrixmediav1create>

use axum::{Json, extract::State};
use matrix::{Error, Requester, Result};
use media_core::{Mxc, Record, Reservation, State as MediaState};
use serde_json::{Value, json};
use storage::{Key, Outcome, guards::Pending};

use crate::Upload;

/// The place among the user's pending uploads before the record: a crash in between leaves a place that nobody has, which
/// is noticed when the places run out. Whatever body came with the request is nobody's: clients send `{}` or nothing.
pub(crate) async fn create_content(
    requester: Requester,
    State(upload): State<Upload>,
) -> Result<Json<Value>> {
    requester.no_guests()?;
    upload.deps.throttle.create(&requester.caller()).await?;

    let mxc = Mxc::new_on(&upload.deps.server_name);
    let now = upload.deps.clock.now();
    let expires_at = now + upload.deps.limits.reservation_life;
    let place = Pending { media_id: mxc.media_id.to_string(), expires_at };
    upload.take_place(&requester, &place).await?;

    let staging = upload.deps.config.uploads.direct.then(Key::new_staging);
    let reservation = Reservation { expires_at, staging_key: staging.as_ref().map(Key::to_string) };
    let record = Record {
        mxc: mxc.clone(),
        state: MediaState::Reserved(reservation),
        created_at: now,
        uploader: Some(requester.user_id),
        authenticated: true,
        quarantined_by: None,
        protected: false,
        last_access: None,
        picture: None,
    };
    if let Outcome::Lost(_) = upload.deps.store.records.reserve(&record).await? {
        return Err(Error::fault("a random media id was taken already"));
    }
    let mut reply = json!({ "content_uri": mxc.to_string(), "unused_expires_at": expires_at.0 });
    if let Some(staging) = staging {
        let url = upload.deps.store.blobs.invite(&staging, upload.deps.limits.reservation_life).await?;
        reply["com.beeper.msc3870.upload_url"] = url.into();
    }
    Ok(Json(reply))
}
