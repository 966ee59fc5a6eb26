//! ListParts and ListMultipartUploads.

use std::sync::Arc;

use s3s::dto::{
    ListMultipartUploadsInput, ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput, MultipartUpload,
    Part as ShownPart, StorageClass,
};
use s3s::{S3Response, S3Result, s3_error};

use crate::checksums::tell_checksum;
use crate::objects::{etag, size};
use crate::store::Store;
use crate::store::rows::buckets;
use crate::store::rows::uploads::{self, Listed, Part, UploadName};
use crate::times::timestamp;

/// Parts or uploads in one page, at most and unless asked for less (API reference, ListParts).
const ENTRIES_PER_PAGE: i32 = 1000;

pub(crate) async fn list_parts(
    store: &Arc<Store>,
    input: ListPartsInput,
) -> S3Result<S3Response<ListPartsOutput>> {
    let max_parts = page_size(input.max_parts);
    let limit = usize::try_from(max_parts).unwrap_or_default();
    let marker = input.part_number_marker.unwrap_or_default();
    let after = u32::try_from(marker)
        .map_err(|_| s3_error!(InvalidArgument, "Argument part-number-marker must not be negative"))?;
    let name = UploadName { bucket: input.bucket, key: input.key, id: input.upload_id };
    let asked = name.clone();
    let (upload, mut parts) = store
        .read(move |rows| {
            let upload = uploads::require(rows, &asked)?;
            // One more than fits shows whether there is a next page.
            Ok((upload, uploads::parts(rows, &asked.id, after, limit + 1)?))
        })
        .await?;
    let is_truncated = parts.len() > limit;
    parts.truncate(limit);
    let last = parts.last().and_then(|part| i32::try_from(part.number).ok());
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(name.bucket),
        key: Some(name.key),
        upload_id: Some(name.id),
        part_number_marker: Some(marker),
        next_part_number_marker: last.filter(|_| is_truncated),
        max_parts: Some(max_parts),
        is_truncated: Some(is_truncated),
        parts: Some(parts.iter().map(shown_part).collect()),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        checksum_algorithm: upload.checksum.map(|asked| asked.algorithm.dto()),
        checksum_type: upload.checksum.map(|asked| asked.scope.dto()),
        ..ListPartsOutput::default()
    }))
}

pub(crate) async fn list_uploads(
    store: &Arc<Store>,
    input: ListMultipartUploadsInput,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    if input.delimiter.as_ref().is_some_and(|delimiter| !delimiter.is_empty()) {
        return Err(s3_error!(NotImplemented, "Uploads are not folded at a delimiter here"));
    }
    let max_uploads = page_size(input.max_uploads);
    let limit = usize::try_from(max_uploads).unwrap_or_default();
    let bucket = input.bucket.clone();
    let prefix = input.prefix.clone().unwrap_or_default();
    let after_key = input.key_marker.clone().unwrap_or_default();
    let after_id = after_id(&after_key, input.upload_id_marker.as_deref());
    let mut listed = store
        .read(move |rows| {
            buckets::require(rows, &bucket)?;
            uploads::list(rows, &bucket, &prefix, (&after_key, &after_id), limit + 1)
        })
        .await?;
    let is_truncated = listed.len() > limit;
    listed.truncate(limit);
    let last = listed.last().filter(|_| is_truncated);
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        prefix: input.prefix,
        key_marker: Some(input.key_marker.unwrap_or_default()),
        upload_id_marker: Some(input.upload_id_marker.unwrap_or_default()),
        next_key_marker: last.map(|upload| upload.key.clone()),
        next_upload_id_marker: last.map(|upload| upload.id.clone()),
        max_uploads: Some(max_uploads),
        is_truncated: Some(is_truncated),
        uploads: Some(listed.into_iter().map(shown_upload).collect()),
        ..ListMultipartUploadsOutput::default()
    }))
}

/// With a key but no id, every upload of that key has been seen: no id is greater than this one.
fn after_id(after_key: &str, marker: Option<&str>) -> String {
    match marker {
        Some(id) => id.to_owned(),
        None if after_key.is_empty() => String::new(),
        None => char::MAX.to_string(),
    }
}

fn page_size(asked: Option<i32>) -> i32 {
    asked.unwrap_or(ENTRIES_PER_PAGE).clamp(1, ENTRIES_PER_PAGE)
}

fn shown_part(part: &Part) -> ShownPart {
    let mut shown = ShownPart {
        part_number: i32::try_from(part.number).ok(),
        e_tag: Some(etag(&part.etag)),
        size: Some(size(part.size_bytes)),
        last_modified: Some(timestamp(part.modified_ms)),
        ..ShownPart::default()
    };
    tell_checksum!(shown, &part.checksum);
    shown
}

fn shown_upload(upload: Listed) -> MultipartUpload {
    MultipartUpload {
        upload_id: Some(upload.id),
        key: Some(upload.key),
        initiated: Some(timestamp(upload.started_ms)),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        ..MultipartUpload::default()
    }
}
