//! `GET /_matrix/media/unstable/org.matrix.msc4034/usage`: what a client's user has uploaded.
//!
//! <https://github.com/matrix-org/matrix-spec-proposals/pull/4034>

use axum::{Json, extract::State};
use matrix::{Requester, Result};
use serde_json::{Value, json};

use crate::Upload;

/// One read. Where nothing limits what this user has, nothing is counted, and so nothing is said of it.
pub(crate) async fn get_usage(requester: Requester, State(upload): State<Upload>) -> Result<Json<Value>> {
    requester.no_guests()?;
    let is_counted = upload.allowance(&requester.user_id).is_counted();
    let usage = upload.deps.store.records.usage(&requester.user_id).await?;
    Ok(Json(match usage.or_else(|| is_counted.then(Default::default)) {
        Some(usage) => json!({
            "org.matrix.msc4034.storage.used": usage.bytes,
            "org.matrix.msc4034.storage.files": usage.files,
        }),
        None => json!({}),
    }))
}
