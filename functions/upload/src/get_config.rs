//! `GET /_matrix/client/v1/media/config`: what a client may upload.
//!
//! <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediaconfig>

use axum::{Json, extract::State};
use matrix::{Requester, Result};
use serde_json::{Value, json};

use crate::Upload;

/// The limits that this user's uploads are really held to. What they may have in all is said in the form of MSC4034.
///
/// <https://github.com/matrix-org/matrix-spec-proposals/pull/4034>
pub(crate) async fn get_config(requester: Requester, State(upload): State<Upload>) -> Result<Json<Value>> {
    requester.no_guests()?;
    let mut reply = json!({ "m.upload.size": upload.upload_limit(&requester.user_id) });
    let allowance = upload.allowance(&requester.user_id);
    if let Some(bytes) = allowance.total_bytes {
        reply["org.matrix.msc4034.storage.size"] = bytes.into();
    }
    if let Some(files) = allowance.files {
        reply["org.matrix.msc4034.storage.max_files"] = files.into();
    }
    Ok(Json(reply))
}
