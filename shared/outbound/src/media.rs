//! Another server's media, brought as a stream.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use http::{HeaderMap, StatusCode, header};
use media_core::{Mxc, OwnedServerName, admit, disposition::file_name_of};
use reqwest::Response;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::{
    Fenced, Peers, Unreachable,
    limits::{
        MAX_ERROR_BYTES, MAX_JSON_PART_BYTES, MAX_PART_HEADER_BYTES, MAX_PREAMBLE_BYTES, MAX_URL_BYTES,
        ORIGIN_WAIT,
    },
    links,
    multipart::{Event, Multipart, PartHeaders},
    reply::{self, MatrixError, reason},
    signing::SigningKey,
};

/// Other servers' media. Cheap to clone.
#[derive(Clone)]
pub struct FederationMedia(Arc<Inner>);

struct Inner {
    peers: Peers,
    our_name: OwnedServerName,
    signing_key: Option<Arc<SigningKey>>,
    time: Duration,
}

/// What another server gave.
pub struct RemoteMedia {
    /// Its type as the other server says it, always fit for a header; `application/octet-stream` when it says none.
    pub content_type: String,
    /// Its name, if the other server says one: a label, never a path.
    pub file_name: Option<String>,
    /// Its length in bytes, if the other server says one. Not to be trusted.
    pub size_hint: Option<u64>,
    /// Its bytes. The stream fails with [`FetchError::TooLarge`] after the limit, and with
    /// [`FetchError::Unavailable`] when the other server stops early.
    pub body: MediaStream,
}

/// The bytes of one piece of media.
pub type MediaStream = Pin<Box<dyn Stream<Item = Result<Bytes, FetchError>> + Send>>;

/// Why another server's media could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The other server does not have it.
    #[error("the server does not have it")]
    NotFound,
    /// It is larger than the limit.
    #[error("it is larger than the limit")]
    TooLarge,
    /// The other server promised it, but does not have its bytes yet.
    #[error("it is not uploaded yet")]
    NotYetUploaded,
    /// The other server, or what it links to, is in a private network.
    #[error(transparent)]
    Fenced(#[from] Fenced),
    /// Anything else: a sentence for the log.
    #[error("{0}")]
    Unavailable(String),
}

impl FederationMedia {
    /// Fetches in the name of `our_name`. Without a signing key only what servers still give to everybody can be had.
    ///
    /// `time` is what one piece of media may take, from discovery to its last byte.
    #[must_use]
    pub fn new(
        peers: Peers,
        our_name: OwnedServerName,
        signing_key: Option<Arc<SigningKey>>,
        time: Duration,
    ) -> Self {
        Self(Arc::new(Inner { peers, our_name, signing_key, time }))
    }

    /// Asks the origin of `mxc` for it, and gives at most `limit_bytes` of it.
    ///
    /// The signed endpoint is asked first; the open, deprecated one only when the origin does not know the first
    /// (server-server API and client-server API, "Content repository").
    pub async fn download(&self, mxc: &Mxc, limit_bytes: u64) -> Result<RemoteMedia, FetchError> {
        let deadline = Instant::now() + self.0.time;
        timeout_at(deadline, self.0.download(mxc, limit_bytes, deadline))
            .await
            .unwrap_or_else(|_| Err(FetchError::Unavailable("it took too long".to_owned())))
    }
}

impl Inner {
    async fn download(
        &self,
        mxc: &Mxc,
        limit_bytes: u64,
        deadline: Instant,
    ) -> Result<RemoteMedia, FetchError> {
        if let Some(key) = &self.signing_key {
            let answer = self.ask_signed(key, mxc, deadline).await?;
            if let Some(response) = answer {
                return self.two_parts(response, limit_bytes, deadline).await;
            }
        }
        let response = self.ask_openly(mxc, deadline).await?;
        plain(response, limit_bytes)
    }

    /// `None` when the origin does not know the endpoint.
    async fn ask_signed(
        &self,
        key: &SigningKey,
        mxc: &Mxc,
        deadline: Instant,
    ) -> Result<Option<Response>, FetchError> {
        let target = format!(
            "/_matrix/federation/v1/media/download/{}?timeout_ms={}",
            mxc.media_id,
            ORIGIN_WAIT.as_millis()
        );
        let authorization =
            key.authorize_get(&self.our_name, &mxc.origin, &target).map_err(FetchError::Unavailable)?;
        let (_, response) = self.peers.get(&mxc.origin, &target, Some(authorization), deadline).await?;
        if response.status() == StatusCode::OK {
            return Ok(Some(response));
        }
        let refusal = Refused::read(response).await;
        if refusal.is_unknown_endpoint() { Ok(None) } else { Err(refusal.into()) }
    }

