//! ListObjectsV2 and its older sister: keys in order, page by page, folded at a delimiter.

use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::Connection;
use s3s::dto::{
    CommonPrefix, EncodingType, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output,
    Object, ObjectStorageClass,
};
use s3s::{S3Response, S3Result, s3_error};

use crate::error::Error;
use crate::objects::{etag, size};
use crate::store::Store;
use crate::store::rows::objects::Listed;
use crate::store::rows::{buckets, objects};
use crate::times::timestamp;

/// Keys and common prefixes in one page, at most and unless asked for less (API reference, ListObjectsV2).
const KEYS_PER_PAGE: i32 = 1000;

/// What stays as it is in a key that is to be sent percent-encoded.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// What to list.
struct Asked {
    bucket: String,
    prefix: String,
    delimiter: Option<String>,
    /// Keys up to this one have been seen.
    after: String,
    limit: usize,
}

/// A page of keys, in order.
#[derive(Default)]
struct Page {
    objects: Vec<Listed>,
    prefixes: Vec<String>,
    /// The last key or prefix on it.
    last: String,
    /// What the next page comes after, if there is one.
    next: Option<String>,
}

pub(crate) async fn list_v2(
    store: &Arc<Store>,
    input: ListObjectsV2Input,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let max_keys = page_size(input.max_keys)?;
    let token = input.continuation_token.as_deref().map(key_of_token).transpose()?;
    let asked = Asked {
        bucket: input.bucket.clone(),
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone().filter(|delimiter| !delimiter.is_empty()),
        after: token.or_else(|| input.start_after.clone()).unwrap_or_default(),
        limit: usize::try_from(max_keys).unwrap_or_default(),
    };
    let page = store.read(move |rows| page(rows, &asked)).await?;

    let shown = Shown::new(input.encoding_type.as_ref());
    let key_count = page.objects.len() + page.prefixes.len();
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(shown.key(input.prefix.unwrap_or_default())),
        delimiter: input.delimiter.map(|delimiter| shown.key(delimiter)),
        start_after: input.start_after.map(|key| shown.key(key)),
        max_keys: Some(max_keys),
        key_count: i32::try_from(key_count).ok(),
        is_truncated: Some(page.next.is_some()),
        continuation_token: input.continuation_token,
        next_continuation_token: page.next.as_deref().map(token_of_key),
        contents: Some(page.objects.into_iter().map(|object| shown.object(object)).collect()),
        common_prefixes: Some(page.prefixes.into_iter().map(|prefix| shown.prefix(prefix)).collect()),
        encoding_type: input.encoding_type,
        ..ListObjectsV2Output::default()
    }))
}

pub(crate) async fn list_v1(
    store: &Arc<Store>,
    input: ListObjectsInput,
) -> S3Result<S3Response<ListObjectsOutput>> {
    let max_keys = page_size(input.max_keys)?;
    let asked = Asked {
        bucket: input.bucket.clone(),
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone().filter(|delimiter| !delimiter.is_empty()),
        after: input.marker.clone().unwrap_or_default(),
        limit: usize::try_from(max_keys).unwrap_or_default(),
    };
    let page = store.read(move |rows| page(rows, &asked)).await?;

    let shown = Shown::new(input.encoding_type.as_ref());
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(shown.key(input.prefix.unwrap_or_default())),
        delimiter: input.delimiter.map(|delimiter| shown.key(delimiter)),
        marker: Some(shown.key(input.marker.unwrap_or_default())),
        max_keys: Some(max_keys),
        is_truncated: Some(page.next.is_some()),
        next_marker: page.next.map(|key| shown.key(key)),
        contents: Some(page.objects.into_iter().map(|object| shown.object(object)).collect()),
        common_prefixes: Some(page.prefixes.into_iter().map(|prefix| shown.prefix(prefix)).collect()),
        encoding_type: input.encoding_type,
        ..ListObjectsOutput::default()
    }))
}

/// Walks the keys from where the last page ended. A common prefix is skipped over as a whole, so a folder of a
/// million objects costs one look.
fn page(rows: &Connection, asked: &Asked) -> Result<Page, Error> {
    buckets::require(rows, &asked.bucket)?;
    let mut page = Page::default();
    let mut cursor = Cursor::start(asked);
    while let Some(from) = cursor.take() {
        objects::walk(rows, &asked.bucket, &from.key, from.inclusive, |object| {
            match page.turn_to(object, asked) {
                Turn::Next => return ControlFlow::Continue(()),
                Turn::SkipPast(prefix) => {
                    cursor = after_all_with(&prefix).map(|key| Cursor { key, inclusive: true });
                }
                Turn::End => {}
            }
            ControlFlow::Break(())
        })?;
    }
    Ok(page)
}

