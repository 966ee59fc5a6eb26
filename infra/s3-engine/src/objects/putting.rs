//! PutObject, and what every way of making an object ends in.

use std::sync::Arc;

use s3s::dto::{PutObjectInput, PutObjectOutput, StreamingBlob};
use s3s::stream::ByteStream as _;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::arriving::{Expected, land};
use super::described::described;
use super::leaving::LOT_BYTES;
use super::{BYTES_PER_REQUEST, etag};
use crate::checksums::{Wanted, tell_checksum};
use crate::conditions::Conditions;
use crate::error::Error;
use crate::events::{Announcer, Event, EventKind};
use crate::front::RequestId;
use crate::store::rows::objects::Object;
use crate::store::rows::{buckets, objects};
use crate::store::{Change, Draft, Extents, Store};
use crate::tags;

/// Where a new object goes, and what has to hold for that.
#[derive(Clone)]
pub(crate) struct Destination {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) conditions: Conditions,
    pub(crate) request_id: RequestId,
}

impl Destination {
    pub(crate) fn of<T>(request: &S3Request<T>, bucket: &str, key: &str) -> Self {
        Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            conditions: request.extensions.get().cloned().unwrap_or_default(),
            request_id: request.extensions.get().cloned().unwrap_or_default(),
        }
    }
}

pub(crate) async fn put(
    store: &Arc<Store>,
    request: S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let destination = Destination::of(&request, &request.input.bucket, &request.input.key);
    let expected = Expected {
        md5: Expected::md5_from(request.input.content_md5.as_deref())?,
        checksum: Wanted::from_headers(&request.headers),
        trailers: request.extensions.get().cloned(),
    };
    let mut input = request.input;
    let described = described!(input)?;
    let tags = tags::from_header(input.tagging.as_deref())?;
    refuse_early(store, &destination, input.body.as_ref()).await?;

    let landed = land(store, input.body, expected).await?;
    let object = Object {
        etag: landed.etag.clone(),
        size_bytes: landed.size_bytes,
        modified_ms: 0,
        described,
        tags,
        checksum: landed.checksum,
        extents: Extents::default(),
    };
    let mut output = PutObjectOutput { e_tag: Some(etag(&object.etag)), ..PutObjectOutput::default() };
    tell_checksum!(output, &object.checksum);
    output.checksum_type = object.checksum.as_ref().map(|checksum| checksum.scope.dto());

    let announcer = Arc::clone(&store.announcer);
    let write = store
        .write(move |change| keep(change, &announcer, &destination, EventKind::Put, object, landed.draft));
    write.await?;
    Ok(S3Response::new(output))
}

/// Writes an object over whatever is there, if the conditions hold: its bytes to their place, its row, its
/// event. Gives the time of the change in Unix milliseconds.
pub(crate) fn keep(
    change: &mut Change<'_>,
    announcer: &Announcer,
    destination: &Destination,
    kind: EventKind,
    mut object: Object,
    draft: Option<Draft>,
) -> Result<u64, Error> {
    let Destination { bucket, key, conditions, request_id } = destination;
    buckets::require(change.rows, bucket)?;
    let (current, replaced) = objects::current(change.rows, bucket, key)?.unzip();
    conditions.judge_write(current.as_deref())?;

    object.modified_ms = announcer.now_ms();
    if let Some(draft) = draft {
        object.extents = Extents::one(change.place(draft)?, object.size_bytes);
    }
    objects::put(change.rows, bucket, key, &object)?;
    announcer.announce(change, &Event { kind, bucket, key, object: Some(&object), request_id })?;
    if let Some(replaced) = replaced {
        change.bury(replaced);
    }
    Ok(object.modified_ms)
}

/// Says no to a large upload before it has been sent, where the answer is already clear. The change that writes
/// asks again.
async fn refuse_early(
    store: &Arc<Store>,
    destination: &Destination,
    body: Option<&StreamingBlob>,
) -> S3Result<()> {
    let announced = body.and_then(|body| body.remaining_length().exact()).unwrap_or_default() as u64;
    if announced > BYTES_PER_REQUEST {
        return Err(s3_error!(
            EntityTooLarge,
            "Your proposed upload exceeds the maximum allowed object size"
        ));
    }
    if announced > LOT_BYTES {
        let bucket = destination.bucket.clone();
        store.read(move |rows| buckets::require(rows, &bucket)).await?;
    }
    Ok(())
}
