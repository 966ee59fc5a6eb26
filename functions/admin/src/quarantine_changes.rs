//! `GET /_synapse/admin/v1/media/quarantine_changes`: what was hidden and shown again, in the order in which it was decided.

use axum::{Json, extract::State};
use matrix::{Administrator, Query, Result};
use media_core::Refusal;
use runtime::Deps;
use serde_json::json;

use crate::told::Answer;

/// The changes after `from`, a `next_batch` of an earlier answer; without one, from the first on. Whoever has all gets an
/// empty page and the same `next_batch` again.
pub(crate) async fn list(_: Administrator, State(deps): State<Deps>, query: Query) -> Result<Answer> {
    let from = query.number("from")?.unwrap_or_default();
    let records = &deps.store.records;
    let changes = records.quarantine_changes(from).await?;
    if changes.is_empty() && from > records.last_quarantine_change().await? {
        let problem = "is past the end: no answer has had such a `next_batch`";
        return Err(Refusal::InvalidParam { name: "from", problem }.into());
    }
    let next_batch = changes.last().map_or(from, |(number, _)| *number);
    let changes: Vec<_> = changes
        .iter()
        .map(|(_, change)| {
            json!({
                "origin": change.mxc.origin.as_str(),
                "media_id": change.mxc.media_id.as_str(),
                "quarantined": change.quarantined,
            })
        })
        .collect();
    Ok(Json(json!({ "next_batch": next_batch, "changes": changes })))
}
