//! CreateMultipartUpload and the ways in which an upload ends without an object.

use std::sync::Arc;
use std::time::Duration;

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, ChecksumType, CreateMultipartUploadInput,
    CreateMultipartUploadOutput,
};
use s3s::{S3Response, S3Result, s3_error};

use crate::checksums::{Algorithm, Asked, Scope};
use crate::error::Error;
use crate::objects::described;
use crate::store::rows::buckets;
use crate::store::rows::uploads::{self, Upload, UploadName};
use crate::store::{Change, Store};
use crate::tags;
use crate::times::millis;

/// Abandoned uploads removed in one change.
const UPLOADS_PER_SWEEP: usize = 100;

pub(crate) async fn create(
    store: &Arc<Store>,
    mut input: CreateMultipartUploadInput,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let name = UploadName {
        bucket: input.bucket.clone(),
        key: input.key.clone(),
        id: hex::encode(rand::random::<[u8; 24]>()),
    };
    let checksum = asked_checksum(&input)?;
    let upload = Upload {
        described: described!(input)?,
        tags: tags::from_header(input.tagging.as_deref())?,
        checksum,
    };
    let output = CreateMultipartUploadOutput {
        bucket: Some(name.bucket.clone()),
        key: Some(name.key.clone()),
        upload_id: Some(name.id.clone()),
        checksum_algorithm: checksum.map(|asked| asked.algorithm.dto()),
        checksum_type: checksum.map(|asked| asked.scope.dto()),
        ..CreateMultipartUploadOutput::default()
    };
    let now_ms = store.now_ms();
    store
        .write(move |change| {
            buckets::require(change.rows, &name.bucket)?;
            uploads::start(change.rows, &name, &upload, now_ms)
        })
        .await?;
    Ok(S3Response::new(output))
}

pub(crate) async fn abort(
    store: &Arc<Store>,
    input: AbortMultipartUploadInput,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let name = UploadName { bucket: input.bucket, key: input.key, id: input.upload_id };
    store
        .write(move |change| {
            buckets::require(change.rows, &name.bucket)?;
            uploads::require(change.rows, &name)?;
            remove(change, &name)
        })
        .await?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

/// Aborts every upload that was started longer ago than `older_than`. Gives their number.
pub(crate) async fn sweep(store: &Arc<Store>, older_than: Duration) -> Result<usize, Error> {
    let limit_ms = store.now_ms().saturating_sub(millis(older_than));
    let mut swept = 0;
    loop {
        let removed = store.write(move |change| remove_older(change, limit_ms)).await?;
        swept += removed;
        if removed < UPLOADS_PER_SWEEP {
            return Ok(swept);
        }
    }
}

/// Aborts some of the uploads that were started before `limit_ms`, and gives their number.
fn remove_older(change: &mut Change<'_>, limit_ms: u64) -> Result<usize, Error> {
    let abandoned = uploads::started_before(change.rows, limit_ms, UPLOADS_PER_SWEEP)?;
    for name in &abandoned {
        remove(change, name)?;
    }
    Ok(abandoned.len())
}

fn remove(change: &mut Change<'_>, name: &UploadName) -> Result<(), Error> {
    for part in uploads::finish(change.rows, name)? {
        change.bury(part.extents);
    }
    Ok(())
}

fn asked_checksum(input: &CreateMultipartUploadInput) -> S3Result<Option<Asked>> {
    let Some(named) = &input.checksum_algorithm else {
        return Ok(None);
    };
    let algorithm = Algorithm::from_name(named.as_str()).ok_or_else(|| {
        s3_error!(InvalidRequest, "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
    })?;
    let scope = match &input.checksum_type {
        None => algorithm.usual_scope(),
        Some(named) if named.as_str() == ChecksumType::FULL_OBJECT => Scope::FullObject,
        Some(_) => Scope::Composite,
    };
    let possible = match scope {
        Scope::FullObject => !matches!(algorithm, Algorithm::Sha1 | Algorithm::Sha256),
        Scope::Composite => algorithm != Algorithm::Crc64nvme,
    };
    if !possible {
        return Err(s3_error!(
            InvalidRequest,
            "The checksum type cannot be used with the {} checksum algorithm",
            algorithm.name()
        ));
    }
    Ok(Some(Asked { algorithm, scope }))
}
