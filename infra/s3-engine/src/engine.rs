//! The engine: a folder, open, with its service and its queue.

use std::sync::Arc;
use std::time::Duration;

use crate::error::OpenError;
use crate::front::S3Service;
use crate::multipart;
use crate::notifications::{Notifications, QueueError};
use crate::options::Options;
use crate::store::Store;

/// How long an unfinished multipart upload is kept: what the usual lifecycle rule of a bucket says.
const UPLOAD_LIFETIME: Duration = Duration::from_hours(24);

/// S3 over a folder. Clones share it.
#[derive(Clone)]
pub struct S3Engine {
    store: Arc<Store>,
    service: S3Service,
}

impl S3Engine {
    /// Opens the folder, or makes it, and sweeps out what a killed process left half done. Messages that it had taken and
    /// not deleted are to be had again at once. Blocks meanwhile.
    ///
    /// No other process may have the folder open.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let store = Arc::new(Store::open(options)?);
        let service = S3Service::new(&store)?;
        Ok(Self { store, service })
    }

    /// The HTTP interface: for a server loop, or to be called in process.
    #[must_use]
    pub fn service(&self) -> S3Service {
        self.service.clone()
    }

    /// The queue of events about objects.
    #[must_use]
    pub fn notifications(&self) -> Notifications {
        Notifications::new(Arc::clone(&self.store))
    }

    /// Aborts the multipart uploads that were started more than a day ago, and gives their number. For the host to
    /// call at the start and every so often.
    pub async fn sweep_uploads(&self) -> Result<usize, QueueError> {
        Ok(multipart::sweep(&self.store, UPLOAD_LIFETIME).await?)
    }

    /// Finishes every write that was begun, folds SQLite's log into the database and closes it. Blocks meanwhile.
    /// Requests that come later are answered 503.
    pub fn close(&self) {
        self.store.close();
    }
}

impl std::fmt::Debug for S3Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Engine").field("options", &self.store.options).finish_non_exhaustive()
    }
}
