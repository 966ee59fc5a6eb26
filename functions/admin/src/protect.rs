//! `POST /_synapse/admin/v1/media/protect/{mediaId}` and `…/unprotect/…`: media of ours is spared, or no longer.

use axum::{Json, extract::State};
use matrix::{Administrator, MediaPath, Result};
use media_core::{Mxc, Refusal};
use runtime::Deps;
use serde_json::json;
use storage::Outcome;

use crate::told::Answer;

/// From now on neither quarantine of many nor a purge touches it.
pub(crate) async fn protect(_: Administrator, State(deps): State<Deps>, path: MediaPath) -> Result<Answer> {
    set(&deps, &path, true).await
}

/// Both may again.
pub(crate) async fn unprotect(_: Administrator, State(deps): State<Deps>, path: MediaPath) -> Result<Answer> {
    set(&deps, &path, false).await
}

async fn set(deps: &Deps, path: &MediaPath, protected: bool) -> Result<Answer> {
    let mxc = Mxc { origin: deps.server_name.clone(), media_id: path.media_id()? };
    match deps.store.records.protect(&mxc, protected).await? {
        Outcome::Won(()) => Ok(Json(json!({}))),
        Outcome::Lost(_) => Err(Refusal::NotFound.into()),
    }
}
