//! Who is asking: the access token, and the homeserver's word on whose it is.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::extract::{FromRef, FromRequestParts};
use http::{header, request::Parts};
use media_core::{
    Clock, OwnedUserId, Refusal, Timestamp,
    limits::{CACHED_TOKENS, MAX_TOKEN_BYTES, REFUSED_TOKEN_CACHE},
};
use moka::future::Cache;
use outbound::homeserver::{Homeserver, WhoamiError};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use storage::{Ephemeral, ephemeral::Expiring};

use crate::{Caller, Error, Query, Result};

/// Somebody with a valid access token. Asking for one in a handler's arguments is what makes an endpoint
/// authenticated; it must be the first argument, so that nothing else is looked at before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requester {
    /// The user.
    pub user_id: OwnedUserId,
    /// Guests may read and nothing else (specification 1.12).
    pub is_guest: bool,
}

impl Requester {
    /// As whom this user is counted.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller::User(self.user_id.clone())
    }

    /// Refuses guests: they may read media and nothing else.
    pub fn no_guests(&self) -> Result<(), Refusal> {
        if self.is_guest { Err(Refusal::GuestsNotAllowed) } else { Ok(()) }
    }
}

/// Knows whose token is whose, by asking the homeserver or, in development, a list.
#[derive(Clone)]
pub struct Authenticator(Arc<Inner>);

struct Inner {
    source: Source,
    ephemeral: Ephemeral,
    cache: Cache<TokenKey, Expiring<Answer>>,
    clock: Clock,
    believed_for: Duration,
}

enum Source {
    Homeserver(Homeserver),
    Development(HashMap<String, OwnedUserId>),
}

/// What is remembered of a token: never the token itself.
type TokenKey = String;

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Answer {
    Known(Requester),
    Unknown { soft_logout: bool },
    Locked,
    Suspended,
}

/// As whom an application service asks, by its query parameters (client-server API, "Identity assertion" of 1.17).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActingAs<'a> {
    /// A user of its namespace.
    pub user_id: Option<&'a str>,
    /// A device of that user's.
    pub device_id: Option<&'a str>,
}

impl Authenticator {
    /// Asks the homeserver, and believes each answer for `believed_for`.
    #[must_use]
    pub fn homeserver(
        homeserver: Homeserver,
        ephemeral: Ephemeral,
        clock: Clock,
        believed_for: Duration,
    ) -> Self {
        Self::new(Source::Homeserver(homeserver), ephemeral, clock, believed_for)
    }

    /// Knows these tokens and no other.
    #[must_use]
    pub fn development(tokens: HashMap<String, OwnedUserId>, ephemeral: Ephemeral, clock: Clock) -> Self {
        Self::new(Source::Development(tokens), ephemeral, clock, Duration::ZERO)
    }

    fn new(source: Source, ephemeral: Ephemeral, clock: Clock, believed_for: Duration) -> Self {
        let cache = Cache::new(CACHED_TOKENS);
        Self(Arc::new(Inner { source, ephemeral, cache, clock, believed_for }))
    }

    /// Whose token this is. What an application service acts as is the homeserver's to allow; a development token is
    /// nobody's but its user's.
    pub async fn authenticate(&self, token: &str, acting_as: ActingAs<'_>) -> Result<Requester> {
        let answer = match &self.0.source {
            Source::Development(tokens) => match tokens.get(token) {
                Some(user_id) if acting_as.user_id.is_some_and(|other| user_id != other) => {
                    return Err(not_as_this_user().into());
                }
                Some(user_id) => Answer::Known(Requester { user_id: user_id.clone(), is_guest: false }),
                None => Answer::Unknown { soft_logout: false },
            },
            Source::Homeserver(homeserver) => self.remembered_or_asked(homeserver, token, acting_as).await?,
        };
        answer.into_result()
    }

