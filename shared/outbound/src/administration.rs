//! What is asked of the homeserver for an administrator: whether somebody is one, and which media a room has.
//!
//! Synapse's administration API (`docs/admin_api` there), asked with the administrator's own token, so that the homeserver
//! decides. Whoever has the routes in front wrong sends the question back to us: [`ASKED_BY_MEDIA`] says that it is ours.

use http::HeaderName;
use media_core::UserId;
use reqwest::{
    StatusCode,
    header::{AUTHORIZATION, HeaderValue},
};
use serde::Deserialize;
use std::time::Duration;
use url::Url;

use crate::{
    homeserver::{Homeserver, WhoamiError},
    limits::{MAX_ROOM_MEDIA_BYTES, MAX_WHOAMI_BYTES, ROOM_MEDIA_TIME, WHOAMI_TIME},
    reply::{self, MatrixError, reason},
};

/// The header on every question here. What carries it and comes to us went in a circle.
pub const ASKED_BY_MEDIA: HeaderName = HeaderName::from_static("x-asked-by-media");

/// The media of a room's unencrypted events, as `mxc://` names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct RoomMedia {
    /// The homeserver's own.
    pub local: Vec<String>,
    /// Other servers'.
    pub remote: Vec<String>,
}

/// Why the homeserver did not say which media a room has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoomError {
    /// 401 or 403: for this token it does not.
    #[error("the homeserver does not say that to this administrator")]
    Forbidden,
    /// The question came back to us.
    #[error("the homeserver's address leads back here")]
    Circle,
    /// Anything else: the end of a sentence.
    #[error("{0}")]
    Unavailable(String),
}

impl Homeserver {
    /// Whether `user_id`, whose `token` this is, is an administrator (`GET /_synapse/admin/v1/users/{user}/admin`). Synapse
    /// answers nobody else, so a refusal is a no; so is that there is no such API. `acting_as` is an application service's
    /// `user_id`.
    pub async fn is_admin(
        &self,
        token: &str,
        user_id: &UserId,
        acting_as: Option<&str>,
    ) -> Result<bool, WhoamiError> {
        let mut url = self.below(&["_synapse", "admin", "v1", "users", user_id.as_str(), "admin"]);
        if let Some(user_id) = acting_as {
            url.query_pairs_mut().append_pair("user_id", user_id);
        }
        let (status, body) = self
            .ask(url, Some(token), WHOAMI_TIME, MAX_WHOAMI_BYTES)
            .await
            .map_err(WhoamiError::Unavailable)?;
        read_is_admin(status, &body)
    }

