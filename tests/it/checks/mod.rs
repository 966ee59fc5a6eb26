//! What the protocol asks, check by check: each test begins with the number that the list of checkable requirements gives it.
//!
//! The list is numbered 1 to 65: uploads 1–16, downloads 17–40, the old paths 41–45, config and previews 46–49,
//! thumbnails 50–56, federation 57–64, limits 65.

mod download;
mod federation;
mod legacy;
mod limits;
pub(crate) mod outgoing;
mod previews;
mod thumbnails;
mod upload;
