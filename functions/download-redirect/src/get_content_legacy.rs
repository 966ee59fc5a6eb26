//! `GET /_matrix/media/v3/download/{serverName}/{mediaId}[/{fileName}]`: the bytes of what the old paths still show.
//!
//! <https://spec.matrix.org/v1.19/client-server-api/#get_matrixmediav3downloadservernamemediaid>

use axum::{extract::State, response::Response};
use matrix::{MediaPath, Query, Result, Visitor, Wanted, respond};
use runtime::Deps;
use storage::presign::Presentation;

/// The bytes come through us unless the caller says that it follows redirects: a token in the request changes nothing.
pub(crate) async fn get_content_legacy(
    Visitor(caller): Visitor,
    State(deps): State<Deps>,
    path: MediaPath,
    query: Query,
    wanted: Wanted,
) -> Result<Response> {
    let mxc = path.mxc()?;
    let (ask, may_redirect) = deps.reader.legacy_ask(&mxc, &query, caller.clone())?;
    deps.throttle.read(&caller).await?;

    let record = deps.store.records.get(&mxc).await?;
    let content = deps.reader.content(&mxc, record, &ask).await?;

    let name = path.file_name.as_deref().or(content.upload_name.as_deref());
    let shown_as = Presentation::new(&content.content_type, name).tagged(content.sha256);
    let blobs = &deps.store.blobs;
    if may_redirect {
        let url = blobs.present(&content.object_key, wanted.verb(), shown_as).await?;
        respond::redirect(&url, deps.clock.now())
    } else {
        respond::object(blobs, &content.object_key, content.size_bytes, &shown_as, &wanted).await
    }
}
