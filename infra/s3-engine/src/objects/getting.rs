//! GetObject and HeadObject.

use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPIRES, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, HeaderValue};
use rusqlite::Connection;
use s3s::dto::{ChecksumMode, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, Range};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::leaving::{self, Reading};
use super::{etag, size};
use crate::checksums::{Stored as Checksum, tell_checksum};
use crate::conditions::{Conditions, Verdict};
use crate::error::Error;
use crate::ranges::Window;
use crate::signed::SignedTag;
use crate::store::Store;
use crate::store::rows::objects::{self, Object};
use crate::times::{http_date, timestamp};

/// How often a reader looks again when the object was replaced between its row and its bytes.
const LOOKS: usize = 64;

/// What a request wants to see of an object.
struct Asked {
    bucket: String,
    key: String,
    tag: Option<SignedTag>,
    /// What a 304 repeats of an answer that the request itself describes.
    cache_control: Option<String>,
    conditions: Conditions,
    range: Option<Range>,
    part: Option<i32>,
    with_checksum: bool,
}

/// An object that may be shown, and how much of it.
struct Found<B> {
    object: Object,
    window: Window,
    body: B,
}

/// Why an object is not shown; each has headers or words of its own.
enum Unseen {
    NotModified(Box<Object>),
    PreconditionFailed,
    RangeNotSatisfiable(u64),
    Failed(Error),
}

pub(crate) async fn get(
    store: &Arc<Store>,
    request: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    let conditions = request.extensions.get().cloned().unwrap_or_default();
    let tag = request.extensions.get().cloned();
    let input = request.input;
    let asked = Asked {
        tag,
        cache_control: input.response_cache_control.clone(),
        bucket: input.bucket,
        key: input.key,
        conditions,
        range: input.range,
        part: input.part_number,
        with_checksum: wants_checksum(input.checksum_mode.as_ref()),
    };
    let with_checksum = asked.with_checksum;
    let place = Arc::clone(store);
    let opened = store.read(move |rows| Ok(open(&place, rows, &asked))).await?;
    let Found { object, window, body } = opened.map_err(S3Error::from)?;

    let mut output = GetObjectOutput {
        body: Some(body),
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(size(window.length())),
        content_range: window.content_range(object.size_bytes),
        content_type: Some(object.described.content_type()),
        content_disposition: object.described.content_disposition.clone(),
        content_encoding: object.described.content_encoding.clone(),
        content_language: object.described.content_language.clone(),
        cache_control: object.described.cache_control.clone(),
        expires: object.described.expires(),
        e_tag: Some(etag(&object.etag)),
        last_modified: Some(timestamp(object.modified_ms)),
        metadata: object.described.metadata(),
        tag_count: tag_count(&object),
        parts_count: parts_count(&object, window),
        ..GetObjectOutput::default()
    };
    let checksum = shown_checksum(&object, window, with_checksum);
    tell_checksum!(output, checksum);
    output.checksum_type = checksum.map(|checksum| checksum.scope.dto());
    Ok(S3Response::new(output))
}

pub(crate) async fn head(
    store: &Arc<Store>,
    request: S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let conditions = request.extensions.get().cloned().unwrap_or_default();
    let tag = request.extensions.get().cloned();
    let input = request.input;
    let asked = Asked {
        tag,
        cache_control: input.response_cache_control.clone(),
        bucket: input.bucket,
        key: input.key,
        conditions,
        range: input.range,
        part: input.part_number,
        with_checksum: wants_checksum(input.checksum_mode.as_ref()),
    };
    let with_checksum = asked.with_checksum;
    let looked = store.read(move |rows| Ok(look(rows, &asked))).await?;
    let Found { object, window, body: () } = looked.map_err(S3Error::from)?;

    let described = &object.described;
    let mut output = HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(size(window.length())),
        content_range: window.content_range(object.size_bytes),
        content_type: input.response_content_type.or_else(|| Some(described.content_type())),
        content_disposition: input
            .response_content_disposition
            .or_else(|| described.content_disposition.clone()),
        content_encoding: input.response_content_encoding.or_else(|| described.content_encoding.clone()),
        content_language: input.response_content_language.or_else(|| described.content_language.clone()),
        cache_control: input.response_cache_control.or_else(|| described.cache_control.clone()),
        expires: input.response_expires.or_else(|| described.expires()),
        e_tag: Some(etag(&object.etag)),
        last_modified: Some(timestamp(object.modified_ms)),
        metadata: described.metadata(),
        parts_count: parts_count(&object, window),
        ..HeadObjectOutput::default()
    };
    let checksum = shown_checksum(&object, window, with_checksum);
    tell_checksum!(output, checksum);
    output.checksum_type = checksum.map(|checksum| checksum.scope.dto());
    Ok(S3Response::new(output))
}

