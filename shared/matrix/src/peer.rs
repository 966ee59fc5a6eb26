//! Which server is asking: the signature on a federation request.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, OriginalUri};
use http::{header, request::Parts};
use media_core::{OwnedServerName, Refusal};
use outbound::{
    incoming::{self, IncomingError},
    server_keys::ServerKeys,
};

use crate::{Error, Result};

/// Another homeserver whose signature was checked. As a handler's first argument it makes an endpoint a federation one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer(pub OwnedServerName);

/// Checks signatures on requests to this server.
#[derive(Clone)]
pub struct FederationGate(Arc<Inner>);

struct Inner {
    server_name: OwnedServerName,
    keys: ServerKeys,
}

impl FederationGate {
    /// A gate that lets in what is signed for `server_name`, by keys as `keys` finds them.
    #[must_use]
    pub fn new(server_name: OwnedServerName, keys: ServerKeys) -> Self {
        Self(Arc::new(Inner { server_name, keys }))
    }
}

impl<S> FromRequestParts<S> for Peer
where
    S: Send + Sync,
    FederationGate: FromRef<S>,
{
    type Rejection = Error;

    /// The target is taken byte for byte as it came: its query order and encoding are part of what is signed.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let gate = FederationGate::from_ref(state).0;
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let headers: Vec<_> = parts.headers.get_all(header::AUTHORIZATION).iter().cloned().collect();
        match incoming::verify(&parts.method, target, &headers, &gate.server_name, &gate.keys).await {
            Ok(origin) => Ok(Self(origin)),
            Err(error @ IncomingError::KeysUnavailable { .. }) => {
                tracing::info!(%error, "The keys of a server that asked could not be had");
                Err(Refusal::Unsigned(error.to_string()).into())
            }
            Err(error) => Err(Refusal::Unsigned(error.to_string()).into()),
        }
    }
}
