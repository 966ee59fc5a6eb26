//! A client wants bytes: a short-lived link to them.

mod get_content;

use axum::{Router, routing::get};
use matrix::routes;
use runtime::Deps;

/// Both forms of the download.
pub fn router(deps: &Deps) -> Router {
    Router::new()
        .route(routes::DOWNLOAD, get(get_content::get_content))
        .route(routes::DOWNLOAD_AS, get(get_content::get_content))
        .with_state(deps.clone())
}
