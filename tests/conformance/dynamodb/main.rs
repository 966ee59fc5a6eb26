//! What DynamoDB promises, asked of the embedded engine, or of any endpoint that the environment names.
//!
//! `CONFORMANCE_DYNAMODB_ENDPOINT`, `CONFORMANCE_DYNAMODB_ACCESS_KEY`, `CONFORMANCE_DYNAMODB_SECRET_KEY` and
//! `CONFORMANCE_DYNAMODB_REGION` choose another endpoint. Each test makes tables of its own and removes them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod attributes;
mod batches;
mod conditions;
mod expiry;
mod expressions;
mod folder;
mod index;
mod items;
mod keys;
mod limits;
mod operators;
mod pages;
mod place;
mod policies;
mod queries;
mod races;
mod scans;
mod sets;
mod tables;
mod updates;
