//! A client wants a picture smaller: the one that fits, or one made now.

mod get_content_thumbnail;

use axum::{Router, extract::FromRef, routing::get};
use matrix::{Authenticator, routes};
use runtime::Deps;
use thumbnailer::Thumbnailer;

/// The thumbnail endpoint.
pub fn router(deps: &Deps) -> Router {
    let thumbnailer = Thumbnailer::new(&deps.store, deps.limits.clone(), deps.picture_slots.clone());
    Router::new()
        .route(routes::THUMBNAIL, get(get_content_thumbnail::get_content_thumbnail))
        .with_state(Thumbnails { deps: deps.clone(), thumbnailer })
}

#[derive(Clone)]
struct Thumbnails {
    deps: Deps,
    thumbnailer: Thumbnailer,
}

impl FromRef<Thumbnails> for Authenticator {
    fn from_ref(thumbnails: &Thumbnails) -> Self {
        Self::from_ref(&thumbnails.deps)
    }
}
