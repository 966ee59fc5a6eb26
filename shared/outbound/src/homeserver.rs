//! Whose token is this? The operator's own homeserver says so.

use std::fmt;

use media_core::OwnedUserId;
use reqwest::{Client, StatusCode, header::HeaderValue};
use serde::Deserialize;
use url::Url;

use crate::{
    SetupError, Trust, client,
    limits::{MAX_WHOAMI_BYTES, WHOAMI_TIME},
    reply::{self, MatrixError, reason},
};

/// The homeserver that this repository stands beside. Cheap to clone. It is the operator's own, and usually in a private
/// network: no fence.
#[derive(Clone)]
pub struct Homeserver {
    pub(crate) base: Url,
    whoami: Url,
    pub(crate) client: Client,
}

/// Somebody whom the homeserver knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whoami {
    /// The user.
    pub user_id: OwnedUserId,
    /// Whether it is a guest's token (specification 1.2); `false` when the homeserver does not say.
    pub is_guest: bool,
    /// The device, unless the token belongs to none, as an application service's.
    pub device_id: Option<String>,
}

/// Why the homeserver did not say whose token it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhoamiError {
    /// 401 `M_UNKNOWN_TOKEN`.
    #[error("the homeserver does not know the token")]
    UnknownToken {
        /// The client may keep its encryption keys and log in again.
        soft_logout: bool,
    },
    /// 401 `M_USER_LOCKED`.
    #[error("the account is locked")]
    Locked,
    /// 403 `M_USER_SUSPENDED`.
    #[error("the account is suspended")]
    Suspended,
    /// 400 `M_UNKNOWN_DEVICE`: the user for whom an application service acts has no such device (specification 1.17).
    #[error("the user has no such device")]
    UnknownDevice,
    /// 403 otherwise: an application service may not act as this user.
    #[error("the token may not be used so")]
    Forbidden,
    /// Anything else: a sentence for the log.
    #[error("{0}")]
    Unavailable(String),
}

impl Homeserver {
    /// The homeserver whose client-server API is below `base_url`, `http` or `https`.
    ///
    /// # Errors
    /// [`SetupError::Http`] when that is no such URL.
    pub fn new(base_url: &Url, trust: &Trust) -> Result<Self, SetupError> {
        let unusable = || SetupError::Http(format!("{base_url} cannot be a homeserver's address"));
        if !matches!(base_url.scheme(), "http" | "https") {
            return Err(unusable());
        }
        let mut whoami = base_url.clone();
        whoami
            .path_segments_mut()
            .map_err(|()| unusable())?
            .pop_if_empty()
            .extend(["_matrix", "client", "v3", "account", "whoami"]);
        Ok(Self { base: base_url.clone(), whoami, client: client::unfenced(trust, WHOAMI_TIME)? })
    }

    /// Asks whose `token` this is. `user_id` and `device_id` are an application service's parameters of these names: for
    /// whom it acts.
    pub async fn whoami(
        &self,
        token: &str,
        user_id: Option<&str>,
        device_id: Option<&str>,
    ) -> Result<Whoami, WhoamiError> {
        // What cannot stand in a header cannot be a token that the homeserver gave out.
        let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| WhoamiError::UnknownToken { soft_logout: false })?;
        bearer.set_sensitive(true);
        let mut url = self.whoami.clone();
        for (name, value) in [("user_id", user_id), ("device_id", device_id)] {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        let mut request =
            self.client.get(url).header(reqwest::header::AUTHORIZATION, bearer).timeout(WHOAMI_TIME);
        if let Some(traceparent) = telemetry::traceparent() {
            request = request.header("traceparent", traceparent);
        }
        let response = request.send().await.map_err(|error| WhoamiError::Unavailable(reason(&error)))?;
        let status = response.status();
        let body = reply::read(response, MAX_WHOAMI_BYTES).await.map_err(WhoamiError::Unavailable)?;
        read(status, &body)
    }
}

#[derive(Deserialize)]
struct Reply {
    user_id: OwnedUserId,
    #[serde(default)]
    is_guest: bool,
    device_id: Option<String>,
}

