//! Multipart uploads: parts arrive in any order, and become one object at once or not at all.

mod completing;
mod listing;
mod parts;
mod starting;

pub(crate) use completing::complete;
pub(crate) use listing::{list_parts, list_uploads};
pub(crate) use parts::{upload_part, upload_part_copy};
pub(crate) use starting::{abort, create, sweep};

/// Parts are numbered from 1 to this (S3 user guide, "Amazon S3 multipart upload limits").
const PARTS_PER_UPLOAD: i32 = 10_000;

/// Every part but the last is at least this large: 5 MiB (ibid.).
const BYTES_PER_PART: u64 = 5 * 1024 * 1024;
