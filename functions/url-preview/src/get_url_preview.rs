//! `GET /_matrix/client/v1/media/preview_url`: what a web page says of itself.
//!
//! <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediapreview_url>

use axum::{Json, extract::State};
use http::HeaderMap;
use matrix::{Query, Requester, Result};
use media_core::Refusal;

use crate::{Preview, Previews, asked::Asked, kept::DENIED};

/// Said where previews are switched off, by MSC4452.
const OFF: Refusal = Refusal::Forbidden("Previews of links are switched off on this server.");

/// Where previews are switched off, the endpoint is as unknown as in a server that has none (Synapse does so, too), or, as
/// MSC4452 has it, forbidden.
pub(crate) async fn get_url_preview(
    requester: Requester,
    State(previews): State<Previews>,
    headers: HeaderMap,
    query: Query,
) -> Result<Json<Preview>> {
    requester.no_guests()?;
    let config = &previews.deps.config.previews;
    if !config.enabled {
        return Err(if config.msc4452 { OFF } else { Refusal::UnrecognizedPath }.into());
    }
    let asked = Asked::read(&query, &headers, &config.languages)?;
    if !previews.deps.pages.admits(&asked.url) {
        return Err(DENIED.into());
    }
    Ok(Json(previews.get(&asked, &requester.caller()).await?))
}
