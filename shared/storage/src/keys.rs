//! Every kind of object there is, with the key it is kept under.
//!
//! Keys are ASCII `[A-Za-z0-9/_-]`, are used once and never overwritten with other bytes. Nothing that a client or
//! another server sends becomes part of one.

use std::fmt;

use media_core::{
    Sha256,
    mxc::random_name,
    thumbnail::{Format, PIPELINE_VERSION, Shape},
};

/// Characters of chance in a key: 192 bits, since whoever knows a key is one signature away from the bytes.
const RANDOM_CHARS: usize = 32;

/// The name of one object in the bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// What a local user uploaded.
    Original(String),
    /// What was fetched from another server.
    Remote(String),
    /// A thumbnail too large for its record.
    Thumbnail(String),
    /// An upload that went straight to S3 and has not been accepted yet.
    Staging(String),
    /// The picture of a URL preview.
    Preview(String),
}

impl Key {
    /// A fresh key for an upload.
    #[must_use]
    pub fn new_original() -> Self {
        Self::Original(random_name(RANDOM_CHARS))
    }

    /// A fresh key for an upload that goes straight to S3.
    #[must_use]
    pub fn new_staging() -> Self {
        Self::Staging(random_name(RANDOM_CHARS))
    }

    /// A fresh key for one attempt to fetch something: a late loser of a race can only write an orphan.
    #[must_use]
    pub fn new_remote() -> Self {
        Self::Remote(random_name(RANDOM_CHARS))
    }

    /// A fresh key for the picture of a URL preview.
    #[must_use]
    pub fn new_preview() -> Self {
        Self::Preview(random_name(RANDOM_CHARS))
    }

    /// The key of a thumbnail: the same source, shape and pipeline give the same key and the same bytes, so making it
    /// twice changes nothing. It is named after the object that it was made of, never after its digest: whoever deletes
    /// both late must not meet the thumbnails of bytes that came again.
    #[must_use]
    pub fn thumbnail(source_key: &str, shape: Shape, format: Format) -> Self {
        Self::Thumbnail(format!("{}/{}", last_name(source_key), variant(shape, format)))
    }

    /// What the keys of all thumbnails of an object begin with.
    #[must_use]
    pub fn thumbnails_of(source_key: &str) -> String {
        format!("thumbnails/{}/", last_name(source_key))
    }

    /// Reads the key of an object that S3 tells us about; `None` when it is none of ours.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        let (prefix, name) = key.split_once('/')?;
        let name = name.to_owned();
        match prefix {
            "originals" => Some(Self::Original(name)),
            "remote" => Some(Self::Remote(name)),
            "thumbnails" => Some(Self::Thumbnail(name)),
            "staging" => Some(Self::Staging(name)),
            "previews" => Some(Self::Preview(name)),
            _ => None,
        }
    }
}

/// The entity tag of a thumbnail: digest, shape and pipeline give the same bytes always.
#[must_use]
pub fn thumbnail_tag(source: &Sha256, shape: Shape, format: Format) -> String {
    format!("{source}-{}", variant(shape, format))
}

fn variant(shape: Shape, format: Format) -> String {
    format!("{}-{}-{PIPELINE_VERSION}", shape.to_string().replace('/', "-"), format.as_str())
}

fn last_name(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or_default()
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Original(name) => write!(f, "originals/{name}"),
            Self::Remote(name) => write!(f, "remote/{name}"),
            Self::Thumbnail(name) => write!(f, "thumbnails/{name}"),
            Self::Staging(name) => write!(f, "staging/{name}"),
            Self::Preview(name) => write!(f, "previews/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use media_core::thumbnail::{Method, USUAL};

    use super::*;

    #[test]
    fn keys_are_read_back_and_hold_nothing_but_safe_ascii() {
        for key in [
            Key::new_original(),
            Key::new_remote(),
            Key::new_preview(),
            Key::thumbnail("originals/abc", USUAL[0], Format::Jpeg),
            Key::thumbnail("remote/abc", Shape::new(1, 2, Method::Scale), Format::Png),
        ] {
            let text = key.to_string();
            assert_eq!(Key::parse(&text), Some(key));
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_-".contains(&b)), "{text}");
        }
    }

    #[test]
    fn other_objects_are_none_of_ours() {
        for key in ["", "originals", "others/x", "Originals/x"] {
            assert_eq!(Key::parse(key), None);
        }
    }

    #[test]
    fn all_thumbnails_of_an_object_and_no_others_begin_alike() {
        let of = |source| Key::thumbnail(source, USUAL[0], Format::Jpeg).to_string();
        assert!(of("originals/abc").starts_with(&Key::thumbnails_of("originals/abc")));
        assert!(!of("originals/abcd").starts_with(&Key::thumbnails_of("originals/abc")));
    }

    #[test]
    fn two_shapes_never_share_a_key() {
        let key = |shape, format| Key::thumbnail("originals/x", shape, format).to_string();
        let crop = Shape::new(96, 96, Method::Crop);
        let keys = [
            key(crop, Format::Jpeg),
            key(crop, Format::Png),
            key(Shape::new(96, 96, Method::Scale), Format::Jpeg),
            key(Shape { animated: true, ..crop }, Format::Jpeg),
        ];
        assert_eq!(keys.iter().collect::<std::collections::HashSet<_>>().len(), keys.len());
    }
}