    /// Memory, then the table (which other processes fill, too), then the homeserver.
    async fn remembered_or_asked(
        &self,
        homeserver: &Homeserver,
        token: &str,
        acting_as: ActingAs<'_>,
    ) -> Result<Answer> {
        let key = token_key(token, acting_as);
        let now = self.0.clock.now();
        if let Some(entry) = self.0.cache.get(&key).await.filter(|entry| entry.expires_at > now) {
            return Ok(entry.value);
        }
        let entry = if let Some(entry) = self.0.ephemeral.get(&key).await? {
            entry
        } else {
            let entry = self.ask(homeserver, token, acting_as, now).await?;
            self.0.ephemeral.put(&key, &entry).await?;
            entry
        };
        self.0.cache.insert(key, entry.clone()).await;
        Ok(entry.value)
    }

    async fn ask(
        &self,
        homeserver: &Homeserver,
        token: &str,
        acting_as: ActingAs<'_>,
        now: Timestamp,
    ) -> Result<Expiring<Answer>> {
        let value = match homeserver.whoami(token, acting_as.user_id, acting_as.device_id).await {
            Ok(who) => Answer::Known(Requester { user_id: who.user_id, is_guest: who.is_guest }),
            Err(WhoamiError::UnknownToken { soft_logout }) => Answer::Unknown { soft_logout },
            Err(WhoamiError::Locked) => Answer::Locked,
            Err(WhoamiError::Suspended) => Answer::Suspended,
            Err(WhoamiError::Forbidden) => return Err(not_as_this_user().into()),
            Err(WhoamiError::UnknownDevice) => return Err(Refusal::UnknownDevice.into()),
            // Not remembered: the next request asks again. A homeserver that is down accepts nobody.
            Err(WhoamiError::Unavailable(cause)) => {
                tracing::warn!(%cause, "The homeserver cannot be asked about a token");
                return Err(Refusal::HomeserverUnavailable.into());
            }
        };
        let believed_for = match value {
            Answer::Known(_) => self.0.believed_for,
            _ => self.0.believed_for.min(REFUSED_TOKEN_CACHE),
        };
        Ok(Expiring { value, expires_at: now + believed_for })
    }
}

impl<S> FromRequestParts<S> for Requester
where
    S: Send + Sync,
    Authenticator: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let token = token(parts, &query)?;
        Authenticator::from_ref(state).authenticate(token, acting_as(&query)?).await
    }
}

/// As whom an application service asks.
pub(crate) fn acting_as(query: &Query) -> Result<ActingAs<'_>, Refusal> {
    Ok(ActingAs { user_id: query.get("user_id")?, device_id: query.get("device_id")? })
}

fn not_as_this_user() -> Refusal {
    Refusal::Forbidden("The application service may not act as this user.")
}

impl Answer {
    fn into_result(self) -> Result<Requester> {
        Err(match self {
            Self::Known(requester) => return Ok(requester),
            Self::Unknown { soft_logout } => Refusal::UnknownToken { soft_logout },
            Self::Locked => Refusal::UserLocked,
            Self::Suspended => Refusal::UserSuspended,
        }
        .into())
    }
}

/// The header, or the query parameter that servers advertising version 1.19 and earlier must still accept.
pub(crate) fn token<'a>(parts: &'a Parts, query: &'a Query) -> Result<&'a str, Refusal> {
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = header.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    let token = match bearer {
        Some(token) => Some(token),
        None => query.get("access_token")?,
    };
    match token {
        None | Some("") => Err(Refusal::MissingToken),
        Some(token) if token.len() > MAX_TOKEN_BYTES => Err(Refusal::UnknownToken { soft_logout: false }),
        Some(token) => Ok(token),
    }
}

/// Under which name a token's owner is remembered: a digest, since the table outlives the request.
pub(crate) fn token_key(token: &str, acting_as: ActingAs<'_>) -> TokenKey {
    let mut hasher = Sha256::new();
    for said in [token, acting_as.user_id.unwrap_or_default(), acting_as.device_id.unwrap_or_default()] {
        hasher.update(said.len().to_be_bytes());
        hasher.update(said);
    }
    format!("S#{}", hex::encode(hasher.finalize()))
}
