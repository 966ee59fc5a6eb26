//! Settings of a bucket that are kept and told again, and change nothing here: what a set-up script writes, it
//! can read.

use std::sync::Arc;

use http::StatusCode;
use s3s::dto::{
    self, BucketLifecycleConfiguration, CORSConfiguration, NotificationConfiguration,
    PublicAccessBlockConfiguration, VersioningConfiguration,
};
use s3s::{S3Error, S3ErrorCode, S3Response, S3Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::store::Store;
use crate::store::rows::buckets;

pub(crate) async fn put_cors(
    store: &Arc<Store>,
    input: dto::PutBucketCorsInput,
) -> S3Result<S3Response<dto::PutBucketCorsOutput>> {
    keep(store, input.bucket, &input.cors_configuration).await?;
    Ok(S3Response::new(dto::PutBucketCorsOutput::default()))
}

pub(crate) async fn get_cors(
    store: &Arc<Store>,
    input: dto::GetBucketCorsInput,
) -> S3Result<S3Response<dto::GetBucketCorsOutput>> {
    let kept: CORSConfiguration = kept(store, input.bucket).await?;
    Ok(S3Response::new(dto::GetBucketCorsOutput { cors_rules: Some(kept.cors_rules) }))
}

pub(crate) async fn delete_cors(
    store: &Arc<Store>,
    input: dto::DeleteBucketCorsInput,
) -> S3Result<S3Response<dto::DeleteBucketCorsOutput>> {
    forget::<CORSConfiguration>(store, input.bucket).await?;
    Ok(S3Response::new(dto::DeleteBucketCorsOutput::default()))
}

pub(crate) async fn put_lifecycle(
    store: &Arc<Store>,
    input: dto::PutBucketLifecycleConfigurationInput,
) -> S3Result<S3Response<dto::PutBucketLifecycleConfigurationOutput>> {
    keep(store, input.bucket, &input.lifecycle_configuration.unwrap_or_default()).await?;
    Ok(S3Response::new(dto::PutBucketLifecycleConfigurationOutput::default()))
}

pub(crate) async fn get_lifecycle(
    store: &Arc<Store>,
    input: dto::GetBucketLifecycleConfigurationInput,
) -> S3Result<S3Response<dto::GetBucketLifecycleConfigurationOutput>> {
    let kept: BucketLifecycleConfiguration = kept(store, input.bucket).await?;
    let rules = Some(kept.rules);
    Ok(S3Response::new(dto::GetBucketLifecycleConfigurationOutput { rules, ..Default::default() }))
}

pub(crate) async fn delete_lifecycle(
    store: &Arc<Store>,
    input: dto::DeleteBucketLifecycleInput,
) -> S3Result<S3Response<dto::DeleteBucketLifecycleOutput>> {
    forget::<BucketLifecycleConfiguration>(store, input.bucket).await?;
    Ok(S3Response::new(dto::DeleteBucketLifecycleOutput::default()))
}

pub(crate) async fn put_notification(
    store: &Arc<Store>,
    input: dto::PutBucketNotificationConfigurationInput,
) -> S3Result<S3Response<dto::PutBucketNotificationConfigurationOutput>> {
    keep(store, input.bucket, &input.notification_configuration).await?;
    Ok(S3Response::new(dto::PutBucketNotificationConfigurationOutput::default()))
}

pub(crate) async fn get_notification(
    store: &Arc<Store>,
    input: dto::GetBucketNotificationConfigurationInput,
) -> S3Result<S3Response<dto::GetBucketNotificationConfigurationOutput>> {
    let kept: NotificationConfiguration = kept(store, input.bucket).await?;
    Ok(S3Response::new(dto::GetBucketNotificationConfigurationOutput {
        event_bridge_configuration: kept.event_bridge_configuration,
        lambda_function_configurations: kept.lambda_function_configurations,
        queue_configurations: kept.queue_configurations,
        topic_configurations: kept.topic_configurations,
    }))
}

pub(crate) async fn put_versioning(
    store: &Arc<Store>,
    input: dto::PutBucketVersioningInput,
) -> S3Result<S3Response<dto::PutBucketVersioningOutput>> {
    keep(store, input.bucket, &input.versioning_configuration).await?;
    Ok(S3Response::new(dto::PutBucketVersioningOutput::default()))
}

pub(crate) async fn get_versioning(
    store: &Arc<Store>,
    input: dto::GetBucketVersioningInput,
) -> S3Result<S3Response<dto::GetBucketVersioningOutput>> {
    let kept: VersioningConfiguration = kept(store, input.bucket).await?;
    Ok(S3Response::new(dto::GetBucketVersioningOutput { status: kept.status, ..Default::default() }))
}

pub(crate) async fn put_public_access_block(
    store: &Arc<Store>,
    input: dto::PutPublicAccessBlockInput,
) -> S3Result<S3Response<dto::PutPublicAccessBlockOutput>> {
    keep(store, input.bucket, &input.public_access_block_configuration).await?;
    Ok(S3Response::new(dto::PutPublicAccessBlockOutput::default()))
}

pub(crate) async fn get_public_access_block(
    store: &Arc<Store>,
    input: dto::GetPublicAccessBlockInput,
) -> S3Result<S3Response<dto::GetPublicAccessBlockOutput>> {
    let kept: PublicAccessBlockConfiguration = kept(store, input.bucket).await?;
    Ok(S3Response::new(dto::GetPublicAccessBlockOutput { public_access_block_configuration: Some(kept) }))
}

pub(crate) async fn delete_public_access_block(
    store: &Arc<Store>,
    input: dto::DeletePublicAccessBlockInput,
) -> S3Result<S3Response<dto::DeletePublicAccessBlockOutput>> {
    forget::<PublicAccessBlockConfiguration>(store, input.bucket).await?;
    Ok(S3Response::new(dto::DeletePublicAccessBlockOutput::default()))
}

/// A kind of setting: what it is called in the database, and what S3 says when there is none.
trait Setting: Serialize + DeserializeOwned + Send + 'static {
    const KIND: &'static str;

    /// The error code and its words; `None` where S3 gives an empty setting instead.
    const ABSENT: Option<(&'static str, &'static str)>;
}

