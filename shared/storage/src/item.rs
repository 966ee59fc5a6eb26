//! How records are written as DynamoDB items, and read back.

use std::collections::HashMap;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use media_core::{
    Content, Day, Mxc, Record, Reservation, Sha256, State, Timestamp, UserId,
    record::{Failure, FailureReason, Lease, Picture, Remains},
    thumbnail::{Body, Format, Method, PIPELINE_VERSION, Shape, Thumbnail},
};

use crate::{
    Error, Key,
    listing::{Measured, Owned},
    quarantine_changes::QuarantineChange,
};

/// A DynamoDB item.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The index that lists a user's media by age. Sparse: only local media has a `user_id`.
pub(crate) const BY_USER: &str = "by_user";

/// The sort key of the one item that every partition of the table starts with.
pub(crate) const MAIN: &str = "A";

/// The prefix of a thumbnail's sort key.
pub(crate) const THUMBNAIL: &str = "T#";

/// The partition of the feed of quarantines.
pub(crate) const QUARANTINE_CHANGES: &str = "Q#";

/// The prefix of the sort key of a reference to bytes that whoever has them shares.
pub(crate) const SHARING: &str = "R#";

/// The prefix of the sort key of a reference to bytes that are kept in an object of their own.
pub(crate) const OWN: &str = "O#";

/// Attribute names. None is a reserved word of DynamoDB's, so expressions can say them plainly.
pub(crate) mod attribute {
    pub(crate) const PK: &str = "pk";
    pub(crate) const SK: &str = "sk";
    pub(crate) const STATE: &str = "media_state";
    pub(crate) const CREATED_MS: &str = "created_ms";
    pub(crate) const USER_ID: &str = "user_id";
    pub(crate) const AUTHENTICATED: &str = "authenticated";
    pub(crate) const QUARANTINED_BY: &str = "quarantined_by";
    pub(crate) const PROTECTED: &str = "is_protected";
    pub(crate) const LAST_ACCESS_DAY: &str = "last_access_day";
    pub(crate) const EXPIRES_MS: &str = "expires_ms";
    pub(crate) const OBJECT_KEY: &str = "object_key";
    pub(crate) const BROUGHT_AS: &str = "brought_as";
    pub(crate) const JOINING_SHA256: &str = "joining_sha256";
    pub(crate) const SOURCE_KEY: &str = "source_key";
    pub(crate) const TOUCHED: &str = "touched";
    pub(crate) const LEFT_KEY: &str = "left_key";
    pub(crate) const BANNED_BY: &str = "banned_by";
    pub(crate) const BANNED_MS: &str = "banned_ms";
    pub(crate) const CONTENT_TYPE: &str = "content_type";
    pub(crate) const SIZE_BYTES: &str = "size_bytes";
    pub(crate) const SHA256: &str = "sha256";
    pub(crate) const UPLOAD_NAME: &str = "upload_name";
    pub(crate) const FENCE: &str = "fence";
    pub(crate) const LEASE_BY: &str = "lease_by";
    pub(crate) const LEASE_UNTIL_MS: &str = "lease_until_ms";
    pub(crate) const FAILURE: &str = "failure";
    pub(crate) const ATTEMPTS: &str = "attempts";
    pub(crate) const RETRY_MS: &str = "retry_ms";
    pub(crate) const PICTURE: &str = "picture";
    pub(crate) const PIPELINE: &str = "pipeline";
    pub(crate) const WIDTH: &str = "width_px";
    pub(crate) const HEIGHT: &str = "height_px";
    pub(crate) const INLINE: &str = "inline_bytes";
    pub(crate) const STAGING_KEY: &str = "staging_key";
    pub(crate) const STORED_BYTES: &str = "stored_bytes";
    pub(crate) const STORED_FILES: &str = "stored_files";
    pub(crate) const LATELY: &str = "lately";
    pub(crate) const COUNTS: &str = "counts";
    pub(crate) const COUNTED_BY: &str = "counted_by";
    pub(crate) const PENDING: &str = "pending_uploads";
    pub(crate) const TTL_S: &str = "ttl_s";
    pub(crate) const ORIGIN: &str = "origin";
    pub(crate) const MEDIA_ID: &str = "media_id";
    pub(crate) const IS_HIDDEN: &str = "is_hidden";
    pub(crate) const AT_MS: &str = "at_ms";
    pub(crate) const DECIDED_BY: &str = "decided_by";
    pub(crate) const HAND: &str = "hand";
}

