//! The operations on a bucket as a whole.

use std::sync::Arc;

use s3s::dto::{
    Bucket, BucketLocationConstraint, CreateBucketInput, CreateBucketOutput, DeleteBucketInput,
    DeleteBucketOutput, GetBucketLocationInput, GetBucketLocationOutput, HeadBucketInput, HeadBucketOutput,
    ListBucketsInput, ListBucketsOutput, Owner,
};
use s3s::{S3Response, S3Result};

use crate::store::Store;
use crate::store::rows::{buckets, uploads};
use crate::times::timestamp;

/// The region whose buckets say that they are nowhere in particular.
const UNNAMED_REGION: &str = "us-east-1";

/// Who owns every bucket.
const OWNER: &str = "embedded";

pub(crate) async fn create(
    store: &Arc<Store>,
    input: CreateBucketInput,
) -> S3Result<S3Response<CreateBucketOutput>> {
    let location = format!("/{}", input.bucket);
    let now_ms = store.now_ms();
    store.write(move |change| buckets::create(change.rows, &input.bucket, now_ms)).await?;
    Ok(S3Response::new(CreateBucketOutput { location: Some(location) }))
}

pub(crate) async fn head(
    store: &Arc<Store>,
    input: HeadBucketInput,
) -> S3Result<S3Response<HeadBucketOutput>> {
    store.read(move |rows| buckets::require(rows, &input.bucket)).await?;
    let region = Some(store.options.region.clone());
    Ok(S3Response::new(HeadBucketOutput { bucket_region: region, ..HeadBucketOutput::default() }))
}

/// Deletes an empty bucket; uploads into it that were never finished go with it.
pub(crate) async fn delete(
    store: &Arc<Store>,
    input: DeleteBucketInput,
) -> S3Result<S3Response<DeleteBucketOutput>> {
    store
        .write(move |change| {
            buckets::delete(change.rows, &input.bucket)?;
            for name in uploads::of_bucket(change.rows, &input.bucket)? {
                for part in uploads::finish(change.rows, &name)? {
                    change.bury(part.extents);
                }
            }
            Ok(())
        })
        .await?;
    Ok(S3Response::new(DeleteBucketOutput::default()))
}

pub(crate) async fn list(
    store: &Arc<Store>,
    input: ListBucketsInput,
) -> S3Result<S3Response<ListBucketsOutput>> {
    let prefix = input.prefix.clone().unwrap_or_default();
    let buckets = store.read(buckets::list).await?.into_iter();
    let listed = buckets.filter(|bucket| bucket.name.starts_with(&prefix)).map(|bucket| Bucket {
        bucket_region: Some(store.options.region.clone()),
        creation_date: Some(timestamp(bucket.created_ms)),
        name: Some(bucket.name),
    });
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(listed.collect()),
        owner: Some(Owner { display_name: None, id: Some(OWNER.to_owned()) }),
        prefix: input.prefix,
        ..ListBucketsOutput::default()
    }))
}

pub(crate) async fn location(
    store: &Arc<Store>,
    input: GetBucketLocationInput,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    store.read(move |rows| buckets::require(rows, &input.bucket)).await?;
    let region = store.options.region.clone();
    let location_constraint =
        if region == UNNAMED_REGION { None } else { Some(BucketLocationConstraint::from(region)) };
    Ok(S3Response::new(GetBucketLocationOutput { location_constraint }))
}