impl Setting for CORSConfiguration {
    const KIND: &'static str = "cors";
    const ABSENT: Option<(&'static str, &'static str)> =
        Some(("NoSuchCORSConfiguration", "The CORS configuration does not exist"));
}

impl Setting for BucketLifecycleConfiguration {
    const KIND: &'static str = "lifecycle";
    const ABSENT: Option<(&'static str, &'static str)> =
        Some(("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"));
}

impl Setting for PublicAccessBlockConfiguration {
    const KIND: &'static str = "public-access-block";
    const ABSENT: Option<(&'static str, &'static str)> =
        Some(("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"));
}

impl Setting for NotificationConfiguration {
    const KIND: &'static str = "notification";
    const ABSENT: Option<(&'static str, &'static str)> = None;
}

impl Setting for VersioningConfiguration {
    const KIND: &'static str = "versioning";
    const ABSENT: Option<(&'static str, &'static str)> = None;
}

/// Keeps a setting.
async fn keep<S: Setting>(store: &Arc<Store>, bucket: String, setting: &S) -> S3Result<()> {
    let value = serde_json::to_string(setting).map_err(Error::from)?;
    Ok(store.write(move |change| buckets::set(change.rows, &bucket, S::KIND, &value)).await?)
}

/// Tells a setting again.
async fn kept<S: Setting + Default>(store: &Arc<Store>, bucket: String) -> S3Result<S> {
    let kept = store.read(move |rows| buckets::setting(rows, &bucket, S::KIND)).await?;
    match (kept, S::ABSENT) {
        (Some(value), _) => Ok(serde_json::from_str(&value).map_err(Error::from)?),
        (None, None) => Ok(S::default()),
        (None, Some((code, words))) => Err(absent(code, words)),
    }
}

/// Forgets a setting.
async fn forget<S: Setting>(store: &Arc<Store>, bucket: String) -> S3Result<()> {
    Ok(store.write(move |change| buckets::unset(change.rows, &bucket, S::KIND)).await?)
}

fn absent(code: &'static str, words: &'static str) -> S3Error {
    let code = S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InvalidRequest);
    let mut error = S3Error::with_message(code, words);
    error.set_status_code(StatusCode::NOT_FOUND);
    error
}
