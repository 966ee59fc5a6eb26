//! `GET /_matrix/federation/v1/media/download/{mediaId}`: our bytes for another server.
//!
//! <https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1mediadownloadmediaid>

use axum::{extract::State, response::Response};
use http::{HeaderMap, Method};
use matrix::{Ask, Door, MediaPath, Peer, Query, Result};
use media_core::Mxc;
use storage::presign::Presentation;

use crate::{Federation, delivery::Asking};

/// Never a redirect at the top: that is a part's `Location`, where the operator wants it.
pub(crate) async fn get_content(
    peer: Peer,
    State(federation): State<Federation>,
    method: Method,
    headers: HeaderMap,
    path: MediaPath,
    query: Query,
) -> Result<Response> {
    let deps = &federation.deps;
    let mxc = Mxc { origin: deps.server_name.clone(), media_id: path.media_id()? };
    let asking = Asking::new(peer, &method, &headers, &mxc.media_id, None);
    let ask = Ask { door: Door::Federation, wait: query.wait(&deps.limits)? };

    let record = deps.store.records.get(&mxc).await?;
    let content = deps.reader.content(&mxc, record, &ask).await?;

    let shown_as = Presentation::new(&content.content_type, content.upload_name.as_deref());
    federation.hand_out(&asking, &content.object_key, content.size_bytes, shown_as).await
}
