//! `DELETE /_matrix/media/unstable/download/{serverName}/{mediaId}`: users delete what they uploaded themselves (MSC2278).

use axum::{Json, extract::State};
use matrix::{MediaPath, Requester, Result};
use media_core::{Refusal, access::Origin};
use runtime::Deps;
use serde_json::json;
use storage::guards::Spared;

use crate::{
    erasing::{self, Deleted},
    found::find,
    told::Answer,
};

/// What is quarantined is as unknown to them as to everybody: an administrator may still need it.
pub(crate) async fn delete(
    requester: Requester,
    State(deps): State<Deps>,
    path: MediaPath,
) -> Result<Answer> {
    requester.no_guests()?;
    let mxc = path.mxc()?;
    if deps.reader.origin_of(&mxc) != Origin::Local {
        return Err(Refusal::NotOurs("Can only delete local media.").into());
    }
    let record = find(&deps, &mxc).await?;
    if record.quarantined_by.is_some() {
        return Err(Refusal::NotFound.into());
    }
    if record.uploader.as_ref() != Some(&requester.user_id) {
        return Err(Refusal::Forbidden("Only who uploaded this may delete it.").into());
    }
    let spared = Spared { quarantined: true, ..Spared::default() };
    if erasing::erase(&deps, &mxc, &spared).await? == Deleted::Not {
        return Err(Refusal::NotFound.into());
    }
    Ok(Json(json!({})))
}
