//! GetObjectAttributes: what is known of an object, without its bytes.

use std::sync::Arc;

use s3s::dto::{
    Checksum, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts,
    ObjectAttributes, StorageClass,
};
use s3s::{S3Response, S3Result};

use super::{etag, size};
use crate::checksums::tell_checksum;
use crate::store::Store;
use crate::store::rows::objects::{self, Object};
use crate::times::timestamp;

pub(crate) async fn attributes(
    store: &Arc<Store>,
    input: GetObjectAttributesInput,
) -> S3Result<S3Response<GetObjectAttributesOutput>> {
    let asked = input.object_attributes;
    let asks = |name: &str| asked.iter().any(|attribute| attribute.as_str() == name);
    let object = store.read(move |rows| objects::require(rows, &input.bucket, &input.key)).await?;

    let mut output = GetObjectAttributesOutput {
        last_modified: Some(timestamp(object.modified_ms)),
        ..GetObjectAttributesOutput::default()
    };
    if asks(ObjectAttributes::ETAG) {
        output.e_tag = Some(etag(&object.etag));
    }
    if asks(ObjectAttributes::OBJECT_SIZE) {
        output.object_size = Some(size(object.size_bytes));
    }
    if asks(ObjectAttributes::STORAGE_CLASS) {
        output.storage_class = Some(StorageClass::from_static(StorageClass::STANDARD));
    }
    if asks(ObjectAttributes::CHECKSUM) {
        output.checksum = checksum(&object);
    }
    if asks(ObjectAttributes::OBJECT_PARTS) {
        output.object_parts = parts(&object);
    }
    Ok(S3Response::new(output))
}

fn checksum(object: &Object) -> Option<Checksum> {
    let stored = object.checksum.as_ref()?;
    let mut checksum = Checksum { checksum_type: Some(stored.scope.dto()), ..Checksum::default() };
    tell_checksum!(checksum, Some(stored));
    Some(checksum)
}

/// Only an object that came in parts has them; its ETag ends in their number.
fn parts(object: &Object) -> Option<GetObjectAttributesParts> {
    let count = object.etag.split_once('-')?.1.parse().ok()?;
    Some(GetObjectAttributesParts { total_parts_count: Some(count), ..GetObjectAttributesParts::default() })
}
