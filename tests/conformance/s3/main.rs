//! What S3 promises, asked of the embedded engine, or of any endpoint that the environment names.
//!
//! `CONFORMANCE_S3_ENDPOINT`, `CONFORMANCE_S3_ACCESS_KEY`, `CONFORMANCE_S3_SECRET_KEY` and
//! `CONFORMANCE_S3_REGION` choose another endpoint. Each test makes a bucket of its own and removes it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod auth;
mod buckets;
mod checksums;
mod conditions;
mod copying;
mod cors;
mod deleting;
mod folder;
mod keys;
mod listing;
mod multipart;
mod notifications;
mod objects;
mod place;
mod policies;
mod presigned;
mod races;
mod ranges;
mod tagging;
