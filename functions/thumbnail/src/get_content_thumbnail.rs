//! `GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}`: a smaller picture, or a redirect to it.
//!
//! <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediathumbnailservernamemediaid>

use axum::{extract::State, response::Response};
use matrix::{MediaPath, Query, Requester, Result, respond};
use media_core::thumbnail::{Body, choose};
use storage::presign::Presentation;
use thumbnailer::Ready;

use crate::Thumbnails;

/// One read. A small picture comes straight from the record, a larger one by redirect, a missing one is made now.
pub(crate) async fn get_content_thumbnail(
    _requester: Requester,
    State(Thumbnails { deps, thumbnailer }): State<Thumbnails>,
    path: MediaPath,
    query: Query,
) -> Result<Response> {
    let mxc = path.mxc()?;
    let shape = choose(query.thumbnail()?);
    let wait = query.wait(&deps.limits)?;

    let found = deps.store.records.get_with_thumbnails(&mxc).await?;
    let (record, known) = found.map(|found| (found.record, found.thumbnails)).unzip();
    let content = deps.reader.content(&mxc, record, wait).await?;
    let origin = deps.reader.origin_of(&mxc);
    let ready = thumbnailer.get_or_make(&mxc, &content, &known.unwrap_or_default(), shape, origin).await??;

    let Ready { thumbnail, fresh } = ready;
    let shown_as = Presentation::new(thumbnail.format.content_type(), Some(&thumbnail.file_name()));
    match (fresh, thumbnail.body) {
        (Some(bytes), _) | (None, Body::Inline(bytes)) => respond::picture(bytes, &shown_as),
        (None, Body::Object(key)) => {
            respond::redirect(&deps.store.blobs.present(&key, shown_as).await?, deps.clock.now())
        }
    }
}
