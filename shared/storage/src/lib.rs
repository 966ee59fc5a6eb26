//! Where things are kept: bytes in S3, what is known of them in DynamoDB.
//!
//! The only crate that names the AWS SDK. The seam between one machine and the cloud is the wire, not a trait: the same
//! clients talk to AWS or to the embedded engines, only [`Settings`] differ. Concurrency is decided in [`guards`] and
//! nowhere else.

pub mod bans;
pub mod blobs;
mod borrowing;
pub mod calls;
pub mod cloudfront;
pub mod connect;
pub mod ephemeral;
pub mod erase;
pub mod error;
pub mod functions;
pub mod guards;
pub mod incoming;
mod item;
pub mod jobs;
pub mod keys;
pub mod listing;
pub mod meters;
pub mod peek;
mod pieces;
pub mod presign;
pub mod provision;
pub mod quarantine_changes;
pub mod reach;
pub mod records;
pub mod references;
pub mod retaining;
pub mod secrets;
pub mod sharing;
pub mod staging;
pub mod usage;

pub use blobs::{Blobs, Written};
pub use calls::SdkCalls;
pub use connect::{Settings, Shared, Store, connect, connect_sharing};
pub use ephemeral::Ephemeral;
pub use error::Error;
pub use functions::Functions;
pub use guards::Outcome;
pub use incoming::{BodyError, Incoming};
pub use jobs::Job;
pub use keys::Key;
pub use listing::{Cursor, Page};
pub use meters::Meter;
pub use presign::{SignedUrl, Verb};
pub use quarantine_changes::QuarantineChange;
pub use reach::Silent;
pub use records::{MediaAndThumbnails, Records};
pub use references::{Ban, Blob, Reference};
pub use sharing::Joined;
pub use usage::Totals;
