//! Blob files: how one comes to be, where it lies, how it goes.
//!
//! A blob is written as a draft under `tmp/` and renamed to `blobs/xx/<rest>` inside the transaction that names
//! it. Its name is random; nothing a client sends becomes part of a path.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::options::Durability;

/// Neighbouring blobs share a folder, so that the blobs of one commit need one sync of one folder.
const BLOBS_BEFORE_NEXT_FOLDER: u64 = 1024;

/// The name of a blob. Its first byte is the folder it lies in.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct BlobId(pub(crate) [u8; BlobId::LENGTH]);

/// The folders of blobs and of drafts.
pub(crate) struct Blobs {
    placed: PathBuf,
    drafts: PathBuf,
    durability: Durability,
    made: AtomicU64,
}

impl Blobs {
    pub(crate) fn open(folder: &Path, durability: Durability) -> io::Result<Self> {
        let (placed, drafts) = (folder.join("blobs"), folder.join("tmp"));
        fs::create_dir_all(&placed)?;
        fs::create_dir_all(&drafts)?;
        let blobs = Self { placed, drafts, durability, made: AtomicU64::new(rand::random::<u32>().into()) };
        blobs.sync(folder)?;
        Ok(blobs)
    }

    /// A new, empty draft. It goes away by itself unless it is placed.
    pub(crate) fn draft(&self) -> io::Result<Draft> {
        let id = self.next_id();
        let path = self.drafts.join(id.to_string());
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Draft { id, path, file: Some(file), sync: self.durability == Durability::Durable })
    }

    /// Moves a finished draft to where rows can name it. The caller syncs its folder with [`Self::sync_folder`].
    pub(crate) fn place(&self, mut draft: Draft) -> io::Result<BlobId> {
        draft.file = None;
        let path = self.path(draft.id);
        if let Err(error) = fs::rename(&draft.path, &path) {
            if error.kind() != ErrorKind::NotFound {
                return Err(error);
            }
            self.make_folder(draft.id.folder())?;
            fs::rename(&draft.path, &path)?;
        }
        let id = draft.id;
        // Nothing is left at the draft's path, so its end has nothing to remove.
        std::mem::take(&mut draft.path);
        Ok(id)
    }

    pub(crate) fn open_blob(&self, id: BlobId) -> io::Result<File> {
        File::open(self.path(id))
    }

    /// Removes a blob; one that is gone already is no failure.
    pub(crate) fn remove(&self, id: BlobId) -> io::Result<()> {
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Makes the entries of one blob folder survive a power failure.
    pub(crate) fn sync_folder(&self, folder: u8) -> io::Result<()> {
        self.sync(&self.folder_path(folder))
    }

    pub(crate) fn placed_folder(&self) -> &Path {
        &self.placed
    }

    pub(crate) fn drafts_folder(&self) -> &Path {
        &self.drafts
    }

    fn make_folder(&self, folder: u8) -> io::Result<()> {
        match fs::create_dir(self.folder_path(folder)) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => self.sync(&self.placed),
        }
    }

    fn sync(&self, folder: &Path) -> io::Result<()> {
        match self.durability {
            Durability::Durable => File::open(folder)?.sync_all(),
            Durability::Fast => Ok(()),
        }
    }

    fn path(&self, id: BlobId) -> PathBuf {
        self.folder_path(id.folder()).join(id.file_name())
    }

    fn folder_path(&self, folder: u8) -> PathBuf {
        self.placed.join(format!("{folder:02x}"))
    }

    fn next_id(&self) -> BlobId {
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        let mut id: [u8; BlobId::LENGTH] = rand::random();
        id[0] = (made / BLOBS_BEFORE_NEXT_FOLDER).to_le_bytes()[0];
        BlobId(id)
    }
}

/// A blob being written. Dropped before it is placed, it takes its file with it.
pub(crate) struct Draft {
    id: BlobId,
    path: PathBuf,
    file: Option<File>,
    sync: bool,
}

impl Draft {
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
    }

    /// Brings the bytes to the disk and closes the file.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        match self.file.take() {
            Some(file) if self.sync => file.sync_data(),
            _ => Ok(()),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // What cannot be removed now is swept at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl BlobId {
    pub(crate) const LENGTH: usize = 16;

    pub(crate) fn folder(self) -> u8 {
        self.0[0]
    }

    /// The blob that a folder's entry is; `None` for a file that is no blob of ours.
    pub(crate) fn from_path(folder: &str, file_name: &str) -> Option<Self> {
        let mut id = [0; Self::LENGTH];
        hex::decode_to_slice(folder, &mut id[..1]).ok()?;
        hex::decode_to_slice(file_name, &mut id[1..]).ok()?;
        Some(Self(id))
    }

    fn file_name(self) -> String {
        hex::encode(&self.0[1..])
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
