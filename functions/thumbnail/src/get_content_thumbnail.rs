//! `GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}`: a smaller picture, or a redirect to it.
//!
//! <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediathumbnailservernamemediaid>

use axum::{extract::State, response::Response};
use matrix::{Ask, Door, MediaPath, PastQuarantine, Query, Requester, Result, Wanted, respond};
use media_core::thumbnail::Body;
use thumbnailer::Ready;

use crate::Thumbnails;

/// A small picture comes straight from the record, a larger one by redirect, a missing one is made now.
pub(crate) async fn get_content_thumbnail(
    requester: Requester,
    past_quarantine: PastQuarantine,
    State(thumbnails): State<Thumbnails>,
    path: MediaPath,
    query: Query,
    wanted: Wanted,
) -> Result<Response> {
    let deps = &thumbnails.deps;
    let mxc = path.mxc()?;
    let shape = query.thumbnail()?;
    let ask =
        Ask { door: Door::for_client(requester.caller(), past_quarantine), wait: query.wait(&deps.limits)? };
    deps.throttle.read(&requester.caller()).await?;

    let (Ready { thumbnail, fresh, .. }, shown_as) = thumbnails.find(&mxc, shape, &ask).await?;
    match (fresh, thumbnail.body) {
        (Some(bytes), _) | (None, Body::Inline(bytes)) => respond::picture(bytes, &shown_as, &wanted),
        (None, Body::Object(key)) => {
            let url = deps.store.blobs.present(&key, wanted.verb(), shown_as).await?;
            respond::redirect(&url, deps.clock.now())
        }
    }
}
