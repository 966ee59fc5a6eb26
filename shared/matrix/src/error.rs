//! Refusal or fault to status and `errcode`: one table.

use std::time::Duration;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use media_core::{Refusal, mxc::MxcError, refusal::LimitPage};
use serde_json::json;

/// What a handler returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why there is no answer: we say no, or we failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// We say no, and the caller sees why.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// We failed. The log gets the whole chain, once, here at the door; the caller gets "Internal error".
    #[error(transparent)]
    Fault(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// A failure of ours.
    pub fn fault(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Fault(error.into())
    }
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        Self::fault(error)
    }
}

/// The statuses are not in the specification: an impossible id is simply not there, an impossible server name is a
/// parameter that makes no sense. Neither reaches the network or S3.
impl From<MxcError> for Error {
    fn from(error: MxcError) -> Self {
        Self::Refusal(match error {
            MxcError::ImpossibleMediaId => Refusal::NotFound,
            MxcError::ImpossibleServerName | MxcError::NotAnMxcUri => {
                Refusal::InvalidParam { name: "serverName", problem: "must be a Matrix server name" }
            }
        })
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self {
            Self::Refusal(refusal) => refuse(&refusal),
            Self::Fault(error) => {
                tracing::error!(%error, "A request failed");
                internal_error()
            }
        }
    }
}

