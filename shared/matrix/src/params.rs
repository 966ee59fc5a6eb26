//! What a request says in its path and its query, each decoded exactly once.

use std::{borrow::Cow, time::Duration};

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use media_core::{Limits, MediaId, Mxc, Refusal, thumbnail};
use percent_encoding::percent_decode_str;

use crate::{Error, Result};

/// The media that a path names, and the file name when the path has one.
///
/// It comes after who is asking in every handler, so that an illegal id without a token is answered 401.
#[derive(Clone, Debug)]
pub struct MediaPath {
    server_name: Option<String>,
    media_id: String,
    /// The last segment of `/download/{serverName}/{mediaId}/{fileName}`.
    pub file_name: Option<String>,
}

impl MediaPath {
    /// The name, by the grammar.
    pub fn mxc(&self) -> Result<Mxc> {
        Ok(Mxc::parse(self.server_name.as_deref().unwrap_or_default(), &self.media_id)?)
    }

    /// The id alone, on federation paths: the media is always ours.
    pub fn media_id(&self) -> Result<MediaId> {
        Ok(self.media_id.parse()?)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for MediaPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let segments = RawPathParams::from_request_parts(parts, state)
            .await
            // The segments are no UTF-8: nothing has such a name.
            .map_err(|_| Refusal::NotFound)?;
        let find = |name| segments.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
        Ok(Self {
            server_name: find("serverName"),
            media_id: find("mediaId").unwrap_or_default(),
            file_name: find("fileName"),
        })
    }
}

/// Further segments of a path, by name.
#[derive(Clone, Debug)]
pub struct PathText(Vec<(String, String)>);

impl PathText {
    /// The segment that the route calls `name`, decoded; empty when the route has none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let segments = RawPathParams::from_request_parts(parts, state).await;
        // The segments are no UTF-8: nothing has such a name.
        let segments = segments.map_err(|_| Refusal::NotFound)?;
        Ok(Self(segments.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }
}

/// The query string, in pairs.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, Option<String>)>);

impl Query {
    /// The first value of a parameter.
    ///
    /// # Errors
    /// [`Refusal::InvalidParam`] when the value is no UTF-8.
    pub fn get(&self, name: &'static str) -> Result<Option<&str>, Refusal> {
        match self.0.iter().find(|(key, _)| key == name) {
            None => Ok(None),
            Some((_, Some(value))) => Ok(Some(value)),
            Some((_, None)) => Err(Refusal::InvalidParam { name, problem: "must be UTF-8" }),
        }
    }

    /// How long the caller waits for media that is on its way (`timeout_ms`), within the operator's bounds.
    pub fn wait(&self, limits: &Limits) -> Result<Duration, Refusal> {
        let name = "timeout_ms";
        match self.get(name)?.map(str::parse::<i64>) {
            None => Ok(limits.wait_default.min(limits.wait_max)),
            Some(Ok(millis @ 0..)) => Ok(Duration::from_millis(millis.unsigned_abs()).min(limits.wait_max)),
            Some(_) => Err(Refusal::InvalidParam { name, problem: "must be a whole number of milliseconds" }),
        }
    }

    /// A parameter that is `true` or `false`.
    pub fn flag(&self, name: &'static str, otherwise: bool) -> Result<bool, Refusal> {
        match self.get(name)? {
            None => Ok(otherwise),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(Refusal::InvalidParam { name, problem: "must be `true` or `false`" }),
        }
    }

    /// A whole number that is not negative, where there is one.
    pub fn number(&self, name: &'static str) -> Result<Option<u64>, Refusal> {
        let problem = "must be a whole number that is not negative";
        let number =
            self.get(name)?.map(|text| text.parse().map_err(|_| Refusal::InvalidParam { name, problem }));
        number.transpose()
    }

    /// The thumbnail that is asked for.
    pub fn thumbnail(&self) -> Result<thumbnail::Shape, Refusal> {
        thumbnail::parse(self.get("width")?, self.get("height")?, self.get("method")?, self.get("animated")?)
    }

    pub(crate) fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)))
        });
        Self(pairs.collect())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> std::result::Result<Self, Self::Rejection> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

/// `application/x-www-form-urlencoded`, as every client writes queries: `+` is a space. `None` when it is no UTF-8.
fn decode(text: &str) -> Option<String> {
    let spaced: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
    percent_decode_str(&spaced).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_once() {
        let query = Query::parse("filename=a+b%2Bc%2525&x&filename=second&bad=%ff");
        assert_eq!(query.get("filename"), Ok(Some("a b+c%25")));
        assert_eq!(query.get("x"), Ok(Some("")));
        assert_eq!(query.get("y"), Ok(None));
        assert!(matches!(query.get("bad"), Err(Refusal::InvalidParam { name: "bad", .. })));
    }

    #[test]
    fn waits_are_bounded_and_never_negative() {
        let limits = Limits::default();
        let wait = |query| Query::parse(query).wait(&limits);
        assert_eq!(wait(""), Ok(limits.wait_default));
        assert_eq!(wait("timeout_ms=0"), Ok(Duration::ZERO));
        assert_eq!(wait("timeout_ms=99999999"), Ok(limits.wait_max));
        for nonsense in ["timeout_ms=-1", "timeout_ms=", "timeout_ms=1.5", "timeout_ms=99999999999999999999"]
        {
            assert!(wait(nonsense).is_err(), "{nonsense}");
        }
    }
}