fn read(status: StatusCode, body: &[u8]) -> Result<Whoami, WhoamiError> {
    let error = MatrixError::parse(body);
    Err(match (status, error) {
        (StatusCode::OK, _) => {
            let Reply { user_id, is_guest, device_id } = serde_json::from_slice(body).map_err(|error| {
                WhoamiError::Unavailable(format!("the homeserver's reply makes no sense: {error}"))
            })?;
            return Ok(Whoami { user_id, is_guest, device_id });
        }
        (StatusCode::UNAUTHORIZED, Some(error)) if error.errcode == "M_UNKNOWN_TOKEN" => {
            WhoamiError::UnknownToken { soft_logout: error.soft_logout }
        }
        (StatusCode::UNAUTHORIZED, Some(error)) if error.errcode == "M_USER_LOCKED" => WhoamiError::Locked,
        (StatusCode::FORBIDDEN, Some(error)) if error.errcode == "M_USER_SUSPENDED" => WhoamiError::Suspended,
        (StatusCode::BAD_REQUEST, Some(error)) if error.errcode == "M_UNKNOWN_DEVICE" => {
            WhoamiError::UnknownDevice
        }
        (StatusCode::FORBIDDEN, Some(_)) => WhoamiError::Forbidden,
        (status, _) => WhoamiError::Unavailable(format!("the homeserver answers {status}")),
    })
}

impl fmt::Debug for Homeserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Homeserver").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, expected: &Result<Whoami, WhoamiError>) {
        let answer = read(StatusCode::from_u16(status).unwrap(), body.as_bytes());
        match (&answer, expected) {
            (Err(WhoamiError::Unavailable(_)), Err(WhoamiError::Unavailable(_))) => {}
            _ => assert_eq!(&answer, expected, "{status} {body}"),
        }
    }

    #[test]
    fn only_clear_answers_are_believed() {
        let user = |is_guest, device_id: Option<&str>| {
            Ok(Whoami {
                user_id: "@a:example.org".try_into().unwrap(),
                is_guest,
                device_id: device_id.map(ToOwned::to_owned),
            })
        };
        check(200, r#"{"user_id":"@a:example.org"}"#, &user(false, None));
        check(200, r#"{"user_id":"@a:example.org","is_guest":true,"device_id":"D"}"#, &user(true, Some("D")));
        let unknown = |soft_logout| Err(WhoamiError::UnknownToken { soft_logout });
        check(401, r#"{"errcode":"M_UNKNOWN_TOKEN"}"#, &unknown(false));
        check(401, r#"{"errcode":"M_UNKNOWN_TOKEN","soft_logout":true}"#, &unknown(true));
        check(401, r#"{"errcode":"M_USER_LOCKED","soft_logout":true}"#, &Err(WhoamiError::Locked));
        check(403, r#"{"errcode":"M_USER_SUSPENDED"}"#, &Err(WhoamiError::Suspended));
        check(403, r#"{"errcode":"M_FORBIDDEN"}"#, &Err(WhoamiError::Forbidden));
        check(403, r#"{"errcode":"M_EXCLUSIVE"}"#, &Err(WhoamiError::Forbidden));
    }

    #[test]
    fn everything_else_says_nothing_about_the_token() {
        let unavailable = Err(WhoamiError::Unavailable(String::new()));
        for (status, body) in [
            (200, ""),
            (200, "{}"),
            (200, r#"{"user_id":"nobody"}"#),
            (200, "<html>"),
            (204, ""),
            (302, ""),
            (401, "<html>"),
            (401, r#"{"errcode":"M_UNAUTHORIZED"}"#),
            (403, "<html>"),
            (404, r#"{"errcode":"M_UNRECOGNIZED"}"#),
            (429, r#"{"errcode":"M_LIMIT_EXCEEDED"}"#),
            (500, r#"{"errcode":"M_UNKNOWN_TOKEN"}"#),
            (502, ""),
        ] {
            check(status, body, &unavailable);
        }
    }
}