/// What everybody is told when we failed.
pub(crate) fn internal_error() -> Response {
    let body = json!({ "errcode": "M_UNKNOWN", "error": "Internal error" });
    (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
}

fn refuse(refusal: &Refusal) -> Response {
    let (status, errcode) = status_and_errcode(refusal);
    let mut body = json!({ "errcode": errcode, "error": refusal.to_string() });
    match refusal {
        Refusal::UnknownToken { soft_logout: true } | Refusal::UserLocked => {
            body["soft_logout"] = true.into();
        }
        Refusal::UserLimit { more: Some(LimitPage { info_uri, can_upgrade }), .. } => {
            body["info_uri"] = info_uri.as_str().into();
            body["can_upgrade"] = (*can_upgrade).into();
        }
        _ => {}
    }
    let retry_after = retry_after(refusal);
    if let Some(retry_after) = retry_after {
        body["retry_after_ms"] = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX).into();
    }
    let mut response = (status, Json(body)).into_response();
    if let Some(retry_after) = retry_after {
        // Whole seconds, rounded up: coming back a moment early would be refused again (RFC 9110, section 10.2.3).
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn retry_after(refusal: &Refusal) -> Option<Duration> {
    match refusal {
        Refusal::LimitExceeded { retry_after }
        | Refusal::TooManyPending { retry_after }
        | Refusal::UploadedMuchLately { retry_after } => Some(*retry_after),
        _ => None,
    }
}

/// The table. A missing media id is never `M_UNRECOGNIZED`: peers take that for a missing endpoint and fall back to the
/// unauthenticated one.
fn status_and_errcode(refusal: &Refusal) -> (StatusCode, &'static str) {
    use StatusCode as S;
    match refusal {
        Refusal::MissingToken => (S::UNAUTHORIZED, "M_MISSING_TOKEN"),
        Refusal::UnknownToken { .. } => (S::UNAUTHORIZED, "M_UNKNOWN_TOKEN"),
        Refusal::UserLocked => (S::UNAUTHORIZED, "M_USER_LOCKED"),
        Refusal::UserSuspended => (S::FORBIDDEN, "M_USER_SUSPENDED"),
        Refusal::GuestsNotAllowed => (S::FORBIDDEN, "M_GUEST_ACCESS_FORBIDDEN"),
        Refusal::Unsigned(_) => (S::UNAUTHORIZED, "M_UNAUTHORIZED"),
        Refusal::UserLimit { more: Some(_), .. } => (S::FORBIDDEN, "M_USER_LIMIT_EXCEEDED"),
        Refusal::FederationDenied(_)
        | Refusal::Forbidden(_)
        | Refusal::DeadLink
        | Refusal::NotAnAdministrator
        | Refusal::NeedsAdministratorsToken
        | Refusal::UserLimit { more: None, .. } => (S::FORBIDDEN, "M_FORBIDDEN"),
        Refusal::UnknownDevice => (S::BAD_REQUEST, "M_UNKNOWN_DEVICE"),
        Refusal::NotFound | Refusal::ReservationExpired | Refusal::NothingUploaded | Refusal::NoSuchJob => {
            (S::NOT_FOUND, "M_NOT_FOUND")
        }
        Refusal::MissingParam(_) => (S::BAD_REQUEST, "M_MISSING_PARAM"),
        Refusal::InvalidParam { .. } => (S::BAD_REQUEST, "M_INVALID_PARAM"),
        Refusal::TooLarge { .. } | Refusal::TooLargeToThumbnail { remote: false } => {
            (S::PAYLOAD_TOO_LARGE, "M_TOO_LARGE")
        }
        Refusal::RemoteTooLarge { .. }
        | Refusal::TooLargeToThumbnail { remote: true }
        | Refusal::TooLargeToHandOut { .. } => (S::BAD_GATEWAY, "M_TOO_LARGE"),
        Refusal::BodyCutOff
        | Refusal::NotThumbnailable
        | Refusal::LinkWithToken
        | Refusal::MayNotBypassQuarantine
        | Refusal::NotOurs(_) => (S::BAD_REQUEST, "M_UNKNOWN"),
        Refusal::RemoteUnavailable(_)
        | Refusal::PageUnavailable
        | Refusal::NotPreviewable
        | Refusal::RoomUnknown(_) => (S::BAD_GATEWAY, "M_UNKNOWN"),
        // `outbound::administration` reads this status.
        Refusal::AskedInACircle => (S::LOOP_DETECTED, "M_UNKNOWN"),
        Refusal::NotYetUploaded => (S::GATEWAY_TIMEOUT, "M_NOT_YET_UPLOADED"),
        Refusal::CannotOverwrite => (S::CONFLICT, "M_CANNOT_OVERWRITE_MEDIA"),
        Refusal::LimitExceeded { .. }
        | Refusal::TooManyPending { .. }
        | Refusal::UploadedMuchLately { .. } => (S::TOO_MANY_REQUESTS, "M_LIMIT_EXCEEDED"),
        Refusal::PreconditionFailed => (S::PRECONDITION_FAILED, "M_UNKNOWN"),
        Refusal::RangeBeyondEnd => (S::RANGE_NOT_SATISFIABLE, "M_UNKNOWN"),
        Refusal::HomeserverUnavailable => (S::SERVICE_UNAVAILABLE, "M_UNKNOWN"),
        Refusal::OutOfTime => (S::GATEWAY_TIMEOUT, "M_UNKNOWN"),
        Refusal::UnrecognizedPath => (S::NOT_FOUND, "M_UNRECOGNIZED"),
        Refusal::UnrecognizedMethod => (S::METHOD_NOT_ALLOWED, "M_UNRECOGNIZED"),
    }
}

#[cfg(test)]
mod tests {
    use media_core::refusal::Hoard;

    use super::*;

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table, which is read from top to bottom")]
    fn every_refusal_has_its_status_and_errcode() {
        let table: String = [
            Refusal::MissingToken,
            Refusal::UnknownToken { soft_logout: false },
            Refusal::UserLocked,
            Refusal::UserSuspended,
            Refusal::GuestsNotAllowed,
            Refusal::Unsigned("no signature".into()),
            Refusal::FederationDenied("example.org".try_into().unwrap()),
            Refusal::Forbidden("no"),
            Refusal::NotAnAdministrator,
            Refusal::MayNotBypassQuarantine,
            Refusal::NotOurs("Can only delete local media"),
            Refusal::NeedsAdministratorsToken,
            Refusal::RoomUnknown("it answers 500".into()),
            Refusal::AskedInACircle,
            Refusal::NoSuchJob,
            Refusal::UnknownDevice,
            Refusal::NotFound,
            Refusal::ReservationExpired,
            Refusal::NothingUploaded,
            Refusal::MissingParam("width"),
            Refusal::InvalidParam { name: "width", problem: "is odd" },
            Refusal::TooLarge { limit_bytes: 1 },
            Refusal::BodyCutOff,
            Refusal::RemoteTooLarge { limit_bytes: 1 },
            Refusal::RemoteUnavailable("example.org".into()),
            Refusal::PageUnavailable,
            Refusal::NotPreviewable,
            Refusal::NotYetUploaded,
            Refusal::CannotOverwrite,
            Refusal::NotThumbnailable,
            Refusal::TooLargeToThumbnail { remote: false },
            Refusal::TooLargeToThumbnail { remote: true },
            Refusal::LimitExceeded { retry_after: Duration::from_millis(1500) },
            Refusal::TooManyPending { retry_after: Duration::from_millis(1500) },
            Refusal::UserLimit { what: Hoard::Bytes, more: None },
            Refusal::UserLimit { what: Hoard::Files, more: Some(page()) },
            Refusal::UploadedMuchLately { retry_after: Duration::from_millis(1500) },
            Refusal::PreconditionFailed,
            Refusal::RangeBeyondEnd,
            Refusal::DeadLink,
            Refusal::LinkWithToken,
            Refusal::HomeserverUnavailable,
            Refusal::OutOfTime,
            Refusal::TooLargeToHandOut { limit_bytes: 1 },
            Refusal::UnrecognizedPath,
            Refusal::UnrecognizedMethod,
        ]
        .iter()
        .map(|refusal| {
            let (status, errcode) = status_and_errcode(refusal);
            format!("{} {errcode}: {refusal}", status.as_u16())
        })
        .collect::<Vec<_>>()
        .join("\n");
        insta::assert_snapshot!(table, @r"
        401 M_MISSING_TOKEN: Missing access token: send it as `Authorization: Bearer …`.
        401 M_UNKNOWN_TOKEN: The homeserver does not recognise this access token.
        401 M_USER_LOCKED: This account has been locked.
        403 M_USER_SUSPENDED: This account has been suspended.
        403 M_GUEST_ACCESS_FORBIDDEN: Guests may download media and thumbnails, nothing else here.
        401 M_UNAUTHORIZED: no signature
        403 M_FORBIDDEN: Federation denied with example.org.
        403 M_FORBIDDEN: no
        403 M_FORBIDDEN: You are not a server admin.
        400 M_UNKNOWN: Must be a server admin to bypass quarantine.
        400 M_UNKNOWN: Can only delete local media
        403 M_FORBIDDEN: This call asks the homeserver, which needs the access token of one of its administrators.
        502 M_UNKNOWN: The homeserver did not say which media the room has: it answers 500.
        508 M_UNKNOWN: The homeserver's own address leads back here: MEDIA_HOMESERVER_URL must lead past the proxy in front.
        404 M_NOT_FOUND: There is no such job.
        400 M_UNKNOWN_DEVICE: The user that the application service acts for has no such device.
        404 M_NOT_FOUND: There is no such media.
        404 M_NOT_FOUND: This media id has expired: create another.
        404 M_NOT_FOUND: Nothing was uploaded to the URL that belongs to this media id.
        400 M_MISSING_PARAM: The parameter `width` is required.
        400 M_INVALID_PARAM: The parameter `width` is odd.
        413 M_TOO_LARGE: The upload is larger than the limit of 1 bytes.
        400 M_UNKNOWN: The body ended early: it was cut off on its way.
        502 M_TOO_LARGE: The remote media is larger than the limit of 1 bytes.
        502 M_UNKNOWN: The media could not be fetched from example.org.
        502 M_UNKNOWN: The page behind this link could not be fetched.
        502 M_UNKNOWN: The link leads to something that no preview is made of.
        504 M_NOT_YET_UPLOADED: The media has not been uploaded yet.
        409 M_CANNOT_OVERWRITE_MEDIA: This media id already has content.
        400 M_UNKNOWN: No thumbnail can be made of this media: it is not a picture of a kind that is understood here.
        413 M_TOO_LARGE: The picture is too large for a thumbnail.
        502 M_TOO_LARGE: The picture is too large for a thumbnail.
        429 M_LIMIT_EXCEEDED: Too many requests: try again later.
        429 M_LIMIT_EXCEEDED: Too many media ids are waiting for their uploads: finish one, or wait until one expires.
        403 M_FORBIDDEN: You have uploaded as much as you may: delete something first.
        403 M_USER_LIMIT_EXCEEDED: You have uploaded as many files as you may: delete something first.
        429 M_LIMIT_EXCEEDED: You have uploaded as much as you may for now: try again later.
        412 M_UNKNOWN: The bytes are others than those that the request is about.
        416 M_UNKNOWN: The range lies beyond the end of the media.
        403 M_FORBIDDEN: This link is no longer good: ask for the media again.
        400 M_UNKNOWN: A signed link is followed as it is: without an `Authorization` header and with nothing added.
        503 M_UNKNOWN: The homeserver cannot be reached to check the access token: try again later.
        504 M_UNKNOWN: There was no time left to answer: try again.
        502 M_TOO_LARGE: Larger than the 1 bytes that are handed out here: ask with `allow_redirect=true`.
        404 M_UNRECOGNIZED: Unrecognized request: there is no such endpoint.
        405 M_UNRECOGNIZED: Unrecognized request: this endpoint does not know the method.
        ");
    }

    fn page() -> LimitPage {
        LimitPage { info_uri: "https://example.org/plans".to_owned(), can_upgrade: true }
    }

    #[test]
    fn waiting_times_are_rounded_up_to_whole_seconds() {
        let response = refuse(&Refusal::LimitExceeded { retry_after: Duration::from_millis(1001) });
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }
}
