//! May these bytes come in, and under which type and name?

use ruma_common::UserId;

use crate::{
    clock::Timestamp,
    limits::{MAX_CONTENT_TYPE_BYTES, MAX_FILE_NAME_BYTES},
    record::{Record, Reservation, State},
    refusal::Refusal,
};

/// What is kept of an upload besides its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The type as the client said it, verbatim; `application/octet-stream` when it said none.
    pub content_type: String,
    /// The file name, without control characters and at most [`MAX_FILE_NAME_BYTES`] long; `None` when empty.
    pub upload_name: Option<String>,
}

/// Judges an upload by what is known before its body is read: the announced length, if there is one.
///
/// # Errors
/// [`Refusal::TooLarge`] when the client itself says that it is larger than `limit_bytes`.
pub fn admit(announced_bytes: Option<u64>, limit_bytes: u64) -> Result<(), Refusal> {
    match announced_bytes {
        Some(bytes) if bytes > limit_bytes => Err(Refusal::TooLarge { limit_bytes }),
        _ => Ok(()),
    }
}

/// Whether `user` may fill the reserved name of which `record` is known, at `now`.
///
/// The order is Synapse's, and it matters: whoever sends an empty body without a type to a name that has content is told
/// about the content (complement asks so). Unknown, somebody else's, filled already, expired.
pub fn fill<'a>(
    record: Option<&'a Record>,
    user: &UserId,
    now: Timestamp,
) -> Result<&'a Reservation, Refusal> {
    let record = record.ok_or(Refusal::NotFound)?;
    if record.uploader.as_deref() != Some(user) {
        return Err(Refusal::Forbidden("This media id was created by somebody else."));
    }
    match &record.state {
        State::Stored(_) | State::Scanning(_) => Err(Refusal::CannotOverwrite),
        State::Reserved(reservation) if reservation.expires_at > now => Ok(reservation),
        State::Reserved(_) => Err(Refusal::ReservationExpired),
        // Another server's, which nobody here created; or nothing that anybody may know of.
        State::Fetching(_) | State::Failed(_) | State::Deleting(_) | State::Barred => Err(Refusal::NotFound),
    }
}

/// Whether the operator takes this type: `forbidden` are types such as `video/mp4`, or `video/*` for all of a kind.
///
/// # Errors
/// [`Refusal::Forbidden`] when it is on the list; parameters and letter case do not matter.
pub fn admit_type(content_type: &str, forbidden: &[String]) -> Result<(), Refusal> {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_forbidden = forbidden.iter().any(|pattern| is_named_by(pattern, &essence));
    if is_forbidden {
        Err(Refusal::Forbidden("Media of this type may not be uploaded here."))
    } else {
        Ok(())
    }
}

