//! Another server's media, brought as a stream.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use http::{HeaderMap, StatusCode, header};
use media_core::{Mxc, OwnedServerName, Timestamp, admit, disposition::file_name_of};
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
    /// The other server failed a moment ago and is left alone; it was not asked.
    #[error("the server failed and is left alone for a while")]
    LeftAlone {
        /// Until when.
        until: Timestamp,
    },
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
    /// The signed endpoint is asked first; the open, deprecated one only when the origin says that it does not know the
    /// first (server-server API and client-server API, "Content repository"). An origin that cannot be reached, or fails
    /// with a status of 500 or more, is not asked for anything for a while, by any of our processes.
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
        let leave = self.peers.back_off().leave_to_ask(&mxc.origin).await;
        let leave = leave.map_err(|until| FetchError::LeftAlone { until })?;
        match self.ask(mxc, deadline).await {
            Ok(answer) => {
                leave.answered().await;
                self.open(answer, limit_bytes, deadline).await
            }
            Err(NoMedia { is_outage: true, error }) => {
                leave.failed().await;
                Err(error)
            }
            Err(NoMedia { is_outage: false, error }) => {
                leave.answered().await;
                Err(error)
            }
        }
    }

    /// Asks the origin and nobody else.
    async fn ask(&self, mxc: &Mxc, deadline: Instant) -> Result<Answer, NoMedia> {
        if let Some(key) = &self.signing_key
            && let Some(response) = self.ask_signed(key, mxc, deadline).await?
        {
            return Ok(Answer::TwoParts(response));
        }
        self.ask_openly(mxc, deadline).await
    }

    /// `None` when the origin does not know the endpoint.
    async fn ask_signed(
        &self,
        key: &SigningKey,
        mxc: &Mxc,
        deadline: Instant,
    ) -> Result<Option<Response>, NoMedia> {
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

    /// The endpoint of before version 1.11. `allow_remote=false` keeps servers from asking each other in circles. There
    /// is nothing to fall back to from here.
    async fn ask_openly(&self, mxc: &Mxc, deadline: Instant) -> Result<Answer, NoMedia> {
        let target = format!(
            "/_matrix/media/v3/download/{}/{}?allow_remote=false&timeout_ms={}&allow_redirect=true",
            mxc.origin,
            mxc.media_id,
            ORIGIN_WAIT.as_millis()
        );
        let (url, response) = self.peers.get(&mxc.origin, &target, None, deadline).await?;
        if let Some(elsewhere) = links::next(&url, &response).map_err(FetchError::from)? {
            return Ok(Answer::Elsewhere(elsewhere));
        }
        if response.status() == StatusCode::OK {
            return Ok(Answer::Media(response));
        }
        let refusal = Refused::read(response).await;
        if refusal.is_unknown_endpoint() { Err(FetchError::NotFound.into()) } else { Err(refusal.into()) }
    }

    async fn open(
        &self,
        answer: Answer,
        limit_bytes: u64,
        deadline: Instant,
    ) -> Result<RemoteMedia, FetchError> {
        match answer {
            Answer::TwoParts(response) => self.two_parts(response, limit_bytes, deadline).await,
            Answer::Media(response) => plain(response, limit_bytes),
            Answer::Elsewhere(url) => plain(self.follow(url, deadline).await?, limit_bytes),
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
            let response = self.follow(link(&location)?, deadline).await?;
            return plain(response, limit_bytes);
        }
        let body = stream::try_unfold(parts, async |mut parts| {
            let bytes = parts.next().await?;
            Ok(bytes.map(|bytes| (bytes, parts)))
        });
        RemoteMedia::new(&headers, body, limit_bytes)
    }

    async fn follow(&self, url: Url, deadline: Instant) -> Result<Response, FetchError> {
        let response = self.peers.follow(url, deadline).await?;
        match response.status() {
            StatusCode::OK => Ok(response),
            StatusCode::NOT_FOUND => Err(FetchError::NotFound),
            other => Err(FetchError::Unavailable(format!("what the answer links to answers {other}"))),
        }
    }
}

/// What an origin answered that has the media, or knows where it is.
enum Answer {
    TwoParts(Response),
    Media(Response),
    Elsewhere(Url),
}

/// What an origin answered that gives none, or why it did not answer.
struct NoMedia {
    error: FetchError,
    /// Whether it would fail for any media.
    is_outage: bool,
}

/// The URL in an answer's second part, which must be a whole one: there is nothing that it could be relative to.
fn link(location: &str) -> Result<Url, FetchError> {
    let url = if location.len() <= MAX_URL_BYTES { Url::parse(location).ok() } else { None };
    url.ok_or_else(|| FetchError::Unavailable("the answer links to what is no URL".to_owned()))
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

impl From<FetchError> for NoMedia {
    fn from(error: FetchError) -> Self {
        Self { error, is_outage: false }
    }
}

impl From<Unreachable> for NoMedia {
    fn from(error: Unreachable) -> Self {
        let is_outage = matches!(error, Unreachable::Failed(_));
        Self { error: error.into(), is_outage }
    }
}

impl From<Refused> for NoMedia {
    fn from(refused: Refused) -> Self {
        let is_outage = refused.is_outage();
        Self { error: refused.into(), is_outage }
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
            match self.reader.read() {
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

    /// Whether the origin says that it does not know the endpoint: 404 `M_UNRECOGNIZED`, and what older servers say with
    /// the same errcode, 405 and 400. A 404 that does not say so may be about the media, or a proxy's.
    fn is_unknown_endpoint(&self) -> bool {
        let may_say_so = matches!(
            self.status,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::BAD_REQUEST
        );
        may_say_so && self.errcode() == Some("M_UNRECOGNIZED")
    }

    /// Whether the origin fails, or asks to be left alone: what it says of this media it would say of any.
    fn is_outage(&self) -> bool {
        let is_about_the_media = matches!(self.errcode(), Some("M_NOT_YET_UPLOADED" | "M_TOO_LARGE"));
        let fails = self.status.is_server_error() || self.status == StatusCode::TOO_MANY_REQUESTS;
        fails && !is_about_the_media
    }

    fn errcode(&self) -> Option<&str> {
        self.error.as_ref().map(|error| error.errcode.as_str())
    }
}

impl From<Refused> for FetchError {
    fn from(refused: Refused) -> Self {
        match (refused.status, refused.errcode()) {
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
            (404, "", false),
            (404, "<html>", false),
            (404, r#"{"error":"M_UNRECOGNIZED"}"#, false),
            (405, "<html>", false),
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
    fn only_what_would_fail_for_any_media_is_an_outage() {
        for (status, errcode, expected) in [
            (500, "M_UNKNOWN", true),
            (502, "", true),
            (503, "M_UNKNOWN", true),
            (429, "M_LIMIT_EXCEEDED", true),
            (502, "M_TOO_LARGE", false),
            (504, "M_NOT_YET_UPLOADED", false),
            (404, "M_NOT_FOUND", false),
            (401, "M_UNAUTHORIZED", false),
            (403, "M_FORBIDDEN", false),
        ] {
            let body = format!(r#"{{"errcode":"{errcode}"}}"#);
            assert_eq!(refused(status, &body).is_outage(), expected, "{status} {errcode}");
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
