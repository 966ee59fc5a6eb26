//! Which thumbnails exist, and which one answers a request.

use std::fmt;

use crate::refusal::Refusal;

/// The five usual thumbnails (client-server API, "Thumbnails"): made when a picture arrives.
pub const USUAL: [Shape; 5] = [
    Shape::new(32, 32, Method::Crop),
    Shape::new(96, 96, Method::Crop),
    Shape::new(320, 240, Method::Scale),
    Shape::new(640, 480, Method::Scale),
    Shape::new(800, 600, Method::Scale),
];

/// Boxes that a `scale` request is rounded up to; beyond the usual ones they are made when asked for.
const SCALE_STEPS: [(u32, u32); 5] = [(320, 240), (640, 480), (800, 600), (1280, 960), (1920, 1440)];

/// Longest sides that a `crop` request is rounded up to.
const CROP_STEPS: [u32; 7] = [32, 96, 320, 640, 800, 1280, 1920];

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

/// The shape that answers a request: the smallest step that is large enough, so that few shapes serve all requests.
///
/// A `crop` keeps the request's aspect (to a pixel). What asks for more than the largest step gets the largest step:
/// the caller then prefers the original, when it is smaller than that anyway.
#[must_use]
pub fn choose(wanted: Shape) -> Shape {
    let (width, height) = match wanted.method {
        Method::Scale => scale_step(wanted),
        Method::Crop => crop_step(wanted),
    };
    Shape { width, height, ..wanted }
}

fn scale_step(wanted: Shape) -> (u32, u32) {
    let enough = |&&(width, height): &&(u32, u32)| width >= wanted.width && height >= wanted.height;
    *SCALE_STEPS.iter().find(enough).unwrap_or(&SCALE_STEPS[SCALE_STEPS.len() - 1])
}

fn crop_step(wanted: Shape) -> (u32, u32) {
    let longest = wanted.width.max(wanted.height);
    let step = *CROP_STEPS.iter().find(|&&step| step >= longest).unwrap_or(&CROP_STEPS[CROP_STEPS.len() - 1]);
    let fit = |side: u32| {
        let scaled = (u64::from(side) * u64::from(step)).div_ceil(u64::from(longest));
        u32::try_from(scaled).unwrap_or(step).max(1)
    };
    (fit(wanted.width), fit(wanted.height))
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

    fn check(method: Method, asked: (u32, u32), expected: (u32, u32)) {
        let chosen = choose(Shape::new(asked.0, asked.1, method));
        assert_eq!((chosen.width, chosen.height), expected, "{method:?} {asked:?}");
    }

    #[test]
    fn the_usual_sizes_are_their_own_answer() {
        for shape in USUAL {
            assert_eq!(choose(shape), shape);
        }
    }

    #[test]
    fn other_sizes_are_rounded_up() {
        check(Method::Scale, (1, 1), (320, 240));
        check(Method::Scale, (320, 241), (640, 480));
        check(Method::Scale, (801, 1), (1280, 960));
        check(Method::Scale, (u32::MAX, 1), (1920, 1440));
        check(Method::Crop, (1, 1), (32, 32));
        check(Method::Crop, (33, 33), (96, 96));
        check(Method::Crop, (320, 240), (320, 240));
        check(Method::Crop, (100, 50), (320, 160));
        check(Method::Crop, (u32::MAX, 1), (1920, 1));
    }

    #[test]
    fn a_crop_keeps_the_aspect_of_the_request() {
        for (width, height) in [(48, 48), (50, 200), (300, 400), (799, 601)] {
            let chosen = choose(Shape::new(width, height, Method::Crop));
            assert!(chosen.width >= width && chosen.height >= height);
            let wanted = f64::from(width) / f64::from(height);
            let got = f64::from(chosen.width) / f64::from(chosen.height);
            assert!((wanted / got - 1.0).abs() < 0.02, "{width}x{height}: {chosen}");
        }
    }

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
