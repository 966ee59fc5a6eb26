//! Another server wants bytes: signed request in, two-part answer out.

mod delivery;
mod get_content;
mod get_content_thumbnail;

use axum::{Router, body::Body, extract::FromRef, response::Response, routing::get};
use matrix::{
    FederationGate, Result,
    respond::{self, Part},
    routes,
};
use media_core::Refusal;
use runtime::{Deps, config::Delivery};
use storage::{Verb, presign::Presentation};
use thumbnailer::Thumbnailer;

use crate::delivery::{Asking, Deliveries};

/// The federation endpoints. The media is always ours: other servers' is never handed on.
pub fn router(deps: &Deps) -> Router {
    let thumbnailer = Thumbnailer::new(&deps.store, deps.limits.clone(), deps.picture_slots.clone());
    Router::new()
        .route(routes::FEDERATION_DOWNLOAD, get(get_content::get_content))
        .route(routes::FEDERATION_THUMBNAIL, get(get_content_thumbnail::get_content_thumbnail))
        .with_state(Federation { deps: deps.clone(), thumbnailer, deliveries: Deliveries::new(deps) })
}

#[derive(Clone)]
struct Federation {
    deps: Deps,
    thumbnailer: Thumbnailer,
    deliveries: Deliveries,
}

impl FromRef<Federation> for FederationGate {
    fn from_ref(federation: &Federation) -> Self {
        Self::from_ref(&federation.deps)
    }
}

impl Federation {
    /// An object, in the reply or as a link, as the operator decided and the peer understands.
    async fn hand_out(
        &self,
        asking: &Asking,
        key: &str,
        size_bytes: u64,
        shown_as: Presentation,
    ) -> Result<Response> {
        let part = match self.deliveries.choose(asking, size_bytes).await {
            Delivery::Redirect => {
                Part::Location(self.deps.store.blobs.present(key, Verb::Get, shown_as.clone()).await?)
            }
            Delivery::Inline => {
                let object = self.deps.store.blobs.open(key).await?.ok_or(Refusal::NotFound)?;
                Part::Bytes(object.size_bytes, Body::from_stream(object.into_stream()))
            }
        };
        respond::multipart(&shown_as, part)
    }
}
