//! Answers: redirects, pictures, two-part federation replies, and the headers that content must carry.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use media_core::{Timestamp, mxc::random_name};
use storage::{SignedUrl, presign::Presentation};

use crate::{Error, Result};

/// The policy on everything that is content (client-server API, "Content repository", serving content).
pub const CONTENT_SECURITY_POLICY: &str = "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; style-src 'unsafe-inline'; object-src 'self';";

/// How much earlier than its URL a redirect is forgotten, in seconds, so that nobody follows one that just died.
const REDIRECT_MARGIN_S: u64 = 60;

/// Characters of a multipart boundary: far too many to meet one inside a file by chance.
const BOUNDARY_CHARS: usize = 32;

/// Headers for whatever hands out content: ours here, the S3 engine's on one machine, CloudFront's in the cloud.
#[must_use]
pub fn content_headers() -> HeaderMap {
    HeaderMap::from_iter([
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            HeaderName::from_static("x-robots-tag"),
            HeaderValue::from_static("noindex, nofollow, noarchive, noimageindex"),
        ),
    ])
}

/// `307` to a signed URL; cached by the browser for less long than the URL lives, and by nobody else.
pub fn redirect(to: &SignedUrl, now: Timestamp) -> Result<Response> {
    let fresh_s = to.expires_at.since(now).as_secs().saturating_sub(REDIRECT_MARGIN_S);
    let location = HeaderValue::try_from(&to.url).map_err(Error::fault)?;
    let cache = HeaderValue::try_from(format!("private, max-age={fresh_s}")).map_err(Error::fault)?;
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, cache)];
    Ok((StatusCode::TEMPORARY_REDIRECT, headers).into_response())
}

/// A picture that is small enough to be answered from its record.
pub fn picture(bytes: Vec<u8>, shown_as: &Presentation) -> Result<Response> {
    let mut response = (described(shown_as)?, Body::from(bytes)).into_response();
    response.headers_mut().extend(content_headers());
    let forever = HeaderValue::from_static("private, max-age=31536000, immutable");
    response.headers_mut().insert(header::CACHE_CONTROL, forever);
    Ok(response)
}

/// The second part of a federation reply.
pub enum Part {
    /// The bytes themselves, with their length.
    Bytes(u64, Body),
    /// Where a plain GET finds them.
    Location(SignedUrl),
}

/// `multipart/mixed` in exactly the form that every deployed receiver reads (server-server API, "Content repository").
///
/// Synapse takes the boundary verbatim, so it is unquoted and last; wants `application/json` without a charset as the
/// first header of the first part; loses the file name unless the type comes before the disposition; and overwrites a
/// `Location` with any header after it.
pub fn multipart(shown_as: &Presentation, part: Part) -> Result<Response> {
    let boundary = random_name(BOUNDARY_CHARS);
    let open = format!("--{boundary}\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--{boundary}\r\n");
    let close = format!("\r\n--{boundary}--\r\n");
    let (length, body) = match part {
        Part::Bytes(length, body) => {
            let Presentation { content_type, disposition } = shown_as;
            let head =
                format!("{open}Content-Type: {content_type}\r\nContent-Disposition: {disposition}\r\n\r\n");
            ((head.len() + close.len()) as u64 + length, framed(head, body.into_data_stream(), close))
        }
        Part::Location(to) => {
            let whole = format!("{open}Location: {}\r\n\r\n{close}", to.url);
            (whole.len() as u64, Body::from(whole))
        }
    };
    let content_type =
        HeaderValue::try_from(format!("multipart/mixed; boundary={boundary}")).map_err(Error::fault)?;
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

fn framed<E>(
    head: String,
    bytes: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    close: String,
) -> Body
where
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let edge =
        |text: String| stream::iter([Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Bytes::from(text))]);
    Body::from_stream(edge(head).chain(bytes.map(|piece| piece.map_err(Into::into))).chain(edge(close)))
}

fn described(shown_as: &Presentation) -> Result<HeaderMap> {
    let content_type = HeaderValue::try_from(&shown_as.content_type).map_err(Error::fault)?;
    let disposition = HeaderValue::try_from(&shown_as.disposition).map_err(Error::fault)?;
    Ok(HeaderMap::from_iter([
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_DISPOSITION, disposition),
    ]))
}
