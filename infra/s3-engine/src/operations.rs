//! The table of what is offered: each operation of S3 and the function that does it.

use std::sync::Arc;

use async_trait::async_trait;
use s3s::{S3, S3Request, S3Response, S3Result, dto};

use crate::store::Store;
use crate::{buckets, listing, multipart, objects, permissions, settings, tags};

/// Generates the methods of [`S3`] from a table of `method(Operation) => function(input or whole request)`.
macro_rules! operations {
    ($($method:ident: $input:ident -> $output:ident = $module:ident::$function:ident($part:ident);)*) => {
        #[async_trait]
        impl S3 for Operations {
            $(async fn $method(
                &self,
                request: S3Request<dto::$input>,
            ) -> S3Result<S3Response<dto::$output>> {
                let veil = permissions::admit(&request)?;
                veil.over($module::$function(&self.store, operations!(@$part request)).await)
            })*
        }
    };
    (@whole $request:ident) => { $request };
    (@input $request:ident) => { $request.input };
}

/// The operations over a store.
pub(crate) struct Operations {
    store: Arc<Store>,
}

impl Operations {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }
}

operations! {
    create_bucket: CreateBucketInput -> CreateBucketOutput = buckets::create(input);
    head_bucket: HeadBucketInput -> HeadBucketOutput = buckets::head(input);
    delete_bucket: DeleteBucketInput -> DeleteBucketOutput = buckets::delete(input);
    list_buckets: ListBucketsInput -> ListBucketsOutput = buckets::list(input);
    get_bucket_location: GetBucketLocationInput -> GetBucketLocationOutput = buckets::location(input);
    put_object: PutObjectInput -> PutObjectOutput = objects::put(whole);
    get_object: GetObjectInput -> GetObjectOutput = objects::get(whole);
    head_object: HeadObjectInput -> HeadObjectOutput = objects::head(whole);
    delete_object: DeleteObjectInput -> DeleteObjectOutput = objects::delete(whole);
    delete_objects: DeleteObjectsInput -> DeleteObjectsOutput = objects::delete_many(whole);
    copy_object: CopyObjectInput -> CopyObjectOutput = objects::copy(whole);
    get_object_attributes: GetObjectAttributesInput -> GetObjectAttributesOutput = objects::attributes(input);
    list_objects: ListObjectsInput -> ListObjectsOutput = listing::list_v1(input);
    list_objects_v2: ListObjectsV2Input -> ListObjectsV2Output = listing::list_v2(input);
    create_multipart_upload: CreateMultipartUploadInput -> CreateMultipartUploadOutput = multipart::create(input);
    upload_part: UploadPartInput -> UploadPartOutput = multipart::upload_part(whole);
    upload_part_copy: UploadPartCopyInput -> UploadPartCopyOutput = multipart::upload_part_copy(whole);
    complete_multipart_upload: CompleteMultipartUploadInput -> CompleteMultipartUploadOutput = multipart::complete(whole);
    abort_multipart_upload: AbortMultipartUploadInput -> AbortMultipartUploadOutput = multipart::abort(input);
    list_parts: ListPartsInput -> ListPartsOutput = multipart::list_parts(input);
    list_multipart_uploads: ListMultipartUploadsInput -> ListMultipartUploadsOutput = multipart::list_uploads(input);
    get_object_tagging: GetObjectTaggingInput -> GetObjectTaggingOutput = tags::get(input);
    put_object_tagging: PutObjectTaggingInput -> PutObjectTaggingOutput = tags::put(input);
    delete_object_tagging: DeleteObjectTaggingInput -> DeleteObjectTaggingOutput = tags::delete(input);
    put_bucket_cors: PutBucketCorsInput -> PutBucketCorsOutput = settings::put_cors(input);
    get_bucket_cors: GetBucketCorsInput -> GetBucketCorsOutput = settings::get_cors(input);
    delete_bucket_cors: DeleteBucketCorsInput -> DeleteBucketCorsOutput = settings::delete_cors(input);
    put_bucket_lifecycle_configuration: PutBucketLifecycleConfigurationInput -> PutBucketLifecycleConfigurationOutput = settings::put_lifecycle(input);
    get_bucket_lifecycle_configuration: GetBucketLifecycleConfigurationInput -> GetBucketLifecycleConfigurationOutput = settings::get_lifecycle(input);
    delete_bucket_lifecycle: DeleteBucketLifecycleInput -> DeleteBucketLifecycleOutput = settings::delete_lifecycle(input);
    put_bucket_notification_configuration: PutBucketNotificationConfigurationInput -> PutBucketNotificationConfigurationOutput = settings::put_notification(input);
    get_bucket_notification_configuration: GetBucketNotificationConfigurationInput -> GetBucketNotificationConfigurationOutput = settings::get_notification(input);
    put_bucket_versioning: PutBucketVersioningInput -> PutBucketVersioningOutput = settings::put_versioning(input);
    get_bucket_versioning: GetBucketVersioningInput -> GetBucketVersioningOutput = settings::get_versioning(input);
    put_public_access_block: PutPublicAccessBlockInput -> PutPublicAccessBlockOutput = settings::put_public_access_block(input);
    get_public_access_block: GetPublicAccessBlockInput -> GetPublicAccessBlockOutput = settings::get_public_access_block(input);
    delete_public_access_block: DeletePublicAccessBlockInput -> DeletePublicAccessBlockOutput = settings::delete_public_access_block(input);
}
