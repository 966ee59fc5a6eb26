//! A client shows a link: what the page behind it says of itself.
//!
//! The order of things: `get_url_preview` asks who is asking and for what (`asked`); `kept` remembers previews and
//! sees to it that one request makes one that many want; `making` gets the page, has it read (`page`, `pdf`), asks its site
//! what else there is to say (`oembed`) and brings its picture home (`picture`). `life` says how long that is good.

mod asked;
mod get_url_preview;
mod kept;
mod life;
mod making;
mod oembed;
mod page;
mod pdf;
mod picture;

use std::sync::Arc;

use axum::{
    Router,
    extract::FromRef,
    routing::{MethodRouter, get},
};
use matrix::{Authenticator, routes};
use runtime::Deps;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

/// Previews made at the same time in one process; each may hold a page and a picture of 10 MiB.
const CONCURRENT_PREVIEWS: usize = 4;

/// What a client is told of a page: OpenGraph's names, and what Matrix adds (client-server API, `preview_url`).
type Preview = Map<String, Value>;

/// All paths of the preview.
pub fn router(deps: &Deps) -> Router {
    let endpoint: MethodRouter<Previews> = get(get_url_preview::get_url_preview);
    let routes = routes::PREVIEW_URL.into_iter();
    routes
        .fold(Router::new(), |router, path| router.route(path, endpoint.clone()))
        .with_state(Previews { deps: deps.clone(), slots: Arc::new(Semaphore::new(CONCURRENT_PREVIEWS)) })
}

/// Makes previews and remembers them. Cheap to clone.
#[derive(Clone)]
struct Previews {
    deps: Deps,
    slots: Arc<Semaphore>,
}

impl FromRef<Previews> for Authenticator {
    fn from_ref(previews: &Previews) -> Self {
        Self::from_ref(&previews.deps)
    }
}

/// The key of an entry in the table of what may be forgotten: which kind it is, and a digest of what it is about.
fn digest<const N: usize>(kind: char, about: [&[u8]; N]) -> String {
    let mut hasher = Sha256::new();
    for said in about {
        hasher.update(said.len().to_be_bytes());
        hasher.update(said);
    }
    format!("{kind}#{}", hex::encode(hasher.finalize()))
}