/// How to go on after an object.
enum Turn {
    Next,
    SkipPast(String),
    End,
}

impl Page {
    fn turn_to(&mut self, object: Listed, asked: &Asked) -> Turn {
        if !object.key.starts_with(&asked.prefix) || asked.limit == 0 {
            return Turn::End;
        }
        if self.objects.len() + self.prefixes.len() == asked.limit {
            self.next = Some(mem::take(&mut self.last));
            return Turn::End;
        }
        if let Some(prefix) = asked.common_prefix(&object.key) {
            prefix.clone_into(&mut self.last);
            self.prefixes.push(prefix.to_owned());
            return Turn::SkipPast(prefix.to_owned());
        }
        self.last.clone_from(&object.key);
        self.objects.push(object);
        Turn::Next
    }
}

/// Where to go on reading.
struct Cursor {
    key: String,
    inclusive: bool,
}

impl Cursor {
    /// `None`: nothing can come after what has been seen.
    fn start(asked: &Asked) -> Option<Self> {
        // A page may have ended at a common prefix: everything below it has been told of.
        if let Some(prefix) = asked.common_prefix(&asked.after)
            && prefix == asked.after
        {
            return Some(Self { key: after_all_with(prefix)?, inclusive: true });
        }
        if asked.after < asked.prefix {
            return Some(Self { key: asked.prefix.clone(), inclusive: true });
        }
        Some(Self { key: asked.after.clone(), inclusive: false })
    }
}

impl Asked {
    /// The key up to and with the first delimiter behind the asked prefix.
    fn common_prefix<'a>(&self, key: &'a str) -> Option<&'a str> {
        let delimiter = self.delimiter.as_deref()?;
        let rest = key.strip_prefix(self.prefix.as_str())?;
        let end = self.prefix.len() + rest.find(delimiter)? + delimiter.len();
        Some(&key[..end])
    }
}

/// The least key that is greater than every key with this prefix; `None` when there is none.
fn after_all_with(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // The code points between D800 and DFFF are no characters.
        let next = if last == '\u{D7FF}' { Some('\u{E000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

fn page_size(asked: Option<i32>) -> S3Result<i32> {
    match asked {
        Some(negative) if negative < 0 => {
            Err(s3_error!(InvalidArgument, "Argument maxKeys must be an integer between 0 and 2147483647"))
        }
        asked => Ok(asked.unwrap_or(KEYS_PER_PAGE).min(KEYS_PER_PAGE)),
    }
}

fn token_of_key(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

fn key_of_token(token: &str) -> S3Result<String> {
    let key = URL_SAFE_NO_PAD.decode(token).ok().and_then(|key| String::from_utf8(key).ok());
    key.ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}

/// Whether keys are shown as they are or percent-encoded, for XML cannot carry every character.
struct Shown {
    encoded: bool,
}

impl Shown {
    fn new(encoding: Option<&EncodingType>) -> Self {
        Self { encoded: encoding.is_some_and(|encoding| encoding.as_str() == EncodingType::URL) }
    }

    fn key(&self, key: String) -> String {
        if self.encoded { utf8_percent_encode(&key, KEPT).to_string() } else { key }
    }

    fn prefix(&self, prefix: String) -> CommonPrefix {
        CommonPrefix { prefix: Some(self.key(prefix)) }
    }

    fn object(&self, listed: Listed) -> Object {
        Object {
            key: Some(self.key(listed.key)),
            e_tag: Some(etag(&listed.etag)),
            size: Some(size(listed.size_bytes)),
            last_modified: Some(timestamp(listed.modified_ms)),
            storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
            ..Object::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_after_a_prefix_is_greater_than_all_with_it() {
        assert_eq!(after_all_with("a/").as_deref(), Some("a0"));
        assert_eq!(after_all_with("a\u{D7FF}").as_deref(), Some("a\u{E000}"));
        assert_eq!(after_all_with("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after_all_with("\u{10FFFF}"), None);
        assert_eq!(after_all_with(""), None);
    }

    #[test]
    fn tokens_carry_any_key() {
        for key in ["a", "ä/ö ü", ""] {
            assert_eq!(key_of_token(&token_of_key(key)).unwrap(), key);
        }
        assert!(key_of_token("not a token!").is_err());
    }
}
