//! A client brings bytes.

mod get_config;
mod linger;
mod upload_content;

use std::sync::Arc;

use axum::{
    Router,
    extract::FromRef,
    routing::{get, post},
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
    for path in routes::CONFIG {
        router = router.route(path, get(get_config::get_config));
    }
    router.with_state(state)
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
