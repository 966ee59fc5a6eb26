//! `GET` and `DELETE /_synapse/admin/v1/media/{serverName}/{mediaId}`: one piece of media is looked at, or deleted.

use axum::{Json, extract::State};
use matrix::{Administrator, MediaPath, Result};
use media_core::{Refusal, access::Origin};
use runtime::Deps;
use serde_json::json;
use storage::guards::Spared;

use crate::{
    erasing::{self, Deleted},
    found::find,
    told::{self, Answer},
};

/// What is known of it, other servers' included.
pub(crate) async fn look(_: Administrator, State(deps): State<Deps>, path: MediaPath) -> Result<Answer> {
    let mxc = path.mxc()?;
    let record = find(&deps, &mxc).await?;
    Ok(Json(json!({ "media_info": told::shown(&record, deps.reader.origin_of(&mxc)) })))
}

/// Ours alone, as in Synapse; other servers' is purged.
pub(crate) async fn delete(
    administrator: Administrator,
    State(deps): State<Deps>,
    path: MediaPath,
) -> Result<Answer> {
    let mxc = path.mxc()?;
    if deps.reader.origin_of(&mxc) != Origin::Local {
        return Err(Refusal::NotOurs("Can only delete local media.").into());
    }
    // What a dead deletion left is taken away, too; what is not there was never ours to delete.
    if erasing::erase(&deps, &mxc, &Spared::default()).await? == Deleted::Not {
        return Err(Refusal::NotFound.into());
    }
    tracing::info!(media.id = %mxc, by = administrator.name, "An administrator deleted media");
    Ok(Json(json!({ "deleted_media": [mxc.media_id.as_str()], "total": 1 })))
}
