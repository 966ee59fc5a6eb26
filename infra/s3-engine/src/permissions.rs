//! Which permissions an operation needs, and what somebody without them is told.
//!
//! From the service authorization reference, "Actions, resources, and condition keys for Amazon S3", and what the API
//! reference says of each operation.

use engine_host::{Policies, policies::Denied};
use s3s::dto::{self, CopySource};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result};

/// What reading an object needs, whichever way it is read.
const GET_OBJECT: &str = "s3:GetObject";

/// What putting an object needs, whole or in parts.
const PUT_OBJECT: &str = "s3:PutObject";

/// What giving it tags needs besides.
const PUT_OBJECT_TAGGING: &str = "s3:PutObjectTagging";

/// Who is told that an object is not there.
const LIST_BUCKET: &str = "s3:ListBucket";

/// What deleting an object needs.
pub(crate) const DELETE_OBJECT: &str = "s3:DeleteObject";

/// Whoever signed a request and may not do everything: it travels among the request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) policies: Policies,
    pub(crate) access_key: String,
}

impl Caller {
    /// Refuses what the caller's policy does not allow on an object.
    pub(crate) fn permit_on(&self, action: &str, bucket: &str, key: &str) -> Result<(), Denied> {
        self.policies.permit(&self.access_key, action, &object_name(bucket, key))
    }
}

/// One permission that an operation needs.
pub(crate) struct Need {
    action: &'static str,
    on: On,
}

enum On {
    Account,
    Bucket(String),
    Object(String, String),
}

/// The input of an operation, which knows what it needs.
pub(crate) trait Needs {
    fn needs(&self) -> Vec<Need>;
}

/// What is put over an answer that would say whether an object is there.
pub(crate) struct Veil(Option<(Caller, String)>);

/// Refuses a request whose signer may not make it.
pub(crate) fn admit<I: Needs>(request: &S3Request<I>) -> S3Result<Veil> {
    let Some(caller) = request.extensions.get::<Caller>() else { return Ok(Veil(None)) };
    let needs = request.input.needs();
    for Need { action, on } in &needs {
        let resource = match on {
            On::Account => "*".to_owned(),
            On::Bucket(bucket) => bucket_name(bucket),
            On::Object(bucket, key) => object_name(bucket, key),
        };
        caller.policies.permit(&caller.access_key, action, &resource).map_err(|denied| refused(&denied))?;
    }
    let read = needs.into_iter().find(|need| need.action == GET_OBJECT);
    Ok(Veil(read.and_then(|need| match need.on {
        On::Object(bucket, _) => Some((caller.clone(), bucket)),
        _ => None,
    })))
}

impl Veil {
    /// Who may not list a bucket does not learn which objects are missing from it (API reference, GetObject,
    /// "Permissions").
    pub(crate) fn over<T>(self, answer: S3Result<T>) -> S3Result<T> {
        let Self(Some((caller, bucket))) = self else { return answer };
        answer.map_err(|error| {
            let bucket = bucket_name(&bucket);
            if *error.code() != S3ErrorCode::NoSuchKey
                || caller.policies.happens_to_permit(&caller.access_key, LIST_BUCKET, &bucket)
            {
                return error;
            }
            refused(&Denied {
                principal: caller.access_key,
                action: LIST_BUCKET.to_owned(),
                resource: bucket,
            })
        })
    }
}

fn refused(denied: &Denied) -> S3Error {
    S3Error::with_message(S3ErrorCode::AccessDenied, denied.to_string())
}

fn bucket_name(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}")
}

fn object_name(bucket: &str, key: &str) -> String {
    format!("arn:aws:s3:::{bucket}/{key}")
}

fn on_object(action: &'static str, bucket: &str, key: &str) -> Need {
    Need { action, on: On::Object(bucket.to_owned(), key.to_owned()) }
}

/// A source that is no object of a bucket is refused as such, later.
fn reading(source: &CopySource) -> Option<Need> {
    let CopySource::Bucket { bucket, key, .. } = source else { return None };
    Some(on_object(GET_OBJECT, bucket, key))
}

