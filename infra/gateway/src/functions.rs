//! Each function with what it works with: the same for all, unless each has credentials of its own, as on AWS.

use axum::Router;
use engine_host::Policies;
use runtime::{BootError, Config, Deps, config::KeyPlace};

/// What each of the functions here works with.
#[derive(Clone)]
pub struct Functions {
    /// `upload`'s.
    pub upload: Deps,
    /// `download-redirect`'s.
    pub download_redirect: Deps,
    /// `thumbnail`'s.
    pub thumbnail: Deps,
    /// `federation`'s.
    pub federation: Deps,
    /// `url-preview`'s.
    pub url_preview: Deps,
    /// `remote-fetch`'s.
    pub remote_fetch: Deps,
    /// `ingest`'s.
    pub ingest: Deps,
    /// `admin`'s.
    pub admin: Deps,
}

impl Functions {
    /// All of them in the gateway's name; with policies each in its own: the access key is the function's name.
    pub(crate) async fn of(deps: &Deps, policies: Option<&Policies>) -> Result<Self, BootError> {
        let named = async |name: &str| match policies {
            None => Ok(deps.clone()),
            Some(policies) => deps.in_the_name_of(credentials(policies, name)).await,
        };
        Ok(Self {
            upload: named("upload").await?,
            download_redirect: named(DOWNLOAD_REDIRECT).await?,
            thumbnail: named("thumbnail").await?,
            federation: named("federation").await?,
            url_preview: named("url-preview").await?,
            remote_fetch: named(REMOTE_FETCH).await?,
            ingest: named("ingest").await?,
            admin: named(ADMIN).await?,
        })
    }

    /// Those that answer HTTP, merged: exactly what each of them answers alone.
    pub(crate) fn router(&self) -> Router {
        upload::router(&self.upload)
            .merge(download_redirect::router(&self.download_redirect))
            .merge(thumbnail::router(&self.thumbnail))
            .merge(federation::router(&self.federation))
            .merge(url_preview::router(&self.url_preview))
            .merge(admin::router(&self.admin))
    }
}

/// The function that reads the signing key.
const REMOTE_FETCH: &str = "remote-fetch";

/// One of those that read the key for links; here it is read once for all.
const DOWNLOAD_REDIRECT: &str = "download-redirect";

/// The function that reads the secret of administrators.
const ADMIN: &str = "admin";

/// Keys are read before there are functions: each in the name of one that reads it on AWS.
pub(crate) fn name_who_reads_keys(config: &mut Config, policies: &Policies) {
    let signing = config.federation.signing_key.as_mut().map(|key| (key, REMOTE_FETCH));
    let links = config.store.links.as_mut().map(|links| (&mut links.key, DOWNLOAD_REDIRECT));
    let administrators = config.administration.secret.as_mut().map(|key| (key, ADMIN));
    for (key, function) in [signing, links, administrators].into_iter().flatten() {
        if let KeyPlace::Secret(secret) = key {
            secret.credentials = Some(credentials(policies, function));
        }
    }
}

/// A function's access key and secret. Who has no policy has no secret either, and is let in nowhere.
fn credentials(policies: &Policies, function: &str) -> (String, String) {
    (function.to_owned(), policies.secret_of(function).unwrap_or("none").to_owned())
}
