//! What is known of one piece of media, the states it can be in, and the only legal moves between them.

use std::fmt;

use ruma_common::OwnedUserId;

use crate::{
    clock::{Day, Timestamp},
    mxc::Mxc,
};

/// What DynamoDB knows of one piece of media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose record this is.
    pub mxc: Mxc,
    /// Where it is on its way.
    pub state: State,
    /// When the record was first written.
    pub created_at: Timestamp,
    /// Who uploaded it; `None` for other servers' media.
    pub uploader: Option<OwnedUserId>,
    /// Stored under the authenticated endpoints' rules, so hidden from the legacy ones (specification 1.12, "freeze").
    pub authenticated: bool,
    /// Hidden by an administrator; `None` when it is not.
    pub quarantined_by: Option<String>,
    /// Spared by quarantine and retention.
    pub protected: bool,
    /// The last day on which somebody asked for it.
    pub last_access: Option<Day>,
    /// What `ingest` found in the bytes; `None` until it looked.
    pub picture: Option<Picture>,
}

impl Record {
    /// Whether `attempt` holds the lease on this record.
    #[must_use]
    pub fn is_leased_to(&self, attempt: &str) -> bool {
        matches!(&self.state, State::Fetching(lease) if lease.held_by == attempt)
    }

    /// The content, when the bytes are here and may be shown.
    #[must_use]
    pub fn content(&self) -> Option<&Content> {
        match &self.state {
            State::Stored(content) => Some(content),
            State::Reserved(_)
            | State::Scanning(_)
            | State::Fetching(_)
            | State::Failed(_)
            | State::Deleting(_)
            | State::Barred => None,
        }
    }

    /// The content, when the bytes are here, whether they may be shown or are still to be scanned.
    #[must_use]
    pub fn kept(&self) -> Option<&Content> {
        match &self.state {
            State::Stored(content) | State::Scanning(content) => Some(content),
            _ => None,
        }
    }
}

/// Where a piece of media is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// A name was given out and its bytes have not come. Local media only.
    Reserved(Reservation),
    /// The bytes are in S3.
    Stored(Content),
    /// They are, and nobody gets them before a scanner has seen them. It knows no way but to `Stored`, hidden or not.
    Scanning(Content),
    /// Somebody is bringing the bytes home. Other servers' media only.
    Fetching(Lease),
    /// The last attempt to bring them home failed.
    Failed(Failure),
    /// Somebody is taking everything of it away. It is nobody's to read any more, and only whoever ends the deletion
    /// removes the record: what a dead one left is found here.
    Deleting(Remains),
    /// A ban on some bytes came before the record of an upload that has them and is under way: that record will be born
    /// hidden. There is nothing here yet.
    Barred,
}

/// What is still to be taken away of media that is being deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// The object with its bytes, which others may share; `None` when they never came.
    pub object_key: Option<String>,
    /// The object that they came as ([`Content::brought_as`]).
    pub brought_as: Option<String>,
    /// How many bytes; 0 when they never came.
    pub size_bytes: u64,
    /// Their digest, if it is known.
    pub sha256: Option<Sha256>,
    /// Whether somebody was about to share an object that went straight to S3, and may not know yet that it is too late.
    pub joining: bool,
    /// Where bytes may lie that went straight to S3 and were not accepted.
    pub staging_key: Option<String>,
}

/// A name that waits for its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// From this moment on the name is dead.
    pub expires_at: Timestamp,
    /// The object that the bytes may be put into directly (MSC3870); `None` when they may only come through us.
    pub staging_key: Option<String>,
}

/// The bytes and how to hand them out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The S3 object, as `storage::keys` wrote it. Everybody who has the same bytes shares one.
    pub object_key: String,
    /// The object that these bytes came as: random and used once, so whoever brought them knows their own hand by it. It
    /// is `object_key` for whoever was the first with these bytes; else it is spare and goes.
    pub brought_as: String,
    /// The type as uploaded, verbatim; `application/octet-stream` when none was said.
    pub content_type: String,
    /// How many bytes.
    pub size_bytes: u64,
    /// Their digest; `None` while an upload that went straight to S3 has not been read yet.
    pub sha256: Option<Sha256>,
    /// The name that came with the upload.
    pub upload_name: Option<String>,
}

impl Content {
    /// The spare object, of bytes that were here already.
    #[must_use]
    pub fn spare_object(&self) -> Option<&str> {
        (self.brought_as != self.object_key).then_some(self.brought_as.as_str())
    }
}

/// A claim on a remote item that expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Grows with every claim; what is stored must carry the latest.
    pub fence: u64,
    /// The attempt that holds it: a random name, so that a retried write recognises itself.
    pub held_by: String,
    /// After this (and the clocks' skew) anybody may claim.
    pub expires_at: Timestamp,
}

/// Why the bytes could not be brought home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong, as far as readers need to know.
    pub reason: FailureReason,
    /// Attempts that failed in a row.
    pub attempts: u32,
    /// Before this nobody tries again.
    pub retry_at: Timestamp,
}

/// What a failed fetch means for readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureReason {
    /// The origin says there is no such media.
    NotFound,
    /// It is larger than we fetch.
    TooLarge,
    /// The origin could not be reached or answered nonsense.
    Unavailable,
}

impl FailureReason {
    /// The word that the record keeps.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
        }
    }

    /// Reads the record's word; an unknown one, from a later version, counts as unavailable.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "not_found" => Self::NotFound,
            "too_large" => Self::TooLarge,
            _ => Self::Unavailable,
        }
    }
}

/// What was found in the bytes by whoever looked first: `ingest`, or a reader who came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// A picture of this size, in pixels, after its orientation was applied. It may have more of them than the limit.
    Measured {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// Whether it has more than one frame.
        moves: bool,
    },
    /// Nothing that a thumbnail can be made of: a document, a broken or an encrypted file.
    Unsupported,
    /// A picture that takes more time or memory than it is given.
    Exhausting,
}

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    /// Reads 64 hexadecimal digits; `None` for anything else.
    #[must_use]
    pub fn from_hex(digits: &str) -> Option<Self> {
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(0..32) {
            *byte = u8::from_str_radix(&digits[2 * pair..2 * pair + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_being_written_and_read() {
        let digest = Sha256(std::array::from_fn(|i| u8::try_from(i * 7).unwrap()));
        assert_eq!(Sha256::from_hex(&digest.to_string()), Some(digest));
    }

    #[test]
    fn what_is_no_digest_is_not_read_as_one() {
        for text in ["", "abc", &"g".repeat(64), &"ä".repeat(32), &"+1".repeat(32)] {
            assert_eq!(Sha256::from_hex(text), None, "{text:?}");
        }
    }
}
