//! At the start: removes drafts, and blobs that no row names, which an earlier process left when it was killed.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::{BlobId, Blobs, rows};
use crate::error::OpenError;

pub(crate) fn sweep(connection: &Connection, blobs: &Blobs) -> Result<(), OpenError> {
    let drafts = remove_drafts(blobs)?;
    let strays = remove_strays(connection, blobs)?;
    if drafts + strays > 0 {
        tracing::info!(drafts, strays, "Swept out {drafts} drafts and {strays} blobs that no row names");
    }
    Ok(())
}

fn remove_drafts(blobs: &Blobs) -> Result<usize, OpenError> {
    let mut removed = 0;
    for entry in fs::read_dir(blobs.drafts_folder())? {
        fs::remove_file(entry?.path())?;
        removed += 1;
    }
    Ok(removed)
}

fn remove_strays(connection: &Connection, blobs: &Blobs) -> Result<usize, OpenError> {
    let named = rows::named_blobs(connection)?;
    let mut removed = 0;
    for folder in fs::read_dir(blobs.placed_folder())? {
        removed += remove_strays_in(&folder?.path(), &named, blobs)?;
    }
    Ok(removed)
}

fn remove_strays_in(folder: &Path, named: &HashSet<BlobId>, blobs: &Blobs) -> Result<usize, OpenError> {
    let folder_name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        let file_name = entry?.file_name();
        // A file that is no blob of ours is not ours to remove.
        let Some(blob) = BlobId::from_path(&folder_name, &file_name.to_string_lossy()) else {
            continue;
        };
        if !named.contains(&blob) {
            blobs.remove(blob)?;
            removed += 1;
        }
    }
    Ok(removed)
}
