//! CopyObject, and reading a source for any copy.

use std::sync::Arc;

use http::StatusCode;
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, ETagCondition, MetadataDirective,
    TaggingDirective, Timestamp,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::described::described;
use super::leaving::{LOT_BYTES, Reading};
use super::putting::{Destination, keep};
use super::{Arriving, BYTES_PER_REQUEST, Expected, Landed, etag};
use crate::checksums::{Algorithm, Wanted, tell_checksum};
use crate::conditions::bare_tag;
use crate::error::Error;
use crate::events::EventKind;
use crate::ranges::Window;
use crate::store::rows::objects::{self, Object};
use crate::store::{Extents, Store, off_thread};
use crate::tags;
use crate::times::{timestamp, unix_seconds};

/// How often a copy looks again when its source was replaced between the row and the bytes.
const LOOKS: usize = 64;

/// The object that a copy is made of, and what it demands of it.
#[derive(Default)]
pub(crate) struct Source {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

impl Source {
    pub(crate) fn named(source: &CopySource) -> S3Result<Self> {
        match source {
            CopySource::Bucket { bucket, key, version_id: None } => {
                Ok(Self { bucket: bucket.to_string(), key: key.to_string(), ..Self::default() })
            }
            _ => {
                Err(s3_error!(NotImplemented, "Only an object of a bucket can be copied, without a version"))
            }
        }
    }

    /// Opens the source's bytes once its conditions hold, and gives its row with them.
    pub(crate) async fn open(
        self,
        store: &Arc<Store>,
        window: impl Fn(&Object) -> Result<Window, Error> + Send + 'static,
    ) -> Result<(Reading, Object), Error> {
        let place = Arc::clone(store);
        let opened = store.read(move |rows| {
            for _ in 0..LOOKS {
                let object = objects::require(rows, &self.bucket, &self.key)?;
                if !self.holds(&object) {
                    return Err(Error::PreconditionFailed);
                }
                let window = window(&object)?;
                if let Some(reading) = Reading::start(&place.blobs, &place.broom, &object.extents, window)? {
                    return Ok((reading, object));
                }
            }
            Err(Error::NoSuchKey)
        });
        opened.await
    }

    fn holds(&self, object: &Object) -> bool {
        let matches = |condition: &ETagCondition| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(tag) => bare_tag(tag.value()) == object.etag,
        };
        let modified = object.modified_ms / 1000;
        let since = |time: &Option<Timestamp>| time.as_ref().and_then(unix_seconds);
        let tags_hold =
            self.if_match.as_ref().is_none_or(matches) && !self.if_none_match.as_ref().is_some_and(matches);
        let not_since =
            self.if_match.is_some() || since(&self.if_unmodified_since).is_none_or(|limit| modified <= limit);
        let after = self.if_none_match.is_some()
            || since(&self.if_modified_since).is_none_or(|limit| modified > limit);
        tags_hold && not_since && after
    }
}

pub(crate) async fn copy(
    store: &Arc<Store>,
    request: S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let destination = Destination::of(&request, &request.input.bucket, &request.input.key);
    let mut input = request.input;
    let replaces_description =
        input.metadata_directive.as_ref().is_some_and(|asked| asked.as_str() == MetadataDirective::REPLACE);
    let replaces_tags =
        input.tagging_directive.as_ref().is_some_and(|asked| asked.as_str() == TaggingDirective::REPLACE);
    let named = Source::named(&input.copy_source)?;
    if !replaces_description && named.bucket == destination.bucket && named.key == destination.key {
        return Err(s3_error!(
            InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the \
             object's metadata, storage class, website redirect location or encryption attributes."
        ));
    }
    let source = Source {
        if_match: input.copy_source_if_match.take(),
        if_none_match: input.copy_source_if_none_match.take(),
        if_modified_since: input.copy_source_if_modified_since.take(),
        if_unmodified_since: input.copy_source_if_unmodified_since.take(),
        ..named
    };
    let own_description = if replaces_description { Some(described!(input)?) } else { None };
    let own_tags = if replaces_tags { Some(tags::from_header(input.tagging.as_deref())?) } else { None };

    let (reading, object) = source.open(store, |object| Ok(Window::whole(object.size_bytes))).await?;
    check_size(reading.left_bytes())?;
    let asked = input.checksum_algorithm.as_ref().and_then(|asked| Algorithm::from_name(asked.as_str()));
    let algorithm = asked.or(object.checksum.as_ref().map(|checksum| checksum.algorithm));
    let landed = pour(store, reading, algorithm).await?;
    let copied = Object {
        etag: landed.etag.clone(),
        size_bytes: landed.size_bytes,
        modified_ms: 0,
        described: own_description.unwrap_or(object.described),
        tags: own_tags.unwrap_or(object.tags),
        checksum: landed.checksum,
        extents: Extents::default(),
    };
    let mut result = CopyObjectResult { e_tag: Some(etag(&copied.etag)), ..CopyObjectResult::default() };
    tell_checksum!(result, &copied.checksum);

    let announcer = Arc::clone(&store.announcer);
    let modified_ms = store
        .write(move |change| keep(change, &announcer, &destination, EventKind::Copy, copied, landed.draft))
        .await?;
    result.last_modified = Some(timestamp(modified_ms));
    let output = CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() };
    Ok(S3Response::new(output))
}

/// Refuses what S3 would have copied in parts.
pub(crate) fn check_size(size_bytes: u64) -> S3Result<()> {
    if size_bytes > BYTES_PER_REQUEST {
        let mut error = S3Error::with_message(
            S3ErrorCode::InvalidRequest,
            "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120",
        );
        error.set_status_code(StatusCode::BAD_REQUEST);
        return Err(error);
    }
    Ok(())
}

/// Pours bytes that are here already into a new draft.
pub(crate) async fn pour(
    store: &Store,
    mut reading: Reading,
    checksum: Option<Algorithm>,
) -> Result<Landed, Error> {
    let checksum = Wanted { algorithm: checksum, value: None };
    let expected = Expected { checksum, ..Expected::default() };
    let mut arriving = Arriving::new(store, &expected);
    off_thread(move || {
        while reading.left_bytes() > 0 {
            arriving.append(&[reading.next(LOT_BYTES)?])?;
        }
        arriving.finish(&Expected::default())
    })
    .await
}
