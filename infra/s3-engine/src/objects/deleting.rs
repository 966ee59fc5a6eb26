//! DeleteObject and DeleteObjects: a key that is not there counts as deleted.

use std::sync::Arc;

use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
    Error as Undeleted,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::putting::Destination;
use crate::error::Error;
use crate::events::{Announcer, Event, EventKind};
use crate::permissions::{Caller, DELETE_OBJECT};
use crate::store::rows::{buckets, objects};
use crate::store::{Change, Store};

/// Keys in one DeleteObjects request (API reference, DeleteObjects).
const KEYS_PER_REQUEST: usize = 1000;

pub(crate) async fn delete(
    store: &Arc<Store>,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    let doomed = Destination::of(&request, &request.input.bucket, &request.input.key);
    let announcer = Arc::clone(&store.announcer);
    store
        .write(move |change| {
            buckets::require(change.rows, &doomed.bucket)?;
            remove(change, &announcer, &doomed)
        })
        .await?;
    Ok(S3Response::new(DeleteObjectOutput::default()))
}

pub(crate) async fn delete_many(
    store: &Arc<Store>,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let keys: Vec<String> = request.input.delete.objects.iter().map(|object| object.key.clone()).collect();
    if keys.is_empty() || keys.len() > KEYS_PER_REQUEST {
        return Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        ));
    }
    let (keys, errors) = permitted(request.extensions.get(), &request.input.bucket, keys);
    let mut doomed = Destination::of(&request, &request.input.bucket, "");
    let announcer = Arc::clone(&store.announcer);
    let quiet = request.input.delete.quiet == Some(true);
    let deleted = if quiet { None } else { Some(keys.iter().map(|key| deleted(key)).collect()) };
    store
        .write(move |change| {
            buckets::require(change.rows, &doomed.bucket)?;
            for key in keys {
                doomed.key = key;
                remove(change, &announcer, &doomed)?;
            }
            Ok(())
        })
        .await?;
    let errors = if errors.is_empty() { None } else { Some(errors) };
    Ok(S3Response::new(DeleteObjectsOutput { deleted, errors, ..DeleteObjectsOutput::default() }))
}

/// The keys that the caller may delete, and what is said of the others.
fn permitted(caller: Option<&Caller>, bucket: &str, keys: Vec<String>) -> (Vec<String>, Vec<Undeleted>) {
    let Some(caller) = caller else { return (keys, Vec::new()) };
    let (mut permitted, mut errors) = (Vec::new(), Vec::new());
    for key in keys {
        match caller.permit_on(DELETE_OBJECT, bucket, &key) {
            Ok(()) => permitted.push(key),
            Err(denied) => errors.push(Undeleted {
                code: Some(S3ErrorCode::AccessDenied.as_str().to_owned()),
                key: Some(key),
                message: Some(denied.to_string()),
                ..Undeleted::default()
            }),
        }
    }
    (permitted, errors)
}

fn remove(change: &mut Change<'_>, announcer: &Announcer, doomed: &Destination) -> Result<(), Error> {
    let Destination { bucket, key, conditions, request_id } = doomed;
    let Some((etag, extents)) = objects::current(change.rows, bucket, key)? else {
        return Ok(());
    };
    conditions.judge_write(Some(&etag))?;
    objects::delete(change.rows, bucket, key)?;
    announcer.announce(change, &Event { kind: EventKind::Removed, bucket, key, object: None, request_id })?;
    change.bury(extents);
    Ok(())
}

fn deleted(key: &str) -> DeletedObject {
    DeletedObject { key: Some(key.to_owned()), ..DeletedObject::default() }
}
