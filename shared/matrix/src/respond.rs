//! Answers: redirects, pictures, two-part federation replies, and the headers that content must carry.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use media_core::{Refusal, Timestamp, mxc::random_name};
use storage::{Blobs, SignedUrl, presign::Presentation};

use crate::{
    Error, Result, Wanted,
    serve::{Slice, content_range},
};

/// The policy on everything that is content (client-server API, "Content repository", serving content).
pub const CONTENT_SECURITY_POLICY: &str = "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; style-src 'unsafe-inline'; object-src 'self';";

/// What never changes under its address.
const FOREVER: &str = "private, max-age=31536000, immutable";

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

/// A picture that is small enough to be answered from its record: as much of it as is wanted.
pub fn picture(bytes: Vec<u8>, shown_as: &Presentation, wanted: &Wanted) -> Result<Response> {
    let length = bytes.len() as u64;
    let slice = wanted.of(shown_as.etag.as_deref(), length);
    let bytes = Bytes::from(bytes);
    let body = match &slice {
        Slice::Part(part) => bytes.slice(in_memory(part.start)..in_memory(part.end)),
        _ => bytes,
    };
    content(&slice, length, shown_as, Body::from(body))
}

/// Content of `length` bytes, of which `body` has what `slice` says.
///
/// It never changes, so that a browser may keep it; nobody else may, since it is for whoever has a token, or once had a
/// link. With the sandbox that content needs ([`content_headers`]).
pub fn content(slice: &Slice, length: u64, shown_as: &Presentation, body: Body) -> Result<Response> {
    let (status, body) = match slice {
        Slice::Whole => (StatusCode::OK, body),
        Slice::Part(_) => (StatusCode::PARTIAL_CONTENT, body),
        Slice::NotModified => (StatusCode::NOT_MODIFIED, Body::empty()),
        Slice::PreconditionFailed => return Err(Refusal::PreconditionFailed.into()),
        Slice::Unsatisfiable => {
            let mut response = Error::from(Refusal::RangeBeyondEnd).into_response();
            let range = HeaderValue::try_from(content_range(None, length)).map_err(Error::fault)?;
            response.headers_mut().insert(header::CONTENT_RANGE, range);
            return Ok(response);
        }
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.extend(content_headers());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(FOREVER));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(etag) = &shown_as.etag {
        headers.insert(header::ETAG, HeaderValue::try_from(etag).map_err(Error::fault)?);
    }
    if *slice == Slice::NotModified {
        return Ok(response);
    }
    headers.extend(described(shown_as)?);
    let sent = match slice {
        Slice::Part(part) => {
            let range = HeaderValue::try_from(content_range(Some(part), length)).map_err(Error::fault)?;
            headers.insert(header::CONTENT_RANGE, range);
            part.end - part.start
        }
        _ => length,
    };
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(sent));
    Ok(response)
}

/// As much of an object as is wanted, through us: for those who may not be sent elsewhere. One call to S3, or none when
/// nothing is wanted but the headers.
pub async fn object(
    blobs: &Blobs,
    key: &str,
    length: u64,
    shown_as: &Presentation,
    wanted: &Wanted,
) -> Result<Response> {
    let slice = wanted.of(shown_as.etag.as_deref(), length);
    let part = match &slice {
        Slice::Whole if !wanted.is_head && length > 0 => Some(None),
        Slice::Part(part) => Some(Some(part.clone())),
        _ => None,
    };
    let body = match part {
        Some(part) => {
            let object = blobs.open_part(key, part).await?.ok_or(Refusal::NotFound)?;
            Body::from_stream(object.into_stream())
        }
        None => Body::empty(),
    };
    content(&slice, length, shown_as, body)
}

/// A place in bytes that are in memory, so that it fits.
fn in_memory(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
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
            let Presentation { content_type, disposition, .. } = shown_as;
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
