//! `GET /_matrix/federation/v1/media/thumbnail/{mediaId}`: a smaller picture of ours for another server.
//!
//! <https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1mediathumbnailmediaid>

use axum::{body::Body as HttpBody, extract::State, response::Response};
use http::{HeaderMap, Method};
use matrix::{
    Ask, Door, MediaPath, Peer, Query, Result,
    respond::{self, Part},
};
use media_core::{
    Mxc,
    access::Origin,
    thumbnail::{Body, step},
};
use storage::presign::Presentation;
use thumbnailer::{Found, Ready};

use crate::{Federation, delivery::Asking};

/// The same picture that a client of ours gets for the same question, byte for byte.
pub(crate) async fn get_content_thumbnail(
    peer: Peer,
    State(federation): State<Federation>,
    method: Method,
    headers: HeaderMap,
    path: MediaPath,
    query: Query,
) -> Result<Response> {
    let deps = &federation.deps;
    let mxc = Mxc { origin: deps.server_name.clone(), media_id: path.media_id()? };
    let wanted = query.thumbnail()?;
    let asking = Asking::new(peer, &method, &headers, &mxc.media_id, Some(step(wanted)));
    let ask = Ask { door: Door::Federation, wait: query.wait(&deps.limits)? };

    let (record, found) = Found::of(deps.store.records.get_with_thumbnails(&mxc).await?);
    let content = deps.reader.content(&mxc, record, &ask).await?;
    let ready = federation.thumbnailer.get_or_make(&mxc, &content, &found, wanted, Origin::Local).await??;

    let Ready { thumbnail, fresh, .. } = ready;
    let shown_as = Presentation::new(thumbnail.format.content_type(), Some(&thumbnail.file_name()));
    match (fresh, thumbnail.body) {
        (Some(bytes), _) | (None, Body::Inline(bytes)) => {
            respond::multipart(&shown_as, Part::Bytes(bytes.len() as u64, HttpBody::from(bytes)))
        }
        (None, Body::Object(key)) => federation.hand_out(&asking, &key, thumbnail.size_bytes, shown_as).await,
    }
}