    /// The endpoint of before version 1.11. `allow_remote=false` keeps servers from asking each other in circles.
    async fn ask_openly(&self, mxc: &Mxc, deadline: Instant) -> Result<Response, FetchError> {
        let target = format!(
            "/_matrix/media/v3/download/{}/{}?allow_remote=false&timeout_ms={}&allow_redirect=true",
            mxc.origin,
            mxc.media_id,
            ORIGIN_WAIT.as_millis()
        );
        let (url, mut response) = self.peers.get(&mxc.origin, &target, None, deadline).await?;
        if let Some(elsewhere) = links::next(&url, &response)? {
            response = self.peers.follow(elsewhere, deadline).await?;
        }
        if response.status() == StatusCode::OK {
            Ok(response)
        } else {
            Err(Refused::read(response).await.into())
        }
    }

    /// Reads up to the media, and goes where the answer links to, if it does.
    async fn two_parts(
        &self,
        response: Response,
        limit_bytes: u64,
        deadline: Instant,
    ) -> Result<RemoteMedia, FetchError> {
        let around = MAX_PREAMBLE_BYTES + 2 * MAX_PART_HEADER_BYTES + MAX_JSON_PART_BYTES;
        if response.content_length().is_some_and(|whole| whole > limit_bytes.saturating_add(around as u64)) {
            return Err(FetchError::TooLarge);
        }
        let content_type = header(response.headers(), header::CONTENT_TYPE).unwrap_or_default();
        let reader =
            Multipart::new(&content_type).map_err(|error| FetchError::Unavailable(error.to_string()))?;
        let mut parts = Parts { reader, response };
        let headers = parts.up_to_media().await?;
        if let Some(location) = headers.location {
            let response = self.follow(&location, deadline).await?;
            return plain(response, limit_bytes);
        }
        let body = stream::try_unfold(parts, async |mut parts| {
            let bytes = parts.next().await?;
            Ok(bytes.map(|bytes| (bytes, parts)))
        });
        RemoteMedia::new(&headers, body, limit_bytes)
    }

    async fn follow(&self, location: &str, deadline: Instant) -> Result<Response, FetchError> {
        let unusable = || FetchError::Unavailable("the answer links to what is no URL".to_owned());
        if location.len() > MAX_URL_BYTES {
            return Err(unusable());
        }
        let url = Url::parse(location).map_err(|_| unusable())?;
        let response = self.peers.follow(url, deadline).await?;
        match response.status() {
            StatusCode::OK => Ok(response),
            StatusCode::NOT_FOUND => Err(FetchError::NotFound),
            other => Err(FetchError::Unavailable(format!("what the answer links to answers {other}"))),
        }
    }
}

impl RemoteMedia {
    fn new(
        headers: &PartHeaders,
        body: impl Stream<Item = Result<Bytes, FetchError>> + Send + 'static,
        limit_bytes: u64,
    ) -> Result<Self, FetchError> {
        if headers.content_length.is_some_and(|bytes| bytes > limit_bytes) {
            return Err(FetchError::TooLarge);
        }
        Ok(Self {
            content_type: admit::label(headers.content_type.as_deref(), None).content_type,
            file_name: headers.content_disposition.as_deref().and_then(file_name_of),
            size_hint: headers.content_length,
            body: Box::pin(limited(body, limit_bytes)),
        })
    }
}

impl fmt::Debug for RemoteMedia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteMedia")
            .field("content_type", &self.content_type)
            .field("size_hint", &self.size_hint)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FederationMedia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FederationMedia").field("our_name", &self.0.our_name).finish_non_exhaustive()
    }
}

impl From<Unreachable> for FetchError {
    fn from(error: Unreachable) -> Self {
        match error {
            Unreachable::Fenced(fenced) => Self::Fenced(fenced),
            Unreachable::Failed(reason) => Self::Unavailable(reason),
        }
    }
}

/// A reply that is the media itself.
fn plain(response: Response, limit_bytes: u64) -> Result<RemoteMedia, FetchError> {
    let headers = PartHeaders {
        content_type: header(response.headers(), header::CONTENT_TYPE),
        content_disposition: header(response.headers(), header::CONTENT_DISPOSITION),
        content_length: response.content_length(),
        location: None,
    };
    RemoteMedia::new(&headers, response.bytes_stream().map_err(|error| broken(&error)), limit_bytes)
}