/// The states' words in [`attribute::STATE`].
pub(crate) mod state {
    pub(crate) const RESERVED: &str = "reserved";
    pub(crate) const STORED: &str = "stored";
    pub(crate) const SCANNING: &str = "scanning";
    pub(crate) const FETCHING: &str = "fetching";
    pub(crate) const FAILED: &str = "failed";
    pub(crate) const DELETING: &str = "deleting";
    pub(crate) const BARRED: &str = "barred";
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl std::fmt::Display + Copy) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn time(at: Timestamp) -> AttributeValue {
    number(at.0)
}

/// The partition of everything about one piece of media.
pub(crate) fn media_key(mxc: &Mxc) -> String {
    format!("M#{}#{}", mxc.origin, mxc.media_id)
}

/// The partition of what is known of a local user.
pub(crate) fn user_key(user: &UserId) -> String {
    format!("U#{user}")
}

/// The partition of everything that has these bytes.
pub(crate) fn hash_key(sha256: &Sha256) -> String {
    format!("H#{sha256}")
}

/// The item that says that a piece of media has some bytes: its existence is the reference. Every attempt to bring them
/// has one of its own, named after the object that it brought, so that nobody takes back what another needs.
pub(crate) fn reference_sort_key(mxc: &Mxc, brought_as: &str) -> String {
    // The pictures of previews are swept by rules of their own, so they share with nobody.
    let kind = match Key::parse(brought_as) {
        Some(Key::Preview(_)) => OWN,
        _ => SHARING,
    };
    format!("{kind}{}#{}#{brought_as}", mxc.origin, mxc.media_id)
}

/// Reads such a sort key: whose the bytes are, and the object that they came as, of which builds before 0.1 said nothing.
pub(crate) fn parse_reference_sort_key(key: &str) -> Option<(Mxc, String)> {
    let names = key.strip_prefix(SHARING).or_else(|| key.strip_prefix(OWN))?;
    let mut names = names.splitn(3, '#');
    let mxc = Mxc::parse(names.next()?, names.next()?).ok()?;
    Some((mxc, names.next().unwrap_or_default().to_owned()))
}

/// What sorts behind every key that begins with `prefix`, which is ASCII.
pub(crate) fn after(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}

pub(crate) fn text_in(item: &Item, name: &str) -> Option<String> {
    Reader(item).text(name).ok().map(ToOwned::to_owned)
}

pub(crate) fn number_in(item: &Item, name: &str) -> Option<u64> {
    Reader(item).number(name).ok()
}

pub(crate) fn thumbnail_sort_key(shape: Shape, format: Format) -> String {
    let Shape { width, height, method, animated } = shape;
    format!("{THUMBNAIL}{width}x{height}#{}#{animated}#{}", method.as_str(), format.as_str())
}

pub(crate) fn of_record(record: &Record) -> Item {
    use attribute as a;
    let mut item = Item::from([
        (a::PK.to_owned(), text(media_key(&record.mxc))),
        (a::SK.to_owned(), text(MAIN)),
        (a::CREATED_MS.to_owned(), time(record.created_at)),
        (a::AUTHENTICATED.to_owned(), AttributeValue::Bool(record.authenticated)),
    ]);
    let mut put = |name: &str, value| item.insert(name.to_owned(), value);
    if let Some(user) = &record.uploader {
        put(a::USER_ID, text(user.as_str()));
    }
    if let Some(by) = &record.quarantined_by {
        put(a::QUARANTINED_BY, text(by));
    }
    if record.protected {
        put(a::PROTECTED, AttributeValue::Bool(true));
    }
    if let Some(day) = record.last_access {
        put(a::LAST_ACCESS_DAY, number(day));
    }
    for (name, value) in of_state(&record.state) {
        put(name, value);
    }
    for (name, value) in record.picture.iter().flat_map(|picture| of_picture(*picture)) {
        put(name, value);
    }
    item
}

