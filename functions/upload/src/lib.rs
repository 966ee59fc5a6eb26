//! A client brings bytes.

mod arriving;
mod complete_upload;
mod counted;
mod create_content;
mod get_config;
mod get_usage;
mod linger;
mod pending;
mod upload_content;
mod upload_content_to_mxc;

use std::sync::Arc;

use axum::{
    Router,
    extract::FromRef,
    routing::{get, post, put},
};
use matrix::{Authenticator, routes};
use runtime::Deps;
use tokio::sync::Semaphore;

/// Uploads and what a client may upload.
pub fn router(deps: &Deps) -> Router {
    let state =
        Upload { deps: deps.clone(), places: Arc::new(Semaphore::new(deps.limits.concurrent_uploads)) };
    let mut router = Router::new();
    for path in routes::UPLOAD {
        router = router.route(path, post(upload_content::upload_content));
    }
    router = router
        .route(routes::CREATE, post(create_content::create_content))
        .route(routes::UPLOAD_TO, put(upload_content_to_mxc::upload_content_to_mxc));
    for path in routes::COMPLETE {
        router = router.route(path, post(complete_upload::complete_upload));
    }
    for path in routes::CONFIG {
        router = router.route(path, get(get_config::get_config));
    }
    router.route(routes::USAGE, get(get_usage::get_usage)).with_state(state)
}

/// What an upload needs: everything, and a place.
#[derive(Clone)]
struct Upload {
    deps: Deps,
    places: Arc<Semaphore>,
}

impl FromRef<Upload> for Authenticator {
    fn from_ref(upload: &Upload) -> Self {
        Self::from_ref(&upload.deps)
    }
}
