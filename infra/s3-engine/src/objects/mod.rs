//! The operations on one object: put, get, head, delete, copy, attributes.

mod arriving;
mod attributes;
mod copying;
mod deleting;
mod described;
mod getting;
mod leaving;
mod putting;

pub(crate) use arriving::{Arriving, Expected, Landed, land};
pub(crate) use attributes::attributes;
pub(crate) use copying::{Source, check_size, copy, pour};
pub(crate) use deleting::{delete, delete_many};
pub(crate) use described::{Described, described};
pub(crate) use getting::{get, head};
pub(crate) use putting::{Destination, keep, put};

use s3s::dto::ETag;

/// The largest object or part that one request may bring or copy: 5 GiB (S3 user guide, "Uploading objects").
pub(crate) const BYTES_PER_REQUEST: u64 = 5 * 1024 * 1024 * 1024;

/// An ETag as it is sent, of one as it is kept.
pub(crate) fn etag(bare: &str) -> ETag {
    ETag::Strong(bare.to_owned())
}

/// A size as the protocol counts it.
pub(crate) fn size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
