//! Which server is asking: the signature on a federation request.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, OriginalUri};
use http::{HeaderValue, Method, header, request::Parts};
use media_core::{Neighbours, OwnedServerName, Refusal};
use outbound::{
    incoming::{Claim, IncomingError},
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
    neighbours: Arc<Neighbours>,
    keys: ServerKeys,
}

impl FederationGate {
    /// A gate that lets in what is signed for `server_name` by whoever may ask, by keys as `keys` finds them.
    #[must_use]
    pub fn new(server_name: OwnedServerName, neighbours: Arc<Neighbours>, keys: ServerKeys) -> Self {
        Self(Arc::new(Inner { server_name, neighbours, keys }))
    }
}

impl Inner {
    /// Says who sent a request. Who may not ask is refused before anybody is asked for keys; our own name always may.
    async fn admit(&self, method: &Method, target: &str, authorization: &[HeaderValue]) -> Result<Peer> {
        let claim = Claim::read(authorization, &self.server_name).map_err(|error| unsigned(&error))?;
        if claim.origin() != self.server_name {
            self.neighbours.may_ask(claim.origin())?;
        }
        let origin = claim
            .verify(method, target, &self.server_name, &self.keys)
            .await
            .map_err(|error| unsigned(&error))?;
        Ok(Peer(origin))
    }
}

fn unsigned(error: &IncomingError) -> Refusal {
    if matches!(error, IncomingError::KeysUnavailable { .. }) {
        tracing::info!(%error, "The keys of a server that asked could not be had");
    }
    Refusal::Unsigned(error.to_string())
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
        gate.admit(&parts.method, target, &headers).await
    }
}
