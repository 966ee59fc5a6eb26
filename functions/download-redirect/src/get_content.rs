//! `GET /_matrix/client/v1/media/download/{serverName}/{mediaId}[/{fileName}]`: a redirect to the bytes.
//!
//! <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediadownloadservernamemediaid>

use axum::{extract::State, response::Response};
use matrix::{MediaPath, Query, Requester, Result, respond};
use runtime::Deps;
use storage::presign::Presentation;

/// One read, no call to S3. The name in the path beats the one that the media was uploaded under.
pub(crate) async fn get_content(
    _requester: Requester,
    State(deps): State<Deps>,
    path: MediaPath,
    query: Query,
) -> Result<Response> {
    let mxc = path.mxc()?;
    let wait = query.wait(&deps.limits)?;

    let record = deps.store.records.get(&mxc).await?;
    let content = deps.reader.content(&mxc, record, wait).await?;

    let name = path.file_name.as_deref().or(content.upload_name.as_deref());
    let url =
        deps.store.blobs.present(&content.object_key, Presentation::new(&content.content_type, name)).await?;
    respond::redirect(&url, deps.clock.now())
}
