//! The tags of an object, and the three operations on them.

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use s3s::dto::{
    DeleteObjectTaggingInput, DeleteObjectTaggingOutput, GetObjectTaggingInput, GetObjectTaggingOutput,
    PutObjectTaggingInput, PutObjectTaggingOutput, Tag,
};
use s3s::{S3Response, S3Result, s3_error};

use crate::error::Error;
use crate::store::Store;
use crate::store::rows::objects;

/// Tags that an object may have (S3 user guide, "Categorizing your storage using tags").
const TAGS_PER_OBJECT: usize = 10;

/// Characters in a tag's name.
const NAME_CHARACTERS: usize = 128;

/// Characters in a tag's value.
const VALUE_CHARACTERS: usize = 256;

/// Names and values, in the order they were given.
pub(crate) type Tags = Vec<(String, String)>;

/// The tags in an `x-amz-tagging` header: a query string.
pub(crate) fn from_header(header: Option<&str>) -> S3Result<Tags> {
    let pairs = header.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    checked(pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    }))
}

pub(crate) async fn get(
    store: &Arc<Store>,
    input: GetObjectTaggingInput,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let object = store.read(move |rows| objects::require(rows, &input.bucket, &input.key)).await?;
    let tag_set = object.tags.into_iter().map(|(key, value)| Tag { key: Some(key), value: Some(value) });
    Ok(S3Response::new(GetObjectTaggingOutput { tag_set: tag_set.collect(), version_id: None }))
}

pub(crate) async fn put(
    store: &Arc<Store>,
    input: PutObjectTaggingInput,
) -> S3Result<S3Response<PutObjectTaggingOutput>> {
    let given = input.tagging.tag_set.into_iter();
    let tags = checked(given.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())))?;
    replace(store, input.bucket, input.key, tags).await?;
    Ok(S3Response::new(PutObjectTaggingOutput::default()))
}

pub(crate) async fn delete(
    store: &Arc<Store>,
    input: DeleteObjectTaggingInput,
) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
    replace(store, input.bucket, input.key, Tags::new()).await?;
    Ok(S3Response::new(DeleteObjectTaggingOutput::default()))
}

async fn replace(store: &Arc<Store>, bucket: String, key: String, tags: Tags) -> Result<(), Error> {
    store
        .write(move |change| {
            if objects::put_tags(change.rows, &bucket, &key, &tags)? {
                return Ok(());
            }
            objects::require(change.rows, &bucket, &key).map(drop)
        })
        .await
}

fn checked(tags: impl Iterator<Item = (String, String)>) -> S3Result<Tags> {
    let mut checked = Tags::new();
    for (name, value) in tags {
        if name.is_empty() || name.chars().count() > NAME_CHARACTERS {
            return Err(s3_error!(InvalidTag, "The TagKey you have provided is invalid"));
        }
        if value.chars().count() > VALUE_CHARACTERS {
            return Err(s3_error!(InvalidTag, "The TagValue you have provided is invalid"));
        }
        if checked.iter().any(|(other, _)| *other == name) {
            return Err(s3_error!(InvalidTag, "Cannot provide multiple Tags with the same key"));
        }
        checked.push((name, value));
    }
    if checked.len() > TAGS_PER_OBJECT {
        return Err(s3_error!(InvalidTag, "Object tags cannot be greater than {TAGS_PER_OBJECT}"));
    }
    Ok(checked)
}

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}
