//! S3 in process, over a folder: what a program needs of the service when there is no AWS under it.
//!
//! [`S3Engine::open`] takes a folder and gives a [`tower::Service`] that answers S3's HTTP interface, for a
//! server loop or to be called in process. Bytes live in blob files, everything else in one SQLite database; an
//! acknowledged write is on disk. Signatures (Signature Version 4, in the header or the query) are verified with
//! the pair of keys given at the start, which may do everything, and with those of [`Options::policies`], if any, each of
//! which may do what its policy allows. Events about objects wait in [`Notifications`], a small queue with
//! the promises of SQS.
//!
//! A folder belongs to one process at a time; keeping a second one out is the host's business.
//!
//! Signatures in headers are judged by the machine's own clock, links by both that and [`Options::now_ms`], which
//! everything else asks.
//!
//! The protocol crate underneath logs refused requests as errors under the target `s3s`, and whole requests with
//! their signatures at debug level: a host's log filter should hold `s3s=off`.

mod buckets;
mod checksums;
mod conditions;
mod engine;
mod error;
mod events;
mod front;
mod gate;
mod listing;
mod multipart;
mod notifications;
mod objects;
mod operations;
mod options;
mod permissions;
mod ranges;
mod settings;
mod signed;
mod store;
mod tags;
mod times;

pub use engine::S3Engine;
pub use error::OpenError;
pub use front::S3Service;
pub use notifications::{Backlog, DeadLetter, Message, Notifications, QueueError};
pub use options::{Clock, Durability, ETags, Options};
/// The body of every answer; implements [`http_body::Body`].
pub use s3s::Body;
