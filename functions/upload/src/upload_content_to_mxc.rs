//! `PUT /_matrix/media/v3/upload/{serverName}/{mediaId}`: the bytes for a name that was created before.
//!
//! <https://spec.matrix.org/v1.19/client-server-api/#put_matrixmediav3uploadservernamemediaid>

use axum::{Json, body::Body, extract::State};
use http::HeaderMap;
use matrix::{MediaPath, Query, Requester, Result};
use media_core::{Mxc, Refusal, Reservation, admit};
use serde_json::{Value, json};
use storage::{Outcome, guards::Arrived};

use crate::{
    Upload,
    arriving::{Arriving, Taken},
};

/// The name is judged before the body. Of several who bring bytes at once the one who completes the record wins; the others
/// take their objects away again.
pub(crate) async fn upload_content_to_mxc(
    requester: Requester,
    State(upload): State<Upload>,
    path: MediaPath,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>> {
    let arriving = Arriving::new(&upload, &requester, &headers, body);
    let (mxc, reservation) = match upload.reserved(&requester, &path).await {
        Ok(reserved) => reserved,
        Err(refusal) => return Err(arriving.refuse(refusal)),
    };
    let taken = arriving.take_in(&mxc, &query, &headers).await?;
    upload.complete(&requester, &mxc, &reservation, &taken).await?;
    Ok(Json(json!({})))
}

impl Upload {
    /// The reservation that a path names, if this user may fill it now: ours, known, theirs, empty, in time.
    pub(crate) async fn reserved(
        &self,
        requester: &Requester,
        path: &MediaPath,
    ) -> Result<(Mxc, Reservation)> {
        requester.no_guests()?;
        let mxc = path.mxc()?;
        if mxc.origin != self.deps.server_name {
            return Err(Refusal::NotFound.into());
        }
        let record = self.deps.store.records.get_latest(&mxc).await?;
        let reservation = admit::fill(record.as_ref(), &requester.user_id, self.deps.clock.now())?.clone();
        Ok((mxc, reservation))
    }

    /// Makes the reservation stored media; whoever loses leaves nothing behind.
    pub(crate) async fn complete(
        &self,
        requester: &Requester,
        mxc: &Mxc,
        reservation: &Reservation,
        Taken { content, quarantined_by, is_held, counted }: &Taken,
    ) -> Result<()> {
        let (deps, user) = (&self.deps, &requester.user_id);
        let at = deps.clock.now();
        let authenticated = deps.legacy.is_frozen(at);
        let (quarantined_by, is_held) = (quarantined_by.as_deref(), *is_held);
        let arrived = Arrived { content, at, authenticated, quarantined_by, is_held };
        match deps.store.records.complete(mxc, user, arrived).await? {
            Outcome::Won(()) => {
                deps.bell.ring(mxc);
                self.give_place_back(user, mxc, reservation).await;
                Ok(())
            }
            Outcome::Lost(winner) => {
                self.take_away(mxc, content, counted).await?;
                Err(admit::fill(winner.as_ref(), user, at).err().unwrap_or(Refusal::CannotOverwrite).into())
            }
        }
    }
}
