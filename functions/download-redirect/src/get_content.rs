//! `GET /_matrix/client/v1/media/download/{serverName}/{mediaId}[/{fileName}]`: a redirect to the bytes.
//!
//! <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediadownloadservernamemediaid>

use axum::{extract::State, response::Response};
use matrix::{Ask, Door, MediaPath, PastQuarantine, Query, Requester, Result, Wanted, respond};
use runtime::Deps;
use storage::presign::Presentation;

/// One read, no call to S3. The name in the path beats the one that the media was uploaded under.
pub(crate) async fn get_content(
    requester: Requester,
    past_quarantine: PastQuarantine,
    State(deps): State<Deps>,
    path: MediaPath,
    query: Query,
    wanted: Wanted,
) -> Result<Response> {
    let mxc = path.mxc()?;
    let ask =
        Ask { door: Door::for_client(requester.caller(), past_quarantine), wait: query.wait(&deps.limits)? };
    deps.throttle.read(&requester.caller()).await?;

    let record = deps.store.records.get(&mxc).await?;
    let content = deps.reader.content(&mxc, record, &ask).await?;

    let name = path.file_name.as_deref().or(content.upload_name.as_deref());
    let shown_as = Presentation::new(&content.content_type, name).tagged(content.sha256);
    let url = deps.store.blobs.present(&content.object_key, wanted.verb(), shown_as).await?;
    respond::redirect(&url, deps.clock.now())
}
