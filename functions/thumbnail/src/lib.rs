//! A client wants a picture smaller: the one that fits, or one made now.

mod get_content_thumbnail;
mod get_content_thumbnail_legacy;

use axum::{Router, extract::FromRef, routing::get};
use matrix::{AddressHeader, Administrators, Ask, Authenticator, Result, routes};
use media_core::{Mxc, thumbnail::Shape};
use runtime::Deps;
use storage::presign::Presentation;
use thumbnailer::{Found, Ready, Thumbnailer};

/// The thumbnail endpoint, with a token and, on the old paths, without.
pub fn router(deps: &Deps) -> Router {
    let thumbnailer = Thumbnailer::new(&deps.store, deps.limits.clone(), deps.picture_slots.clone());
    let mut router =
        Router::new().route(routes::THUMBNAIL, get(get_content_thumbnail::get_content_thumbnail));
    for path in routes::LEGACY_THUMBNAIL {
        router = router.route(path, get(get_content_thumbnail_legacy::get_content_thumbnail_legacy));
    }
    router.with_state(Thumbnails { deps: deps.clone(), thumbnailer })
}

#[derive(Clone)]
struct Thumbnails {
    deps: Deps,
    thumbnailer: Thumbnailer,
}

impl Thumbnails {
    /// The thumbnail that answers, and how it is shown. One read, unless it has to be made.
    async fn find(&self, mxc: &Mxc, wanted: Shape, ask: &Ask) -> Result<(Ready, Presentation)> {
        let deps = &self.deps;
        let (record, found) = Found::of(deps.store.records.get_with_thumbnails(mxc).await?);
        let content = deps.reader.content(mxc, record, ask).await?;
        let origin = deps.reader.origin_of(mxc);
        let ready = self.thumbnailer.get_or_make(mxc, &content, &found, wanted, origin).await??;
        let shown_as =
            Presentation::new(ready.thumbnail.format.content_type(), Some(&ready.thumbnail.file_name()));
        let shown_as = shown_as.tagged(ready.tag.as_ref());
        Ok((ready, shown_as))
    }
}

impl FromRef<Thumbnails> for AddressHeader {
    fn from_ref(thumbnails: &Thumbnails) -> Self {
        Self::from_ref(&thumbnails.deps)
    }
}

impl FromRef<Thumbnails> for Administrators {
    fn from_ref(thumbnails: &Thumbnails) -> Self {
        Self::from_ref(&thumbnails.deps)
    }
}

impl FromRef<Thumbnails> for Authenticator {
    fn from_ref(thumbnails: &Thumbnails) -> Self {
        Self::from_ref(&thumbnails.deps)
    }
}
