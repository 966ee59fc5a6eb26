//! Makes memory cost every measurement the same.
//!
//! On a virtual machine the first touch of a page costs five times as much as the next, and a page that lies free for some
//! seconds is first touched again. A server that writes files would pay for that or not depending on who wrote before
//! it. What the page cache holds stays, so it is filled once and emptied right before each measurement.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
    process::Command,
    time::Duration,
};

use crate::{child::Child, error::Error, media, server};

/// What is filled in the beginning: more than one measurement writes.
const FILL_BYTES: usize = 3_000_000_000;

/// Bytes written at a time.
const PIECE_BYTES: usize = 1_000_000;

/// The longest wait for the disk.
const DISK_LIMIT: Duration = Duration::from_mins(1);

/// Where Linux takes the order to forget what it can read again.
const ORDERS: &str = "/proc/sys/vm/drop_caches";

/// The order that means files.
const FORGET_FILES: &str = "1\n";

/// Fills the page cache with a file that is gone afterwards.
pub(crate) async fn fill(parent: Option<&Path>) -> Result<(), Error> {
    let folder = server::new_folder(parent)?;
    let piece = media::random_bytes(PIECE_BYTES);
    let mut file = File::create(folder.path().join("fill"))?;
    for _ in 0..FILL_BYTES / PIECE_BYTES {
        file.write_all(&piece)?;
        // A signal may end this.
        tokio::task::yield_now().await;
    }
    empty().await
}

/// Brings everything to the disk, so that bytes that nobody waited for do not slow down somebody else who does wait;
/// then empties the page cache, where whoever runs this may do so.
pub(crate) async fn empty() -> Result<(), Error> {
    let folder = server::new_folder(None)?;
    let log = folder.path().join("log");
    Child::run("Writing everything to the disk", Command::new("sync"), &log, DISK_LIMIT).await?;
    match fs::write(ORDERS, FORGET_FILES) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => Ok(other?),
    }
}