/// The attributes of content that is here, which an upload, a completion and a fetch write alike.
pub(crate) fn of_content(content: &Content, is: &'static str) -> Vec<(&'static str, AttributeValue)> {
    use attribute as a;
    let mut attributes = vec![
        (a::STATE, text(is)),
        (a::OBJECT_KEY, text(&content.object_key)),
        (a::BROUGHT_AS, text(&content.brought_as)),
        (a::CONTENT_TYPE, text(&content.content_type)),
        (a::SIZE_BYTES, number(content.size_bytes)),
    ];
    attributes.extend(content.sha256.map(|digest| (a::SHA256, text(digest.to_string()))));
    attributes.extend(content.upload_name.as_ref().map(|name| (a::UPLOAD_NAME, text(name))));
    attributes
}

pub(crate) fn of_picture(picture: Picture) -> Vec<(&'static str, AttributeValue)> {
    use attribute as a;
    match picture {
        Picture::Measured { width, height, moves } => {
            let word = text(if moves { "moving" } else { "measured" });
            vec![(a::PICTURE, word), (a::WIDTH, number(width)), (a::HEIGHT, number(height))]
        }
        Picture::Unsupported => {
            vec![(a::PICTURE, text("unsupported")), (a::PIPELINE, number(PIPELINE_VERSION))]
        }
        Picture::Exhausting => {
            vec![(a::PICTURE, text("exhausting")), (a::PIPELINE, number(PIPELINE_VERSION))]
        }
    }
}

pub(crate) fn of_thumbnail(mxc: &Mxc, source_key: &str, thumbnail: &Thumbnail) -> Item {
    use attribute as a;
    let body = match &thumbnail.body {
        Body::Inline(bytes) => (a::INLINE.to_owned(), AttributeValue::B(Blob::new(bytes.clone()))),
        Body::Object(key) => (a::OBJECT_KEY.to_owned(), text(key)),
    };
    Item::from([
        (a::PK.to_owned(), text(media_key(mxc))),
        (a::SK.to_owned(), text(thumbnail_sort_key(thumbnail.shape, thumbnail.format))),
        (a::SOURCE_KEY.to_owned(), text(source_key)),
        (a::WIDTH.to_owned(), number(thumbnail.width)),
        (a::HEIGHT.to_owned(), number(thumbnail.height)),
        (a::SIZE_BYTES.to_owned(), number(thumbnail.size_bytes)),
        body,
    ])
}

pub(crate) fn to_record(item: &Item) -> Result<Record, Error> {
    use attribute as a;
    let read = Reader(item);
    Ok(Record {
        mxc: read.mxc()?,
        state: read.state()?,
        created_at: Timestamp(read.number(a::CREATED_MS)?),
        uploader: read.text(a::USER_ID).ok().and_then(|user| user.try_into().ok()),
        authenticated: read.flag(a::AUTHENTICATED),
        quarantined_by: read.text(a::QUARANTINED_BY).ok().map(ToOwned::to_owned),
        protected: read.flag(a::PROTECTED),
        last_access: read.number(a::LAST_ACCESS_DAY).ok().map(Day),
        picture: read.picture()?,
    })
}

/// A change of quarantine by its number: with leading zeros, since sort keys are compared as text.
pub(crate) fn quarantine_change_sort_key(number: u64) -> String {
    format!("{number:020}")
}

pub(crate) fn of_quarantine_change(number: u64, change: &QuarantineChange) -> Item {
    use attribute as a;
    Item::from([
        (a::PK.to_owned(), text(QUARANTINE_CHANGES)),
        (a::SK.to_owned(), text(quarantine_change_sort_key(number))),
        (a::ORIGIN.to_owned(), text(change.mxc.origin.as_str())),
        (a::MEDIA_ID.to_owned(), text(change.mxc.media_id.as_str())),
        (a::IS_HIDDEN.to_owned(), AttributeValue::Bool(change.quarantined)),
        (a::AT_MS.to_owned(), time(change.at)),
        (a::DECIDED_BY.to_owned(), text(&change.by)),
        (a::HAND.to_owned(), text(&change.hand)),
    ])
}

pub(crate) fn to_quarantine_change(item: &Item) -> Result<(u64, QuarantineChange), Error> {
    use attribute as a;
    let read = Reader(item);
    let number = read.text(a::SK)?.parse().map_err(|_| read.problem(a::SK, "is no number"))?;
    let change = QuarantineChange {
        mxc: Mxc::parse(read.text(a::ORIGIN)?, read.text(a::MEDIA_ID)?)
            .map_err(|_| read.problem(a::MEDIA_ID, "names no media"))?,
        quarantined: read.flag(a::IS_HIDDEN),
        at: Timestamp(read.number(a::AT_MS)?),
        by: read.text(a::DECIDED_BY)?.to_owned(),
        hand: read.text(a::HAND)?.to_owned(),
    };
    Ok((number, change))
}

