//! A folder that belongs to one process at a time.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

/// The file whose lock says that the folder is taken.
const LOCK_FILE: &str = "lock";

/// The longest lock file that is read for its owner's process id, in bytes.
const LOCK_FILE_BYTES: u64 = 32;

/// A folder that nobody else has open. The lock ends with this value, or with the process, however it ends.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    /// Another process has it open.
    #[error("the data folder {path} is in use by another process{}", .holder.as_ref().map(|pid| format!(" ({pid})")).unwrap_or_default())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The other's process id, when the lock file says it.
        holder: Option<String>,
    },
    /// It cannot be made, or nothing can be written into it.
    #[error("the data folder {path} cannot be written: {cause}")]
    NotWritable {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
}

impl DataFolder {
    /// Opens the folder, made readable by its owner alone if it is not there yet.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DataFolderError> {
        let path = path.into();
        let not_writable = |cause| DataFolderError::NotWritable { path: path.clone(), cause };
        DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(not_writable)?;
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path.join(LOCK_FILE))
            .map_err(not_writable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DataFolderError::InUse { holder: holder(&mut lock), path });
            }
            Err(TryLockError::Error(cause)) => return Err(not_writable(cause)),
        }
        lock.set_len(0).and_then(|()| write!(lock, "{}", std::process::id())).map_err(not_writable)?;
        Ok(Self { path, _lock: lock })
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder inside it, made if it is not there.
    pub fn subfolder(&self, name: &str) -> Result<PathBuf, DataFolderError> {
        let path = self.path.join(name);
        match fs::create_dir_all(&path) {
            Ok(()) => Ok(path),
            Err(cause) => Err(DataFolderError::NotWritable { path, cause }),
        }
    }
}

fn holder(lock: &mut File) -> Option<String> {
    let mut text = String::new();
    lock.take(LOCK_FILE_BYTES).read_to_string(&mut text).ok()?;
    let pid: u32 = text.trim().parse().ok()?;
    Some(format!("process {pid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_owners_until_it_is_dropped() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("deep/er");
        let first = DataFolder::open(&path).unwrap();
        let refused = DataFolder::open(&path).unwrap_err();
        assert!(matches!(&refused, DataFolderError::InUse { holder: Some(_), .. }), "{refused}");
        assert!(refused.to_string().contains(&std::process::id().to_string()), "{refused}");
        drop(first);
        let again = DataFolder::open(&path).unwrap();
        assert!(again.subfolder("s3").unwrap().is_dir());
    }

    #[test]
    fn a_path_that_cannot_be_a_folder_is_refused_by_name() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "x").unwrap();
        let refused = DataFolder::open(file.join("data")).unwrap_err();
        assert!(matches!(refused, DataFolderError::NotWritable { .. }));
        assert!(refused.to_string().contains("file/data"), "{refused}");
    }
}
