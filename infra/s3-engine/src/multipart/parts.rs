//! UploadPart and UploadPartCopy: a part replaces the one of its number.

use std::sync::Arc;

use s3s::dto::{
    CopyPartResult, Range, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::PARTS_PER_UPLOAD;
use crate::checksums::{Wanted, tell_checksum};
use crate::error::Error;
use crate::objects::{Expected, Landed, Source, check_size, etag, land, pour};
use crate::ranges::Window;
use crate::store::rows::objects::Object;
use crate::store::rows::uploads::{self, Part, UploadName};
use crate::store::{Extents, Store};
use crate::times::timestamp;

pub(crate) async fn upload_part(
    store: &Arc<Store>,
    request: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let input = request.input;
    let number = checked_number(input.part_number)?;
    let name = UploadName { bucket: input.bucket, key: input.key, id: input.upload_id };
    let mut checksum = Wanted::from_headers(&request.headers);
    let asked = require(store, &name).await?.checksum;
    // An upload that was started with a checksum takes it of every part, asked or not.
    checksum.algorithm = checksum.algorithm.or(asked.map(|asked| asked.algorithm));
    let expected = Expected {
        md5: Expected::md5_from(input.content_md5.as_deref())?,
        checksum,
        trailers: request.extensions.get().cloned(),
    };
    let landed = land(store, input.body, expected).await?;
    let mut output = UploadPartOutput { e_tag: Some(etag(&landed.etag)), ..UploadPartOutput::default() };
    tell_checksum!(output, &landed.checksum);
    keep(store, name, number, landed).await?;
    Ok(S3Response::new(output))
}

pub(crate) async fn upload_part_copy(
    store: &Arc<Store>,
    request: S3Request<UploadPartCopyInput>,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let input = request.input;
    let number = checked_number(input.part_number)?;
    let name = UploadName { bucket: input.bucket, key: input.key, id: input.upload_id };
    let algorithm = require(store, &name).await?.checksum.map(|asked| asked.algorithm);
    let source = Source {
        if_match: input.copy_source_if_match,
        if_none_match: input.copy_source_if_none_match,
        if_modified_since: input.copy_source_if_modified_since,
        if_unmodified_since: input.copy_source_if_unmodified_since,
        ..Source::named(&input.copy_source)?
    };
    let range = input.copy_source_range.as_deref().map(Range::parse).transpose();
    let range = range.map_err(|_| {
        s3_error!(
            InvalidArgument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
             zero-based offsets of the first and last bytes to copy"
        )
    })?;
    let window = move |object: &Object| Window::of(range, object.size_bytes).map_err(|_| Error::RangeOutside);
    let (reading, _) = source.open(store, window).await?;
    check_size(reading.left_bytes())?;
    let landed = pour(store, reading, algorithm).await?;
    let mut result = CopyPartResult { e_tag: Some(etag(&landed.etag)), ..CopyPartResult::default() };
    tell_checksum!(result, &landed.checksum);
    result.last_modified = Some(timestamp(keep(store, name, number, landed).await?));
    let output = UploadPartCopyOutput { copy_part_result: Some(result), ..UploadPartCopyOutput::default() };
    Ok(S3Response::new(output))
}

async fn require(store: &Arc<Store>, name: &UploadName) -> Result<uploads::Upload, Error> {
    let name = name.clone();
    store.read(move |rows| uploads::require(rows, &name)).await
}

/// Writes the part, if the upload is still there. Gives the time in Unix milliseconds.
async fn keep(store: &Arc<Store>, name: UploadName, number: u32, landed: Landed) -> Result<u64, Error> {
    let modified_ms = store.now_ms();
    let write = store.write(move |change| {
        uploads::require(change.rows, &name)?;
        let etag = landed.etag.clone();
        let extents = match landed.draft {
            Some(draft) => Extents::one(change.place(draft)?, landed.size_bytes),
            None => Extents::default(),
        };
        let part = Part {
            number,
            etag,
            size_bytes: landed.size_bytes,
            modified_ms,
            checksum: landed.checksum,
            extents,
        };
        if let Some(replaced) = uploads::put_part(change.rows, &name.id, &part)? {
            change.bury(replaced);
        }
        Ok(())
    });
    write.await?;
    Ok(modified_ms)
}

fn checked_number(number: i32) -> S3Result<u32> {
    if (1..=PARTS_PER_UPLOAD).contains(&number) {
        return Ok(number.unsigned_abs());
    }
    Err(s3_error!(
        InvalidArgument,
        "Part number must be an integer between 1 and {PARTS_PER_UPLOAD}, inclusive"
    ))
}