/// What the index of users knows of a piece of media.
pub(crate) fn to_owned_media(item: &Item) -> Result<Owned, Error> {
    let read = Reader(item);
    Ok(Owned { mxc: read.mxc()?, created_at: Timestamp(read.number(attribute::CREATED_MS)?) })
}

/// What an item takes up, of media or of a thumbnail; `None` for anything else.
pub(crate) fn to_measured(item: &Item) -> Option<Measured> {
    use attribute as a;
    let read = Reader(item);
    let (origin, _) = read.text(a::PK).ok()?.strip_prefix("M#")?.split_once('#')?;
    Some(Measured {
        origin: origin.to_owned(),
        user: read.text(a::USER_ID).ok().map(ToOwned::to_owned),
        created_at: read.number(a::CREATED_MS).ok().map(Timestamp),
        size_bytes: read.number(a::SIZE_BYTES).unwrap_or_default(),
    })
}

pub(crate) fn to_thumbnail(item: &Item) -> Result<Thumbnail, Error> {
    use attribute as a;
    let read = Reader(item);
    let (shape, format) = parse_thumbnail_sort_key(read.text(a::SK)?)
        .ok_or_else(|| read.problem(a::SK, "names no thumbnail"))?;
    let body = match item.get(a::INLINE) {
        Some(AttributeValue::B(bytes)) => Body::Inline(bytes.as_ref().to_vec()),
        _ => Body::Object(read.text(a::OBJECT_KEY)?.to_owned()),
    };
    Ok(Thumbnail {
        shape,
        format,
        width: read.number(a::WIDTH)?,
        height: read.number(a::HEIGHT)?,
        size_bytes: read.number(a::SIZE_BYTES)?,
        body,
    })
}

fn of_state(is: &State) -> Vec<(&'static str, AttributeValue)> {
    use attribute as a;
    match is {
        State::Reserved(Reservation { expires_at, staging_key }) => {
            let mut attributes = vec![(a::STATE, text(state::RESERVED)), (a::EXPIRES_MS, time(*expires_at))];
            attributes.extend(staging_key.as_ref().map(|key| (a::STAGING_KEY, text(key))));
            attributes
        }
        State::Stored(content) => of_content(content, state::STORED),
        State::Scanning(content) => of_content(content, state::SCANNING),
        State::Fetching(lease) => vec![
            (a::STATE, text(state::FETCHING)),
            (a::FENCE, number(lease.fence)),
            (a::LEASE_BY, text(&lease.held_by)),
            (a::LEASE_UNTIL_MS, time(lease.expires_at)),
        ],
        State::Failed(failure) => vec![
            (a::STATE, text(state::FAILED)),
            (a::FAILURE, text(failure.reason.as_str())),
            (a::ATTEMPTS, number(failure.attempts)),
            (a::RETRY_MS, time(failure.retry_at)),
        ],
        State::Deleting(remains) => of_remains(remains),
        State::Barred => vec![(a::STATE, text(state::BARRED))],
    }
}

fn of_remains(remains: &Remains) -> Vec<(&'static str, AttributeValue)> {
    use attribute as a;
    let mut attributes = vec![(a::STATE, text(state::DELETING)), (a::SIZE_BYTES, number(remains.size_bytes))];
    let digest = if remains.joining { a::JOINING_SHA256 } else { a::SHA256 };
    attributes.extend(remains.sha256.map(|is| (digest, text(is.to_string()))));
    for (name, key) in [
        (a::OBJECT_KEY, &remains.object_key),
        (a::BROUGHT_AS, &remains.brought_as),
        (a::STAGING_KEY, &remains.staging_key),
    ] {
        attributes.extend(key.as_ref().map(|key| (name, text(key))));
    }
    attributes
}