fn header(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Fails at the first byte too many, and ends after any failure.
fn limited(
    body: impl Stream<Item = Result<Bytes, FetchError>> + Send,
    limit_bytes: u64,
) -> impl Stream<Item = Result<Bytes, FetchError>> + Send {
    body.scan(Some(limit_bytes), |left, piece| {
        let Some(bytes_left) = *left else {
            return std::future::ready(None);
        };
        *left = piece.as_ref().ok().and_then(|bytes| bytes_left.checked_sub(bytes.len() as u64));
        let piece =
            piece.and_then(|bytes| if left.is_some() { Ok(bytes) } else { Err(FetchError::TooLarge) });
        std::future::ready(Some(piece))
    })
}

fn broken(error: &reqwest::Error) -> FetchError {
    FetchError::Unavailable(format!("the answer broke off: {}", reason(error)))
}

/// An answer in two parts on its way.
struct Parts {
    reader: Multipart,
    response: Response,
}

impl Parts {
    async fn up_to_media(&mut self) -> Result<PartHeaders, FetchError> {
        match self.event().await? {
            Event::Media(headers) => Ok(headers),
            other => Err(FetchError::Unavailable(format!("the answer begins with {other:?}"))),
        }
    }

    /// The next bytes of the media; `None` when it is complete.
    async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        match self.event().await? {
            Event::Bytes(bytes) => Ok(Some(bytes)),
            _ => Ok(None),
        }
    }

    async fn event(&mut self) -> Result<Event, FetchError> {
        loop {
            match self.reader.next() {
                Ok(Event::NeedMore) => match self.response.chunk().await.map_err(|error| broken(&error))? {
                    Some(bytes) => self.reader.feed(&bytes),
                    None => self.reader.finish(),
                },
                Ok(event) => return Ok(event),
                Err(error) => return Err(FetchError::Unavailable(error.to_string())),
            }
        }
    }
}

/// A reply other than 200.
struct Refused {
    status: StatusCode,
    error: Option<MatrixError>,
}

impl Refused {
    async fn read(response: Response) -> Self {
        let status = response.status();
        let body = reply::read(response, MAX_ERROR_BYTES).await;
        Self { status, error: body.ok().and_then(|body| MatrixError::parse(&body)) }
    }

    /// Whether the endpoint is unknown: as the specification says it (404 `M_UNRECOGNIZED`), and as older servers and
    /// proxies do (405, 400, or nothing that is an error of Matrix). 404 `M_NOT_FOUND` is about the media.
    fn is_unknown_endpoint(&self) -> bool {
        let unrecognized = self.error.as_ref().map(|error| error.errcode == "M_UNRECOGNIZED");
        match self.status {
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => unrecognized.unwrap_or(true),
            StatusCode::BAD_REQUEST => unrecognized.unwrap_or(false),
            _ => false,
        }
    }
}

impl From<Refused> for FetchError {
    fn from(Refused { status, error }: Refused) -> Self {
        match (status, error.as_ref().map(|error| error.errcode.as_str())) {
            (_, Some("M_NOT_YET_UPLOADED")) => Self::NotYetUploaded,
            (StatusCode::NOT_FOUND, _) => Self::NotFound,
            (status, Some(errcode)) => {
                Self::Unavailable(format!("the server answers {status} {errcode:.64}"))
            }
            (status, None) => Self::Unavailable(format!("the server answers {status}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> Refused {
        Refused { status: StatusCode::from_u16(status).unwrap(), error: MatrixError::parse(body.as_bytes()) }
    }

    #[test]
    fn only_an_unknown_endpoint_is_passed_over() {
        let unrecognized = r#"{"errcode":"M_UNRECOGNIZED","error":"?"}"#;
        let not_found = r#"{"errcode":"M_NOT_FOUND","error":"?"}"#;
        for (status, body, expected) in [
            (404, unrecognized, true),
            (405, unrecognized, true),
            (400, unrecognized, true),
            (404, "", true),
            (405, "<html>", true),
            (404, not_found, false),
            (400, "", false),
            (400, not_found, false),
            (401, unrecognized, false),
            (500, unrecognized, false),
            (502, "", false),
        ] {
            assert_eq!(refused(status, body).is_unknown_endpoint(), expected, "{status} {body}");
        }
    }

    #[test]
    fn refusals_mean_what_they_say() {
        let check = |status, errcode: &str, expected: FetchError| {
            let body = format!(r#"{{"errcode":"{errcode}"}}"#);
            assert_eq!(FetchError::from(refused(status, &body)), expected);
        };
        check(404, "M_NOT_FOUND", FetchError::NotFound);
        check(504, "M_NOT_YET_UPLOADED", FetchError::NotYetUploaded);
        let unavailable = |text: &str| FetchError::Unavailable(text.to_owned());
        check(401, "M_UNAUTHORIZED", unavailable("the server answers 401 Unauthorized M_UNAUTHORIZED"));
        check(502, "M_TOO_LARGE", unavailable("the server answers 502 Bad Gateway M_TOO_LARGE"));
    }

    #[tokio::test]
    async fn the_limit_is_exact() {
        let sent = async |pieces: &[&'static str], limit| {
            let pieces: Vec<_> =
                pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
            limited(stream::iter(pieces), limit).collect::<Vec<_>>().await
        };
        let ok = |text: &'static str| Ok(Bytes::from_static(text.as_bytes()));
        assert_eq!(sent(&["ab", "cd"], 4).await, [ok("ab"), ok("cd")]);
        assert_eq!(sent(&["ab", "cd", "ef"], 3).await, [ok("ab"), Err(FetchError::TooLarge)]);
        assert_eq!(sent(&[], 0).await, []);
    }
}