/// Finds the object and opens its bytes. A replacement between the two is seen as missing bytes: then the row
/// has changed, too, and is read again.
fn open(store: &Store, rows: &Connection, asked: &Asked) -> Result<Found<s3s::dto::StreamingBlob>, Unseen> {
    for _ in 0..LOOKS {
        let Found { object, window, body: () } = look(rows, asked)?;
        let reading = Reading::start(&store.blobs, &store.broom, &object.extents, window)?;
        if let Some(reading) = reading {
            return Ok(Found { object, window, body: leaving::body(reading)? });
        }
    }
    Err(Unseen::Failed(Error::Files(std::io::ErrorKind::NotFound.into())))
}

fn look(rows: &Connection, asked: &Asked) -> Result<Found<()>, Unseen> {
    let mut object = objects::require(rows, &asked.bucket, &asked.key)?;
    if let Some(SignedTag(tag)) = &asked.tag {
        object.etag.clone_from(tag);
    }
    if asked.cache_control.is_some() {
        object.described.cache_control.clone_from(&asked.cache_control);
    }
    match asked.conditions.judge_read(&object.etag, object.modified_ms) {
        Verdict::Proceed => {}
        Verdict::NotModified => return Err(Unseen::NotModified(Box::new(object))),
        Verdict::Failed => return Err(Unseen::PreconditionFailed),
    }
    let window = asked.window(&object)?;
    Ok(Found { object, window, body: () })
}

impl Asked {
    fn window(&self, object: &Object) -> Result<Window, Unseen> {
        let unsatisfiable = || Unseen::RangeNotSatisfiable(object.size_bytes);
        if let Some(part) = self.part {
            let number = usize::try_from(part).map_err(|_| unsatisfiable())?;
            if number == 1 && object.extents.first().is_none() {
                return Ok(Window::whole(object.size_bytes));
            }
            let (start, end) = object.extents.part(number).ok_or_else(unsatisfiable)?;
            return Ok(Window { start, end, partial: true });
        }
        let range = self.range.filter(|_| self.conditions.allow_range(&object.etag, object.modified_ms));
        Window::of(range, object.size_bytes).map_err(|_| unsatisfiable())
    }
}

impl From<Error> for Unseen {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Unseen> for S3Error {
    fn from(unseen: Unseen) -> Self {
        match unseen {
            Unseen::Failed(error) => error.into(),
            Unseen::PreconditionFailed => Error::PreconditionFailed.into(),
            Unseen::NotModified(object) => not_modified(&object),
            Unseen::RangeNotSatisfiable(size_bytes) => not_satisfiable(size_bytes),
        }
    }
}

/// A 304 repeats what a cache needs to keep its copy (RFC 9110, section 15.4.5).
fn not_modified(object: &Object) -> S3Error {
    let mut headers = HeaderMap::new();
    set(&mut headers, ETAG, &format!("\"{}\"", object.etag));
    set(&mut headers, LAST_MODIFIED, &http_date(object.modified_ms));
    if let Some(cache_control) = &object.described.cache_control {
        set(&mut headers, CACHE_CONTROL, cache_control);
    }
    if let Some(expires) = &object.described.expires {
        set(&mut headers, EXPIRES, expires);
    }
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    error.set_headers(headers);
    error
}

/// A 416 says how long the object is (RFC 9110, section 15.5.17).
fn not_satisfiable(size_bytes: u64) -> S3Error {
    let mut headers = HeaderMap::new();
    set(&mut headers, CONTENT_RANGE, &format!("bytes */{size_bytes}"));
    set(&mut headers, CONTENT_TYPE, "application/xml");
    let mut error = s3_error!(InvalidRange, "The requested range is not satisfiable");
    error.set_headers(headers);
    error
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn wants_checksum(mode: Option<&ChecksumMode>) -> bool {
    mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED)
}

/// A checksum is of the whole, so a part is shown without.
fn shown_checksum(object: &Object, window: Window, wanted: bool) -> Option<&Checksum> {
    object.checksum.as_ref().filter(|_| wanted && window.length() == object.size_bytes)
}

fn tag_count(object: &Object) -> Option<i32> {
    i32::try_from(object.tags.len()).ok().filter(|count| *count > 0)
}

/// S3 tells the number of parts to those who ask for one.
fn parts_count(object: &Object, window: Window) -> Option<i32> {
    let parts = object.etag.split_once('-')?.1.parse().ok()?;
    Some(parts).filter(|_| window.partial && window.length() < object.size_bytes)
}