/// Whether `pattern`, in which `*` stands for any letters, is a name for `name`.
#[must_use]
pub fn is_named_by(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Makes the label under which an upload is kept.
///
/// The type is stored as it was said, even nonsense like `img/png` (specification 1.12, MSC2701): only a value that
/// cannot be a header is replaced.
#[must_use]
pub fn label(content_type: Option<&str>, file_name: Option<&str>) -> Label {
    Label {
        content_type: content_type
            .map(str::trim)
            .filter(|said| is_header_value(said))
            .unwrap_or("application/octet-stream")
            .to_owned(),
        upload_name: file_name.map(clean_file_name).filter(|name| !name.is_empty()),
    }
}

/// A name that can stand in a header: no control characters, not longer than [`MAX_FILE_NAME_BYTES`].
#[must_use]
pub fn clean_file_name(name: &str) -> String {
    let mut clean: String = name.chars().filter(|letter| !letter.is_control()).collect();
    clean.truncate(clean.floor_char_boundary(MAX_FILE_NAME_BYTES));
    clean
}

fn is_header_value(said: &str) -> bool {
    (1..=MAX_CONTENT_TYPE_BYTES).contains(&said.len())
        && said.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_of_exactly_the_limit_is_admitted() {
        assert_eq!(admit(Some(10), 10), Ok(()));
        assert_eq!(admit(None, 10), Ok(()));
        assert_eq!(admit(Some(11), 10), Err(Refusal::TooLarge { limit_bytes: 10 }));
    }

    fn record(uploader: &str, state: State) -> Record {
        Record {
            mxc: "mxc://example.org/abc".parse().unwrap(),
            state,
            created_at: Timestamp(0),
            uploader: Some(uploader.try_into().unwrap()),
            authenticated: true,
            quarantined_by: None,
            protected: false,
            last_access: None,
            picture: None,
        }
    }

    #[test]
    fn a_name_is_filled_by_its_creator_once_and_in_time() {
        let alice: &UserId = "@alice:example.org".try_into().unwrap();
        let reserved = State::Reserved(Reservation { expires_at: Timestamp(10), staging_key: None });
        let stored = State::Stored(crate::record::Content {
            object_key: "originals/x".into(),
            brought_as: "originals/x".into(),
            content_type: "a/b".into(),
            size_bytes: 0,
            sha256: None,
            upload_name: None,
        });
        let check = |uploader, state: &State, now| {
            fill(Some(&record(uploader, state.clone())), alice, Timestamp(now)).map(drop)
        };
        assert_eq!(fill(None, alice, Timestamp(0)), Err(Refusal::NotFound));
        assert_eq!(check("@alice:example.org", &reserved, 9), Ok(()));
        assert_eq!(check("@alice:example.org", &reserved, 10), Err(Refusal::ReservationExpired));
        assert_eq!(check("@alice:example.org", &stored, 99), Err(Refusal::CannotOverwrite));
        for state in [&reserved, &stored] {
            assert!(matches!(check("@bob:example.org", state, 99), Err(Refusal::Forbidden(_))));
        }
    }

    #[test]
    fn an_asterisk_stands_for_any_letters() {
        for (pattern, name) in [
            ("@a:b", "@a:b"),
            ("*", "anything"),
            ("@telegram_*:example.org", "@telegram_1:example.org"),
            ("@telegram_*:example.org", "@telegram_:example.org"),
            ("*bot*:*", "@my_bot_2:example.org"),
        ] {
            assert!(is_named_by(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("@a:b", "@a:bc"),
            ("@telegram_*:example.org", "@whatsapp_1:example.org"),
            ("@telegram_*:example.org", "@telegram_1:example.com"),
            ("a*a", "a"),
            ("", "a"),
        ] {
            assert!(!is_named_by(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn types_are_forbidden_one_by_one_or_by_their_kind() {
        let forbidden = ["video/*".to_owned(), "application/x-msdownload".to_owned()];
        for refused in ["video/mp4", "Video/WEBM; codecs=vp9", "application/x-msdownload"] {
            assert!(admit_type(refused, &forbidden).is_err(), "{refused}");
        }
        for taken in ["image/png", "application/x-msdownload2", "videos/mp4", ""] {
            assert_eq!(admit_type(taken, &forbidden), Ok(()), "{taken}");
        }
    }

    #[test]
    fn types_are_kept_as_they_were_said() {
        assert_eq!(label(Some("img/png"), None).content_type, "img/png");
        assert_eq!(label(Some("Text/Plain; charset=utf-8"), None).content_type, "Text/Plain; charset=utf-8");
        for nonsense in [None, Some(""), Some("a\u{7f}b"), Some("ä"), Some(&*"x".repeat(256))] {
            assert_eq!(label(nonsense, None).content_type, "application/octet-stream", "{nonsense:?}");
        }
    }

    #[test]
    fn names_lose_what_could_change_a_header() {
        assert_eq!(label(None, Some("a\r\nb\0.png")).upload_name.as_deref(), Some("ab.png"));
        assert_eq!(label(None, Some("")).upload_name, None);
        let long = "ä".repeat(200);
        assert_eq!(label(None, Some(&long)).upload_name.map(|name| name.len()), Some(254));
    }
}
