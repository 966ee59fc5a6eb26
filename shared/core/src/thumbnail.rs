//! Which thumbnails there are: their shapes, their formats, and where their bytes lie.

mod choose;
mod fit;

use std::fmt;

use crate::refusal::Refusal;

pub use choose::{Choice, choose, step, usual};
pub use fit::{Fit, fit};

/// The five usual thumbnails (client-server API, "Thumbnails"): made when a picture arrives.
pub const USUAL: [Shape; 5] = [
    Shape::new(32, 32, Method::Crop),
    Shape::new(96, 96, Method::Crop),
    Shape::new(320, 240, Method::Scale),
    Shape::new(640, 480, Method::Scale),
    Shape::new(800, 600, Method::Scale),
];

/// Which way of making thumbnails this is. It is part of their keys and entity tags, so that other bytes have another name,
/// and what an earlier version could make nothing of is looked at again.
pub const PIPELINE_VERSION: u32 = 4;

/// How a picture is fitted to a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// The request's aspect: resized to cover, the overhang cut off evenly.
    Crop,
    /// The picture's aspect: resized to fit inside.
    Scale,
}

impl Method {
    /// The specification's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crop => "crop",
            Self::Scale => "scale",
        }
    }
}

/// What is asked for: a size and a way to fit it. Never larger than the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shape {
    /// Pixels across, of the box that the picture is fitted to.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// How it is fitted.
    pub method: Method,
    /// Whether it may move.
    pub animated: bool,
}

impl Shape {
    /// A still shape.
    #[must_use]
    pub const fn new(width: u32, height: u32, method: Method) -> Self {
        Self { width, height, method, animated: false }
    }
}

/// `96x96/crop/still`, for object keys and logs.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moves = if self.animated { "animated" } else { "still" };
        write!(f, "{}x{}/{}/{moves}", self.width, self.height, self.method.as_str())
    }
}

/// The formats that a thumbnail may have (specification 1.12 lists these and APNG).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// Photographs, and drawings without transparency when smaller so.
    Jpeg,
    /// Pictures with transparency.
    Png,
    /// A still GIF or an animation in a client that asked for no other.
    Gif,
    /// Animations.
    Webp,
}

impl Format {
    /// The media type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }

    /// The word in records, keys and file names.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::Webp => "webp",
        }
    }

    /// Reads the record's word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Jpeg, Self::Png, Self::Gif, Self::Webp].into_iter().find(|format| format.as_str() == word)
    }
}

/// A thumbnail that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// What it answers.
    pub shape: Shape,
    /// What it is encoded as.
    pub format: Format,
    /// Its real width in pixels, at most the shape's.
    pub width: u32,
    /// Its real height in pixels, at most the shape's.
    pub height: u32,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Where its bytes are.
    pub body: Body,
}

impl Thumbnail {
    /// The name that clients are told: made by us, never the upload's.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("thumbnail.{}", self.format.as_str())
    }
}

/// Where a thumbnail's bytes are.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// In the record itself: at most [`crate::limits::INLINE_THUMBNAIL_BYTES`].
    Inline(Vec<u8>),
    /// In an S3 object of this key.
    Object(String),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(bytes) => write!(f, "Inline({} bytes)", bytes.len()),
            Self::Object(key) => write!(f, "Object({key})"),
        }
    }
}

/// Reads the parameters of a thumbnail request.
///
/// `width` and `height` must be positive whole numbers; `method` is `scale` when absent (the specification names no
/// default, Synapse takes `scale`).
///
/// # Errors
/// [`Refusal::MissingParam`] or [`Refusal::InvalidParam`], which name the parameter.
pub fn parse(
    width: Option<&str>,
    height: Option<&str>,
    method: Option<&str>,
    animated: Option<&str>,
) -> Result<Shape, Refusal> {
    let method = match method {
        None | Some("scale") => Method::Scale,
        Some("crop") => Method::Crop,
        Some(_) => {
            return Err(Refusal::InvalidParam { name: "method", problem: "must be `crop` or `scale`" });
        }
    };
    let animated = match animated {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            return Err(Refusal::InvalidParam { name: "animated", problem: "must be `true` or `false`" });
        }
    };
    Ok(Shape { width: side("width", width)?, height: side("height", height)?, method, animated })
}

fn side(name: &'static str, value: Option<&str>) -> Result<u32, Refusal> {
    let value = value.ok_or(Refusal::MissingParam(name))?;
    match value.parse::<i64>() {
        Ok(pixels) if pixels > 0 => Ok(u32::try_from(pixels).unwrap_or(u32::MAX)),
        _ => Err(Refusal::InvalidParam { name, problem: "must be a positive whole number of pixels" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senseless_parameters_are_refused_by_name() {
        assert_eq!(parse(None, Some("1"), None, None), Err(Refusal::MissingParam("width")));
        for nonsense in ["abc", "-1", "0", "", "1.5", "99999999999999999999"] {
            let refused = parse(Some("1"), Some(nonsense), None, None);
            assert!(matches!(refused, Err(Refusal::InvalidParam { name: "height", .. })), "{nonsense}");
        }
        assert!(matches!(
            parse(Some("1"), Some("1"), Some("stretch"), None),
            Err(Refusal::InvalidParam { name: "method", .. })
        ));
        assert!(matches!(
            parse(Some("1"), Some("1"), None, Some("1")),
            Err(Refusal::InvalidParam { name: "animated", .. })
        ));
        assert_eq!(parse(Some("7"), Some("9999999999"), None, None).unwrap().height, u32::MAX);
    }
}
