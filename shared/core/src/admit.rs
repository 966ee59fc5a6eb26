//! May these bytes come in, and under which type and name?

use crate::{
    limits::{Limits, MAX_CONTENT_TYPE_BYTES, MAX_FILE_NAME_BYTES},
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
/// [`Refusal::TooLarge`] when the client itself says that it is too large.
pub fn admit(announced_bytes: Option<u64>, limits: &Limits) -> Result<(), Refusal> {
    match announced_bytes {
        Some(bytes) if bytes > limits.upload_bytes => {
            Err(Refusal::TooLarge { limit_bytes: limits.upload_bytes })
        }
        _ => Ok(()),
    }
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
        let limits = Limits { upload_bytes: 10, ..Limits::default() };
        assert_eq!(admit(Some(10), &limits), Ok(()));
        assert_eq!(admit(None, &limits), Ok(()));
        assert_eq!(admit(Some(11), &limits), Err(Refusal::TooLarge { limit_bytes: 10 }));
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
