//! `GET /_matrix/media/v3/thumbnail/{serverName}/{mediaId}`: a smaller picture of what the old paths still show.
//!
//! <https://spec.matrix.org/v1.19/client-server-api/#get_matrixmediav3thumbnailservernamemediaid>

use axum::{extract::State, response::Response};
use matrix::{MediaPath, Query, Result, Visitor, Wanted, respond};
use media_core::thumbnail::Body;
use thumbnailer::Ready;

use crate::Thumbnails;

/// The picture comes through us unless the caller says that it follows redirects: a token in the request changes nothing.
pub(crate) async fn get_content_thumbnail_legacy(
    Visitor(caller): Visitor,
    State(thumbnails): State<Thumbnails>,
    path: MediaPath,
    query: Query,
    wanted: Wanted,
) -> Result<Response> {
    let deps = &thumbnails.deps;
    let mxc = path.mxc()?;
    let shape = query.thumbnail()?;
    let (ask, may_redirect) = deps.reader.legacy_ask(&mxc, &query, caller.clone())?;
    deps.throttle.read(&caller).await?;

    let (Ready { thumbnail, fresh, .. }, shown_as) = thumbnails.find(&mxc, shape, &ask).await?;
    match (fresh, thumbnail.body) {
        (Some(bytes), _) | (None, Body::Inline(bytes)) => respond::picture(bytes, &shown_as, &wanted),
        (None, Body::Object(key)) if may_redirect => {
            let url = deps.store.blobs.present(&key, wanted.verb(), shown_as).await?;
            respond::redirect(&url, deps.clock.now())
        }
        (None, Body::Object(key)) => {
            respond::object(&deps.store.blobs, &key, thumbnail.size_bytes, &shown_as, &wanted).await
        }
    }
}
