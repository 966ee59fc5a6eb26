//! Deletes the blobs that no row names any more, once nobody reads them.
//!
//! A reader pins an object before it opens the first blob of it. The broom leaves pinned objects alone until the
//! last pin is gone, and an object it is deleting cannot be pinned: the reader then looks at the rows again.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::{BlobId, Blobs, Extents};

/// The thread that deletes, and what it has to leave alone.
pub(crate) struct Broom {
    chores: Sender<Chore>,
    states: Arc<Mutex<States>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Keyed by an object's first blob. An object that is neither read nor being deleted is not in here.
type States = HashMap<BlobId, State>;

enum State {
    Read { readers: usize, doomed: Option<Extents> },
    Dying,
}

enum Chore {
    Delete(Extents),
    Stop,
}

impl Broom {
    pub(crate) fn start(blobs: Arc<Blobs>) -> io::Result<Self> {
        let (chores, work) = channel();
        let states = Arc::new(Mutex::new(States::new()));
        let seen = Arc::clone(&states);
        let thread =
            thread::Builder::new().name("s3-broom".to_owned()).spawn(move || sweep(&work, &blobs, &seen))?;
        Ok(Self { chores, states, thread: Mutex::new(Some(thread)) })
    }

    /// Has the blobs deleted as soon as nobody reads them. No row may name them any more.
    pub(crate) fn delete(&self, extents: Extents) {
        // A broom that has stopped leaves the blobs to the sweep of the next start.
        let _ = self.chores.send(Chore::Delete(extents));
    }

    /// Keeps the object whose first blob this is from being deleted. `None`: it is being deleted now.
    pub(crate) fn pin(&self, first: BlobId) -> Option<Pin> {
        let mut states = lock(&self.states);
        match states.entry(first).or_insert(State::Read { readers: 0, doomed: None }) {
            State::Dying => return None,
            State::Read { readers, .. } => *readers += 1,
        }
        Some(Pin { first, states: Arc::clone(&self.states), chores: self.chores.clone() })
    }

    /// Deletes what waits, then ends the thread.
    pub(crate) fn stop(&self) {
        let _ = self.chores.send(Chore::Stop);
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
    }
}

/// Keeps an object's blobs while it lives.
pub(crate) struct Pin {
    first: BlobId,
    states: Arc<Mutex<States>>,
    chores: Sender<Chore>,
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut states = lock(&self.states);
        let Some(State::Read { readers, doomed }) = states.get_mut(&self.first) else {
            return;
        };
        *readers -= 1;
        if *readers == 0 {
            if let Some(extents) = doomed.take() {
                let _ = self.chores.send(Chore::Delete(extents));
            }
            states.remove(&self.first);
        }
    }
}

fn sweep(work: &Receiver<Chore>, blobs: &Blobs, states: &Mutex<States>) {
    while let Ok(Chore::Delete(extents)) = work.recv() {
        let Some(first) = extents.first() else { continue };
        let mut now = lock(states);
        if let Some(State::Read { doomed, .. }) = now.get_mut(&first) {
            *doomed = Some(extents);
            continue;
        }
        now.insert(first, State::Dying);
        drop(now);
        remove_all(blobs, &extents);
        lock(states).remove(&first);
    }
}

fn remove_all(blobs: &Blobs, extents: &Extents) {
    for blob in extents.blobs() {
        if let Err(error) = blobs.remove(blob) {
            tracing::warn!(%blob, %error, "A blob could not be deleted; the next start tries again");
        }
    }
}

/// A panic elsewhere leaves these maps whole: every change to them is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