/// Generates [`Needs`] from a table of `scope Input: "action"`.
macro_rules! needs {
    ($($scope:ident $input:ident: $action:expr;)*) => {
        $(impl Needs for dto::$input {
            fn needs(&self) -> Vec<Need> {
                vec![needs!(@$scope self $action)]
            }
        })*
    };
    (@account $input:ident $action:expr) => { Need { action: $action, on: On::Account } };
    (@bucket $input:ident $action:expr) => { Need { action: $action, on: On::Bucket($input.bucket.clone()) } };
    (@object $input:ident $action:expr) => { on_object($action, &$input.bucket, &$input.key) };
}

/// The same for what may give tags, too.
macro_rules! needs_of_tagging {
    ($($input:ident)*) => {
        $(impl Needs for dto::$input {
            fn needs(&self) -> Vec<Need> {
                let mut needs = vec![on_object(PUT_OBJECT, &self.bucket, &self.key)];
                if self.tagging.is_some() {
                    needs.push(on_object(PUT_OBJECT_TAGGING, &self.bucket, &self.key));
                }
                needs
            }
        })*
    };
}

needs! {
    bucket CreateBucketInput: "s3:CreateBucket";
    bucket HeadBucketInput: LIST_BUCKET;
    bucket DeleteBucketInput: "s3:DeleteBucket";
    account ListBucketsInput: "s3:ListAllMyBuckets";
    bucket GetBucketLocationInput: "s3:GetBucketLocation";
    object GetObjectInput: GET_OBJECT;
    object HeadObjectInput: GET_OBJECT;
    object DeleteObjectInput: DELETE_OBJECT;
    bucket ListObjectsInput: LIST_BUCKET;
    bucket ListObjectsV2Input: LIST_BUCKET;
    object UploadPartInput: PUT_OBJECT;
    object CompleteMultipartUploadInput: PUT_OBJECT;
    object AbortMultipartUploadInput: "s3:AbortMultipartUpload";
    object ListPartsInput: "s3:ListMultipartUploadParts";
    bucket ListMultipartUploadsInput: "s3:ListBucketMultipartUploads";
    object GetObjectTaggingInput: "s3:GetObjectTagging";
    object PutObjectTaggingInput: PUT_OBJECT_TAGGING;
    object DeleteObjectTaggingInput: "s3:DeleteObjectTagging";
    bucket PutBucketCorsInput: "s3:PutBucketCORS";
    bucket GetBucketCorsInput: "s3:GetBucketCORS";
    bucket DeleteBucketCorsInput: "s3:PutBucketCORS";
    bucket PutBucketLifecycleConfigurationInput: "s3:PutLifecycleConfiguration";
    bucket GetBucketLifecycleConfigurationInput: "s3:GetLifecycleConfiguration";
    bucket DeleteBucketLifecycleInput: "s3:PutLifecycleConfiguration";
    bucket PutBucketNotificationConfigurationInput: "s3:PutBucketNotification";
    bucket GetBucketNotificationConfigurationInput: "s3:GetBucketNotification";
    bucket PutBucketVersioningInput: "s3:PutBucketVersioning";
    bucket GetBucketVersioningInput: "s3:GetBucketVersioning";
    bucket PutPublicAccessBlockInput: "s3:PutBucketPublicAccessBlock";
    bucket GetPublicAccessBlockInput: "s3:GetBucketPublicAccessBlock";
    bucket DeletePublicAccessBlockInput: "s3:PutBucketPublicAccessBlock";
}

needs_of_tagging! { PutObjectInput CreateMultipartUploadInput }

impl Needs for dto::GetObjectAttributesInput {
    fn needs(&self) -> Vec<Need> {
        [GET_OBJECT, "s3:GetObjectAttributes"].map(|action| on_object(action, &self.bucket, &self.key)).into()
    }
}

impl Needs for dto::CopyObjectInput {
    fn needs(&self) -> Vec<Need> {
        let tagging = self.tagging.as_ref().map(|_| on_object(PUT_OBJECT_TAGGING, &self.bucket, &self.key));
        let target = on_object(PUT_OBJECT, &self.bucket, &self.key);
        reading(&self.copy_source).into_iter().chain([target]).chain(tagging).collect()
    }
}

impl Needs for dto::UploadPartCopyInput {
    fn needs(&self) -> Vec<Need> {
        let target = on_object(PUT_OBJECT, &self.bucket, &self.key);
        reading(&self.copy_source).into_iter().chain([target]).collect()
    }
}

impl Needs for dto::DeleteObjectsInput {
    /// Nothing for the request as a whole: what may not be deleted is refused key by key.
    fn needs(&self) -> Vec<Need> {
        Vec::new()
    }
}
