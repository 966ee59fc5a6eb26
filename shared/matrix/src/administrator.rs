//! Who may do what only administrators may: the homeserver says so, or a list, or whoever knows a secret.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use media_core::{
    Clock, OwnedUserId, Refusal,
    limits::{CACHED_ADMINISTRATORS, REFUSED_TOKEN_CACHE},
};
use moka::future::Cache;
use outbound::{
    administration::ASKED_BY_MEDIA,
    homeserver::{Homeserver, WhoamiError},
};
use storage::{Ephemeral, ephemeral::Expiring};
use subtle::ConstantTimeEq as _;

use crate::{
    ActingAs, Authenticator, Error, Query, Requester, Result,
    auth::{acting_as, token, token_key},
    front::digest,
};

/// Under which name the secret's bearer acts: nobody's user id.
const BY_SECRET: &str = "shared-secret";

/// An administrator. As a handler's first argument it makes an endpoint theirs alone.
#[derive(Clone, Debug)]
pub struct Administrator {
    /// What is written down of who did something: a user id, or that it was whoever knows the secret.
    pub name: String,
    token: Option<String>,
}

impl Administrator {
    /// The access token, for asking the homeserver in this administrator's name.
    ///
    /// # Errors
    /// [`Refusal::NeedsAdministratorsToken`] when they came with the shared secret, of which the homeserver knows nothing.
    pub fn token(&self) -> Result<&str, Refusal> {
        self.token.as_deref().ok_or(Refusal::NeedsAdministratorsToken)
    }
}

/// Whether this request sees what is quarantined (`admin_unsafely_bypass_quarantine=true`, as Synapse has it). It comes
/// after the requester.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastQuarantine(pub bool);

/// Who says who is an administrator.
pub enum Named {
    /// Synapse's administration API.
    Homeserver(Homeserver),
    /// This list of users.
    Users(Vec<OwnedUserId>),
}

/// Knows the administrators. Cheap to clone.
#[derive(Clone)]
pub struct Administrators(Arc<Inner>);

struct Inner {
    named: Named,
    secret: Option<[u8; 32]>,
    ephemeral: Ephemeral,
    cache: Cache<String, Expiring<bool>>,
    clock: Clock,
    believed_for: Duration,
}

impl Administrators {
    /// Believes each answer of the homeserver for `believed_for`. Of the `secret` only a digest is kept.
    #[must_use]
    pub fn new(
        named: Named,
        secret: Option<&str>,
        ephemeral: Ephemeral,
        clock: Clock,
        believed_for: Duration,
    ) -> Self {
        let secret = secret.map(|secret| digest(secret.as_bytes()));
        let cache = Cache::new(CACHED_ADMINISTRATORS);
        Self(Arc::new(Inner { named, secret, ephemeral, cache, clock, believed_for }))
    }

    /// Takes as long for a secret that is nearly right as for any other: digests agree by chance alone.
    fn is_secret(&self, said: &str) -> bool {
        self.0.secret.is_some_and(|secret| secret.ct_eq(&digest(said.as_bytes())).into())
    }

    /// Whether the requester, whose token this is, is one.
    async fn is_one(&self, requester: &Requester, token: &str, acting_as: ActingAs<'_>) -> Result<bool> {
        match &self.0.named {
            Named::Users(users) => Ok(users.contains(&requester.user_id)),
            Named::Homeserver(homeserver) => {
                self.remembered_or_asked(homeserver, requester, token, acting_as).await
            }
        }
    }

    /// Memory, then the table, then the homeserver, as whose a token is.
    async fn remembered_or_asked(
        &self,
        homeserver: &Homeserver,
        requester: &Requester,
        token: &str,
        acting_as: ActingAs<'_>,
    ) -> Result<bool> {
        let key = format!("A{}", token_key(token, acting_as));
        let now = self.0.clock.now();
        if let Some(entry) = self.0.cache.get(&key).await.filter(|entry| entry.expires_at > now) {
            return Ok(entry.value);
        }
        let entry = if let Some(entry) = self.0.ephemeral.get(&key).await? {
            entry
        } else {
            let value = homeserver
                .is_admin(token, &requester.user_id, acting_as.user_id)
                .await
                .map_err(|error| unclear(&error))?;
            let life = if value { self.0.believed_for } else { self.0.believed_for.min(REFUSED_TOKEN_CACHE) };
            let entry = Expiring { value, expires_at: now + life };
            self.0.ephemeral.put(&key, &entry).await?;
            entry
        };
        self.0.cache.insert(key, entry.clone()).await;
        Ok(entry.value)
    }
}

impl<S> FromRequestParts<S> for Administrator
where
    S: Send + Sync,
    Authenticator: FromRef<S>,
    Administrators: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        if parts.headers.contains_key(ASKED_BY_MEDIA) {
            return Err(Refusal::AskedInACircle.into());
        }
        let administrators = Administrators::from_ref(state);
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let token = token(parts, &query)?;
        if administrators.is_secret(token) {
            return Ok(Self { name: BY_SECRET.to_owned(), token: None });
        }
        let acting_as = acting_as(&query)?;
        let requester = Authenticator::from_ref(state).authenticate(token, acting_as).await?;
        if !administrators.is_one(&requester, token, acting_as).await? {
            return Err(Refusal::NotAnAdministrator.into());
        }
        Ok(Self { name: requester.user_id.to_string(), token: Some(token.to_owned()) })
    }
}

impl<S> FromRequestParts<S> for PastQuarantine
where
    S: Send + Sync,
    Authenticator: FromRef<S>,
    Administrators: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        if !query.flag("admin_unsafely_bypass_quarantine", false)? {
            return Ok(Self(false));
        }
        match Administrator::from_request_parts(parts, state).await {
            Ok(_) => Ok(Self(true)),
            Err(Error::Refusal(Refusal::NotAnAdministrator)) => Err(Refusal::MayNotBypassQuarantine.into()),
            Err(error) => Err(error),
        }
    }
}

/// Nobody is an administrator as long as the homeserver does not say so.
fn unclear(error: &WhoamiError) -> Error {
    match *error {
        WhoamiError::UnknownToken { soft_logout } => Refusal::UnknownToken { soft_logout }.into(),
        ref cause => {
            tracing::warn!(%cause, "The homeserver cannot be asked who is an administrator");
            Refusal::HomeserverUnavailable.into()
        }
    }
}
