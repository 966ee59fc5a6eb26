//! What S3 refuses by the look of a request, before any signature is computed.

use std::borrow::Cow;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, StatusCode};
use percent_encoding::percent_decode_str;
use s3s::{S3Error, S3ErrorCode, s3_error};

use crate::times::parse_signing_date;

/// Unsigned headers that do no harm: what the first says is verified against the body, the others are the
/// caller's own name.
const HARMLESS_UNSIGNED: [&str; 2] = ["x-amz-content-sha256", "x-amz-user-agent"];

/// What may go on to have its signature verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// A link that somebody was given, to read with.
    PresignedRead,
    Other,
}

/// Looks at how a request says who it is from, and whether a link still lives at `now_ms`.
pub(crate) fn admit<B>(request: &Request<B>, now_ms: u64) -> Result<Admitted, S3Error> {
    let query = request.uri().query().unwrap_or_default();
    let headers = request.headers();
    refuse_old_signatures(query, headers)?;
    refuse_forms(request.method(), headers)?;
    let Some(signed) = parameter(query, "X-Amz-SignedHeaders") else {
        return Ok(Admitted::Other);
    };
    if headers.contains_key(AUTHORIZATION) {
        return Err(two_mechanisms());
    }
    refuse_unsigned_headers(headers, &signed)?;
    refuse_dead_links(query, now_ms / 1000)?;
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    Ok(if reads { Admitted::PresignedRead } else { Admitted::Other })
}

/// Somebody who forwards their own `Authorization` to a link learns why it does not work.
fn two_mechanisms() -> S3Error {
    s3_error!(
        InvalidArgument,
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter \
         or the Authorization header should be specified"
    )
}

/// A signature of version 2 says nothing about headers; S3 has not taken it in new regions since 2014.
fn refuse_old_signatures(query: &str, headers: &HeaderMap) -> Result<(), S3Error> {
    let in_header = headers.get(AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"AWS "));
    if in_header || (parameter(query, "Signature").is_some() && parameter(query, "AWSAccessKeyId").is_some())
    {
        return Err(s3_error!(
            InvalidRequest,
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
        ));
    }
    Ok(())
}

/// Uploads by HTML form are not offered, and their parsing would come before their signature.
fn refuse_forms(method: &Method, headers: &HeaderMap) -> Result<(), S3Error> {
    let form = headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().to_ascii_lowercase().starts_with(b"multipart/form-data"));
    if form && method == Method::POST {
        return Err(s3_error!(NotImplemented, "Uploads by HTML form are not offered"));
    }
    Ok(())
}

/// Whoever was given a link may not add to what it does.
fn refuse_unsigned_headers(headers: &HeaderMap, signed: &str) -> Result<(), S3Error> {
    let unsigned = headers.keys().find(|name| {
        name.as_str().starts_with("x-amz-")
            && !HARMLESS_UNSIGNED.contains(&name.as_str())
            && !signed.split(';').any(|signed| signed.eq_ignore_ascii_case(name.as_str()))
    });
    let Some(name) = unsigned else { return Ok(()) };
    let mut refusal = S3Error::with_message(
        S3ErrorCode::AccessDenied,
        format!("There were headers present in the request which were not signed: {name}"),
    );
    refusal.set_status_code(StatusCode::FORBIDDEN);
    Err(refusal)
}

/// The signature is verified against the machine's clock, too; this one is the engine's, which a host may move.
fn refuse_dead_links(query: &str, now: u64) -> Result<(), S3Error> {
    let signed_at = parameter(query, "X-Amz-Date").and_then(|date| parse_signing_date(&date));
    let life = parameter(query, "X-Amz-Expires").and_then(|seconds| seconds.parse::<u64>().ok());
    match signed_at.zip(life) {
        Some((signed_at, life)) if now > signed_at.saturating_add(life) => {
            Err(s3_error!(AccessDenied, "Request has expired"))
        }
        // What says neither is refused with its signature.
        _ => Ok(()),
    }
}

/// The decoded value of a query parameter.
fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        if key == name { Some(percent_decode_str(value).decode_utf8_lossy()) } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, headers: &[(&str, &str)], expected: Result<Admitted, &str>) {
        let mut request = Request::get(format!("http://localhost/bucket/key?{query}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let admitted = admit(&request.body(()).unwrap(), NOW_MS);
        assert_eq!(
            admitted.map_err(|error| error.code().as_str().to_owned()),
            expected.map_err(str::to_owned)
        );
    }

    /// 2026-11-24T14:41:42Z
    const NOW_MS: u64 = 1_795_531_302_000;

    const PRESIGNED: &str = "X-Amz-SignedHeaders=host%3Bx-amz-meta-a&X-Amz-Signature=0";

    #[test]
    fn a_link_is_enough_by_itself() {
        check(PRESIGNED, &[], Ok(Admitted::PresignedRead));
        check(PRESIGNED, &[("authorization", "Bearer x")], Err("InvalidArgument"));
        check("", &[("authorization", "AWS4-HMAC-SHA256 x")], Ok(Admitted::Other));
    }

    #[test]
    fn a_link_takes_no_headers_that_were_not_signed() {
        check(PRESIGNED, &[("x-amz-meta-a", "1")], Ok(Admitted::PresignedRead));
        check(PRESIGNED, &[("x-amz-meta-b", "1")], Err("AccessDenied"));
        check(PRESIGNED, &[("x-other", "1")], Ok(Admitted::PresignedRead));
    }

    #[test]
    fn a_link_lives_until_its_last_second() {
        let signed = |date: &str| format!("{PRESIGNED}&X-Amz-Date={date}&X-Amz-Expires=60");
        check(&signed("20261124T144042Z"), &[], Ok(Admitted::PresignedRead));
        check(&signed("20261124T144041Z"), &[], Err("AccessDenied"));
    }

    #[test]
    fn signatures_of_version_2_are_refused() {
        check("", &[("authorization", "AWS key:signature")], Err("InvalidRequest"));
        check("AWSAccessKeyId=a&Signature=b&Expires=1", &[], Err("InvalidRequest"));
    }
}
