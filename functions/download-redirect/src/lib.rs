//! A client wants bytes: a short-lived link to them.

mod get_content;
mod get_content_legacy;

use axum::{Router, routing::get};
use matrix::routes;
use runtime::Deps;

/// Both forms of the download, with a token and, on the old paths, without.
pub fn router(deps: &Deps) -> Router {
    let mut router = Router::new()
        .route(routes::DOWNLOAD, get(get_content::get_content))
        .route(routes::DOWNLOAD_AS, get(get_content::get_content));
    for path in routes::LEGACY_DOWNLOAD.into_iter().chain(routes::LEGACY_DOWNLOAD_AS) {
        router = router.route(path, get(get_content_legacy::get_content_legacy));
    }
    router.with_state(deps.clone())
}
