//! CompleteMultipartUpload: the named parts, in order, become the object; no byte is copied.

use std::collections::BTreeMap;
use std::sync::Arc;

use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{BYTES_PER_PART, PARTS_PER_UPLOAD};
use crate::checksums::{self, Stored, Wanted, tell_checksum};
use crate::conditions::bare_tag;
use crate::error::Error;
use crate::events::{Announcer, EventKind};
use crate::objects::{Destination, etag, keep};
use crate::store::rows::objects::Object;
use crate::store::rows::uploads::{self, Part, Upload, UploadName};
use crate::store::{Change, Extents, Store};

/// What a client names a part by.
struct Named {
    number: u32,
    etag: String,
    checksum: Option<String>,
}

/// What the finished object is told to the client as.
struct Finished {
    etag: String,
    checksum: Option<Stored>,
}

pub(crate) async fn complete(
    store: &Arc<Store>,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let destination = Destination::of(&request, &request.input.bucket, &request.input.key);
    let whole = Wanted::from_headers(&request.headers).value;
    let input = request.input;
    let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
    let named = named_parts(parts)?;
    let name = UploadName { bucket: input.bucket, key: input.key, id: input.upload_id };
    let mut output = CompleteMultipartUploadOutput {
        location: Some(format!("/{}/{}", name.bucket, name.key)),
        bucket: Some(name.bucket.clone()),
        key: Some(name.key.clone()),
        ..CompleteMultipartUploadOutput::default()
    };
    let announcer = Arc::clone(&store.announcer);
    let finished = store
        .write(move |change| finish(change, &announcer, &destination, &name, &named, whole.as_deref()))
        .await?;
    output.e_tag = Some(etag(&finished.etag));
    tell_checksum!(output, &finished.checksum);
    output.checksum_type = finished.checksum.as_ref().map(|checksum| checksum.scope.dto());
    Ok(S3Response::new(output))
}

/// All of it in one change: the object appears and the upload is gone, or neither.
fn finish(
    change: &mut Change<'_>,
    announcer: &Announcer,
    destination: &Destination,
    name: &UploadName,
    named: &[Named],
    whole_checksum: Option<&str>,
) -> Result<Finished, Error> {
    let upload = uploads::require(change.rows, name)?;
    let arrived = uploads::finish(change.rows, name)?;
    let (chosen, unused) = choose(arrived, named)?;
    let object = joined(upload, &chosen);
    match (whole_checksum, &object.checksum) {
        (Some(expected), Some(checksum)) if expected != checksum.value => {
            return Err(Error::BadDigest(checksum.algorithm.name()));
        }
        _ => {}
    }
    for part in unused {
        change.bury(part.extents);
    }
    let finished = Finished { etag: object.etag.clone(), checksum: object.checksum.clone() };
    keep(change, announcer, destination, EventKind::CompleteMultipartUpload, object, None)?;
    Ok(finished)
}

/// Parts the arrived into those that make up the object, in order, and those that nobody named.
fn choose(arrived: Vec<Part>, named: &[Named]) -> Result<(Vec<Part>, Vec<Part>), Error> {
    let mut arrived: BTreeMap<u32, Part> = arrived.into_iter().map(|part| (part.number, part)).collect();
    let mut chosen = Vec::with_capacity(named.len());
    for name in named {
        let part = arrived.remove(&name.number).filter(|part| name.is(part)).ok_or(Error::InvalidPart)?;
        chosen.push(part);
    }
    let all_but_last = chosen.iter().rev().skip(1);
    if all_but_last.into_iter().any(|part| part.size_bytes < BYTES_PER_PART) {
        return Err(Error::EntityTooSmall);
    }
    Ok((chosen, arrived.into_values().collect()))
}

fn joined(upload: Upload, parts: &[Part]) -> Object {
    let extents = parts.iter().flat_map(|part| part.extents.0.iter().copied()).collect();
    let checksums = parts.iter().map(|part| (part.checksum.as_ref(), part.size_bytes));
    Object {
        etag: joined_etag(parts),
        size_bytes: parts.iter().map(|part| part.size_bytes).sum(),
        modified_ms: 0,
        described: upload.described,
        tags: upload.tags,
        checksum: upload.checksum.and_then(|asked| checksums::of_parts(asked, checksums)),
        extents: Extents(extents),
    }
}

/// The MD5 of the parts' MD5s, and their number: what S3 does, and what clients that check ETags expect.
fn joined_etag(parts: &[Part]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        // A part's ETag is hexadecimal by our own hand.
        md5.update(&hex::decode(&part.etag).unwrap_or_default());
    }
    format!("{}-{}", hex::encode(md5.finalize()), parts.len())
}

impl Named {
    fn is(&self, part: &Part) -> bool {
        let checksum_fits = match (&self.checksum, &part.checksum) {
            (Some(named), Some(kept)) => *named == kept.value,
            _ => true,
        };
        self.etag == part.etag && checksum_fits
    }
}

fn named_parts(parts: Vec<CompletedPart>) -> S3Result<Vec<Named>> {
    let malformed = || {
        s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        )
    };
    let limit = usize::try_from(PARTS_PER_UPLOAD).unwrap_or_default();
    if parts.is_empty() || parts.len() > limit {
        return Err(malformed());
    }
    let mut named: Vec<Named> = Vec::with_capacity(parts.len());
    for part in parts {
        let number = part.part_number.and_then(|number| u32::try_from(number).ok()).ok_or_else(malformed)?;
        if named.last().is_some_and(|previous| previous.number >= number) {
            return Err(Error::InvalidPartOrder.into());
        }
        let tag = part.e_tag.ok_or_else(malformed)?;
        let checksum = part
            .checksum_crc32
            .or(part.checksum_crc32c)
            .or(part.checksum_crc64nvme)
            .or(part.checksum_sha1)
            .or(part.checksum_sha256);
        named.push(Named { number, etag: bare_tag(tag.value()).to_owned(), checksum });
    }
    Ok(named)
}