    /// The media of a room (`GET /_synapse/admin/v1/room/{room}/media`), at most [`MAX_ROOM_MEDIA_BYTES`] of names. A room
    /// that the homeserver does not know has none.
    pub async fn media_in_room(&self, token: &str, room_id: &str) -> Result<RoomMedia, RoomError> {
        let url = self.below(&["_synapse", "admin", "v1", "room", room_id, "media"]);
        let asked = self.ask(url, Some(token), ROOM_MEDIA_TIME, MAX_ROOM_MEDIA_BYTES).await;
        let (status, body) = asked.map_err(RoomError::Unavailable)?;
        match (status, MatrixError::parse(&body)) {
            (StatusCode::OK, _) => serde_json::from_slice(&body)
                .map_err(|error| RoomError::Unavailable(format!("its reply makes no sense ({error})"))),
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Some(_)) => Err(RoomError::Forbidden),
            // As our own `Refusal::AskedInACircle` is answered.
            (StatusCode::LOOP_DETECTED, _) => Err(RoomError::Circle),
            (status, _) => Err(RoomError::Unavailable(format!("it answers {status}"))),
        }
    }

    /// What `user_id` shows as their own picture (client-server API, "Profiles"); `None` when they show none. It is asked
    /// without a token, as any client may.
    ///
    /// # Errors
    /// A sentence for the log when the homeserver does not say.
    pub async fn avatar(&self, user_id: &UserId) -> Result<Option<String>, String> {
        #[derive(Deserialize)]
        struct Avatar {
            avatar_url: Option<String>,
        }
        let url = self.below(&["_matrix", "client", "v3", "profile", user_id.as_str(), "avatar_url"]);
        let (status, body) = self.ask(url, None, WHOAMI_TIME, MAX_WHOAMI_BYTES).await?;
        match (status, MatrixError::parse(&body)) {
            (StatusCode::OK, _) => serde_json::from_slice(&body)
                .map(|Avatar { avatar_url }| avatar_url)
                .map_err(|error| format!("the reply makes no sense: {error}")),
            (StatusCode::NOT_FOUND, Some(error)) if error.errcode == "M_NOT_FOUND" => Ok(None),
            (status, _) => Err(format!("the homeserver answers {status}")),
        }
    }

    fn below(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        // A URL that has no segments was refused when this homeserver was made.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    async fn ask(
        &self,
        url: Url,
        token: Option<&str>,
        time: Duration,
        max_bytes: usize,
    ) -> Result<(StatusCode, Vec<u8>), String> {
        let mut request = self.client.get(url).timeout(time).header(ASKED_BY_MEDIA, "1");
        if let Some(token) = token {
            let bearer = HeaderValue::try_from(format!("Bearer {token}"));
            let mut bearer = bearer.map_err(|_| "the token cannot stand in a header".to_owned())?;
            bearer.set_sensitive(true);
            request = request.header(AUTHORIZATION, bearer);
        }
        let response = request.send().await.map_err(|error| reason(&error))?;
        let status = response.status();
        Ok((status, reply::read(response, max_bytes).await?))
    }
}

fn read_is_admin(status: StatusCode, body: &[u8]) -> Result<bool, WhoamiError> {
    #[derive(Deserialize)]
    struct Reply {
        admin: bool,
    }
    match (status, MatrixError::parse(body)) {
        (StatusCode::OK, _) => serde_json::from_slice(body).map(|Reply { admin }| admin).map_err(|error| {
            WhoamiError::Unavailable(format!("the homeserver's reply makes no sense: {error}"))
        }),
        (StatusCode::UNAUTHORIZED, Some(error)) if error.errcode == "M_UNKNOWN_TOKEN" => {
            Err(WhoamiError::UnknownToken { soft_logout: error.soft_logout })
        }
        (StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST, Some(_)) => Ok(false),
        (StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED, Some(error))
            if matches!(error.errcode.as_str(), "M_UNRECOGNIZED" | "M_NOT_FOUND") =>
        {
            Ok(false)
        }
        (status, _) => Err(WhoamiError::Unavailable(format!("the homeserver answers {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, expected: Option<bool>) {
        let answer = read_is_admin(StatusCode::from_u16(status).unwrap(), body.as_bytes());
        assert_eq!(answer.ok(), expected, "{status} {body}");
    }

    #[test]
    fn only_a_clear_yes_makes_an_administrator() {
        check(200, r#"{"admin":true}"#, Some(true));
        check(200, r#"{"admin":false}"#, Some(false));
        check(403, r#"{"errcode":"M_FORBIDDEN","error":"You are not a server admin"}"#, Some(false));
        check(400, r#"{"errcode":"M_UNKNOWN","error":"Only local users"}"#, Some(false));
        check(404, r#"{"errcode":"M_UNRECOGNIZED"}"#, Some(false));
        for (status, body) in [
            (200, ""),
            (200, "{}"),
            (200, r#"{"admin":"yes"}"#),
            (401, r#"{"errcode":"M_UNKNOWN_TOKEN"}"#),
            (403, "<html>"),
            (404, "<html>"),
            (302, ""),
            (500, r#"{"admin":true}"#),
        ] {
            check(status, body, None);
        }
    }
}
