//! Every reason we say no.

use std::time::Duration;

use ruma_common::OwnedServerName;

/// A request that we understood, or could not, and will not answer: the caller may see why.
///
/// A *fault* — we failed — is not among these. `matrix::error` maps each to a status and an `errcode`, in one table.
/// The sentences are written for the person who reads them in a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No access token was sent.
    #[error("Missing access token: send it as `Authorization: Bearer …`.")]
    MissingToken,
    /// The homeserver does not know the token. `soft_logout` is passed on from it.
    #[error("The homeserver does not recognise this access token.")]
    UnknownToken {
        /// The client may keep its encryption keys and log in again.
        soft_logout: bool,
    },
    /// An application service names a device that its user does not have (specification 1.17).
    #[error("The user that the application service acts for has no such device.")]
    UnknownDevice,
    /// The account is locked (specification 1.12).
    #[error("This account has been locked.")]
    UserLocked,
    /// The account is suspended (specification 1.13).
    #[error("This account has been suspended.")]
    UserSuspended,
    /// A guest asked for what guests may not do.
    #[error("Guests may download media and thumbnails, nothing else here.")]
    GuestsNotAllowed,
    /// The federation request is not signed as it must be.
    #[error("{0}")]
    Unsigned(String),
    /// The operator wants nothing to do with this server (Synapse's words for it).
    #[error("Federation denied with {0}.")]
    FederationDenied(OwnedServerName),
    /// This user may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Only an administrator may do this (Synapse's words for it).
    #[error("You are not a server admin.")]
    NotAnAdministrator,
    /// Only an administrator sees what is quarantined (Synapse's words for it).
    #[error("Must be a server admin to bypass quarantine.")]
    MayNotBypassQuarantine,
    /// The call is about what is ours and was asked about something else.
    #[error("{0}")]
    NotOurs(&'static str),
    /// The administrator is known here alone, by the shared secret, and this call asks the homeserver in their name.
    #[error("This call asks the homeserver, which needs the access token of one of its administrators.")]
    NeedsAdministratorsToken,
    /// The homeserver did not say what was asked for.
    #[error("The homeserver did not say which media the room has: {0}.")]
    RoomUnknown(String),
    /// The homeserver sent the question back to us: the routes in front go in a circle.
    #[error(
        "The homeserver's own address leads back here: MEDIA_HOMESERVER_URL must lead past the proxy in front."
    )]
    AskedInACircle,
    /// There is no such job, or no longer.
    #[error("There is no such job.")]
    NoSuchJob,
    /// There is no such media, or nobody may see it.
    #[error("There is no such media.")]
    NotFound,
    /// A parameter is needed.
    #[error("The parameter `{0}` is required.")]
    MissingParam(&'static str),
    /// A parameter makes no sense.
    #[error("The parameter `{name}` {problem}.")]
    InvalidParam {
        /// Which one.
        name: &'static str,
        /// What is wrong with it, as the end of a sentence.
        problem: &'static str,
    },
    /// The upload is larger than the limit.
    #[error("The upload is larger than the limit of {limit_bytes} bytes.")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The body ended before it was complete.
    #[error("The body ended early: it was cut off on its way.")]
    BodyCutOff,
    /// Another server's media is larger than the limit.
    #[error("The remote media is larger than the limit of {limit_bytes} bytes.")]
    RemoteTooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// Another server's media could not be had.
    #[error("The media could not be fetched from {0}.")]
    RemoteUnavailable(String),
    /// The page that a preview was asked for could not be had.
    #[error("The page behind this link could not be fetched.")]
    PageUnavailable,
    /// The page is none that a preview is made of.
    #[error("The link leads to something that no preview is made of.")]
    NotPreviewable,
    /// The media was promised, but its bytes have not come while we waited.
    #[error("The media has not been uploaded yet.")]
    NotYetUploaded,
    /// The id was created, nothing was uploaded to it, and it is too late now.
    #[error("This media id has expired: create another.")]
    ReservationExpired,
    /// The id has content already.
    #[error("This media id already has content.")]
    CannotOverwrite,
    /// No thumbnail can be made of this.
    #[error("No thumbnail can be made of this media: it is not a picture of a kind that is understood here.")]
    NotThumbnailable,
    /// The picture is too large to make a thumbnail of.
    #[error("The picture is too large for a thumbnail.")]
    TooLargeToThumbnail {
        /// Whether it belongs to another server, which decides the status.
        remote: bool,
    },
    /// More pending uploads than one user may have.
    #[error("Too many media ids are waiting for their uploads: finish one, or wait until one expires.")]
    TooManyPending {
        /// When the first of them expires.
        retry_after: Duration,
    },
    /// One user has as many bytes, or as many files, as they may.
    #[error("{}", sentence_of_limit(*.what))]
    UserLimit {
        /// Of what.
        what: Hoard,
        /// Where they can read about it, if the operator says.
        more: Option<LimitPage>,
    },
    /// One user has uploaded as much as they may within a time.
    #[error("You have uploaded as much as you may for now: try again later.")]
    UploadedMuchLately {
        /// When enough of it is long enough ago.
        retry_after: Duration,
    },
    /// An upload that should have gone straight to the store has not arrived there.
    #[error("Nothing was uploaded to the URL that belongs to this media id.")]
    NothingUploaded,
    /// Too much at once.
    #[error("Too many requests: try again later.")]
    LimitExceeded {
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// A condition in the request (`If-Match`) does not hold.
    #[error("The bytes are others than those that the request is about.")]
    PreconditionFailed,
    /// The range lies beyond the end; a header says where that is.
    #[error("The range lies beyond the end of the media.")]
    RangeBeyondEnd,
    /// A signed link has expired, or is not what was signed.
    #[error("This link is no longer good: ask for the media again.")]
    DeadLink,
    /// A signed link came with an access token as well, which S3 refuses.
    #[error("A signed link is followed as it is: without an `Authorization` header and with nothing added.")]
    LinkWithToken,
    /// The homeserver cannot be asked whose token this is.
    #[error("The homeserver cannot be reached to check the access token: try again later.")]
    HomeserverUnavailable,
    /// Whatever was waited for did not come before this invocation had to end.
    #[error("There was no time left to answer: try again.")]
    OutOfTime,
    /// More bytes than an answer may have where there are only functions.
    #[error("Larger than the {limit_bytes} bytes that are handed out here: ask with `allow_redirect=true`.")]
    TooLargeToHandOut {
        /// The most.
        limit_bytes: u64,
    },
    /// No such endpoint.
    #[error("Unrecognized request: there is no such endpoint.")]
    UnrecognizedPath,
    /// The endpoint exists, but not with this method.
    #[error("Unrecognized request: this endpoint does not know the method.")]
    UnrecognizedMethod,
}

/// What somebody may have so much of and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hoard {
    /// Bytes.
    Bytes,
    /// Files.
    Files,
}

/// What `M_USER_LIMIT_EXCEEDED` says besides (specification 1.18, MSC4335).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitPage {
    /// A page for people that explains the limit.
    pub info_uri: String,
    /// Whether they can get more, there.
    pub can_upgrade: bool,
}

fn sentence_of_limit(what: Hoard) -> &'static str {
    match what {
        Hoard::Bytes => "You have uploaded as much as you may: delete something first.",
        Hoard::Files => "You have uploaded as many files as you may: delete something first.",
    }
}