fn parse_thumbnail_sort_key(key: &str) -> Option<(Shape, Format)> {
    let mut words = key.strip_prefix(THUMBNAIL)?.split('#');
    let (width, height) = words.next()?.split_once('x')?;
    let method = match words.next()? {
        "crop" => Method::Crop,
        "scale" => Method::Scale,
        _ => return None,
    };
    let animated = words.next()? == "true";
    let format = Format::from_word(words.next()?)?;
    Some((Shape { width: width.parse().ok()?, height: height.parse().ok()?, method, animated }, format))
}

/// Reads one item's attributes, naming the one that is missing or odd.
struct Reader<'a>(&'a Item);

impl<'a> Reader<'a> {
    fn text(&self, name: &str) -> Result<&'a str, Error> {
        match self.0.get(name) {
            Some(AttributeValue::S(text)) => Ok(text),
            _ => Err(self.problem(name, "is no text")),
        }
    }

    fn number<N: std::str::FromStr>(&self, name: &str) -> Result<N, Error> {
        match self.0.get(name) {
            Some(AttributeValue::N(digits)) => {
                digits.parse().map_err(|_| self.problem(name, "is out of range"))
            }
            _ => Err(self.problem(name, "is no number")),
        }
    }

    fn flag(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(AttributeValue::Bool(true)))
    }

    fn mxc(&self) -> Result<Mxc, Error> {
        let key = self.text(attribute::PK)?;
        let mxc = key.strip_prefix("M#").and_then(|names| names.split_once('#'));
        mxc.and_then(|(origin, id)| Mxc::parse(origin, id).ok())
            .ok_or_else(|| self.problem(attribute::PK, "names no media"))
    }

    fn state(&self) -> Result<State, Error> {
        use attribute as a;
        Ok(match self.text(a::STATE)? {
            state::RESERVED => State::Reserved(Reservation {
                expires_at: Timestamp(self.number(a::EXPIRES_MS)?),
                staging_key: self.text(a::STAGING_KEY).ok().map(ToOwned::to_owned),
            }),
            state::STORED => State::Stored(self.content()?),
            state::SCANNING => State::Scanning(self.content()?),
            state::FETCHING => State::Fetching(Lease {
                fence: self.number(a::FENCE)?,
                held_by: self.text(a::LEASE_BY)?.to_owned(),
                expires_at: Timestamp(self.number(a::LEASE_UNTIL_MS)?),
            }),
            state::FAILED => State::Failed(Failure {
                reason: FailureReason::from_word(self.text(a::FAILURE)?),
                attempts: self.number(a::ATTEMPTS)?,
                retry_at: Timestamp(self.number(a::RETRY_MS)?),
            }),
            state::DELETING => State::Deleting(self.remains()),
            state::BARRED => State::Barred,
            _ => return Err(self.problem(a::STATE, "is no state")),
        })
    }

    /// Whatever of it can be read: a record that lacks something must be deletable, too.
    fn remains(&self) -> Remains {
        use attribute as a;
        let digest = |name| self.text(name).ok().and_then(Sha256::from_hex);
        let joining = digest(a::JOINING_SHA256);
        let object_key = self.text(a::OBJECT_KEY).ok().map(ToOwned::to_owned);
        Remains {
            brought_as: self.text(a::BROUGHT_AS).ok().map(ToOwned::to_owned).or_else(|| object_key.clone()),
            object_key,
            size_bytes: self.number(a::SIZE_BYTES).unwrap_or(0),
            sha256: joining.or_else(|| digest(a::SHA256)),
            joining: joining.is_some(),
            staging_key: self.text(a::STAGING_KEY).ok().map(ToOwned::to_owned),
        }
    }

    fn content(&self) -> Result<Content, Error> {
        use attribute as a;
        let object_key = self.text(a::OBJECT_KEY)?;
        Ok(Content {
            object_key: object_key.to_owned(),
            brought_as: self.text(a::BROUGHT_AS).unwrap_or(object_key).to_owned(),
            content_type: self.text(a::CONTENT_TYPE)?.to_owned(),
            size_bytes: self.number(a::SIZE_BYTES)?,
            sha256: self.text(a::SHA256).ok().and_then(Sha256::from_hex),
            upload_name: self.text(a::UPLOAD_NAME).ok().map(ToOwned::to_owned),
        })
    }

    fn picture(&self) -> Result<Option<Picture>, Error> {
        use attribute as a;
        let by_this_pipeline =
            || self.number(a::PIPELINE).is_ok_and(|version: u32| version == PIPELINE_VERSION);
        Ok(match self.text(a::PICTURE) {
            Ok(word @ ("measured" | "moving")) => {
                let (width, height) = (self.number(a::WIDTH)?, self.number(a::HEIGHT)?);
                Some(Picture::Measured { width, height, moves: word == "moving" })
            }
            Ok("exhausting") if by_this_pipeline() => Some(Picture::Exhausting),
            Ok("unsupported") if by_this_pipeline() => Some(Picture::Unsupported),
            Ok(_) | Err(_) => None,
        })
    }

    fn problem(&self, name: &str, is: &str) -> Error {
        let key = match self.0.get(attribute::PK) {
            Some(AttributeValue::S(key)) => key.as_str(),
            _ => "?",
        };
        Error::item(key, format!("`{name}` {is}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(state: State) -> Record {
        Record {
            mxc: "mxc://[::1]:8448/a_b-c".parse().unwrap(),
            state,
            created_at: Timestamp(1),
            uploader: Some("@a:example.org".try_into().unwrap()),
            authenticated: true,
            quarantined_by: Some("@b:example.org".into()),
            protected: true,
            last_access: Some(Day(3)),
            picture: Some(Picture::Measured { width: 4, height: 5, moves: true }),
        }
    }

    #[test]
    fn every_state_of_a_record_survives_being_written_and_read() {
        for state in [
            State::Reserved(Reservation { expires_at: Timestamp(9), staging_key: None }),
            State::Reserved(Reservation { expires_at: Timestamp(9), staging_key: Some("staging/x".into()) }),
            State::Stored(Content {
                object_key: "originals/x".into(),
                brought_as: "originals/y".into(),
                content_type: "image/png".into(),
                size_bytes: u64::MAX,
                sha256: Some(Sha256([9; 32])),
                upload_name: Some("ä.png".into()),
            }),
            State::Scanning(Content {
                object_key: "originals/x".into(),
                brought_as: "originals/x".into(),
                content_type: "image/png".into(),
                size_bytes: 1,
                sha256: None,
                upload_name: None,
            }),
            State::Fetching(Lease { fence: 2, held_by: "x".into(), expires_at: Timestamp(4) }),
            State::Failed(Failure { reason: FailureReason::TooLarge, attempts: 2, retry_at: Timestamp(4) }),
            State::Deleting(Remains::default()),
            State::Deleting(Remains {
                object_key: Some("originals/x".into()),
                brought_as: Some("originals/y".into()),
                size_bytes: 3,
                sha256: Some(Sha256([9; 32])),
                joining: true,
                staging_key: Some("staging/x".into()),
            }),
            State::Barred,
        ] {
            let record = record(state);
            assert_eq!(to_record(&of_record(&record)).unwrap(), record);
        }
    }

    #[test]
    fn a_thumbnail_survives_being_written_and_read() {
        let mxc = "mxc://example.org/abc".parse().unwrap();
        for body in [Body::Inline(vec![1, 2, 3]), Body::Object("thumbnails/x".into())] {
            let thumbnail = Thumbnail {
                shape: Shape { width: 96, height: 95, method: Method::Crop, animated: true },
                format: Format::Webp,
                width: 9,
                height: 8,
                size_bytes: 3,
                body,
            };
            assert_eq!(to_thumbnail(&of_thumbnail(&mxc, "originals/x", &thumbnail)).unwrap(), thumbnail);
        }
    }

    #[test]
    fn a_reference_survives_being_written_and_read() {
        let mxc: Mxc = "mxc://[::1]:8448/a_b-c".parse().unwrap();
        for key in ["originals/x", "remote/x", "previews/x"] {
            let read = parse_reference_sort_key(&reference_sort_key(&mxc, key));
            assert_eq!(read, Some((mxc.clone(), key.to_owned())));
        }
        assert_eq!(parse_reference_sort_key(MAIN), None);
    }

    #[test]
    fn a_broken_item_says_what_is_wrong_with_it() {
        let mut item =
            of_record(&record(State::Reserved(Reservation { expires_at: Timestamp(9), staging_key: None })));
        item.remove(attribute::EXPIRES_MS);
        let problem = to_record(&item).unwrap_err().to_string();
        assert!(problem.contains("expires_ms") && problem.contains("a_b-c"), "{problem}");
    }
}
