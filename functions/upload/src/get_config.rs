//! `GET /_matrix/client/v1/media/config`: what a client may upload.
//!
//! <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediaconfig>

use axum::{Json, extract::State};
use matrix::{Requester, Result};
use serde_json::{Value, json};

use crate::Upload;

/// The limit that uploads are really held to.
pub(crate) async fn get_config(requester: Requester, State(upload): State<Upload>) -> Result<Json<Value>> {
    requester.no_guests()?;
    Ok(Json(json!({ "m.upload.size": upload.deps.limits.upload_bytes })))
}
