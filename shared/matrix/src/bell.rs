//! Whoever waits in this process hears at once that something came.
//!
//! It only saves waiting: what came is read from the record, and whoever waits in another process looks there now and then.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use media_core::Mxc;
use tokio::sync::{Notify, futures::OwnedNotified};

/// Rung when bytes were stored. Clones are the same bell.
#[derive(Clone, Debug, Default)]
pub struct Bell(Arc<Mutex<HashMap<Mxc, Arc<Notify>>>>);

/// Somebody who listens for one piece of media. There are as many as there are requests that wait.
#[derive(Debug)]
pub struct Listening {
    bell: Bell,
    mxc: Mxc,
    notify: Arc<Notify>,
}

impl Bell {
    /// Begins to listen.
    #[must_use]
    pub fn listen(&self, mxc: &Mxc) -> Listening {
        let mut listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let notify = Arc::clone(listeners.entry(mxc.clone()).or_default());
        Listening { bell: self.clone(), mxc: mxc.clone(), notify }
    }

    /// Tells everybody who listens for `mxc`.
    pub fn ring(&self, mxc: &Mxc) {
        if let Some(notify) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(mxc) {
            notify.notify_waiters();
        }
    }
}

impl Listening {
    /// Resolves when the bell is rung after this call, whether or not the future was polled by then.
    pub fn rung(&self) -> OwnedNotified {
        // A future of `notify_waiters` hears from the moment that it is made.
        Arc::clone(&self.notify).notified_owned()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut listeners = self.bell.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's own and this one: nobody else listens.
        if Arc::strong_count(&self.notify) <= 2 {
            listeners.remove(&self.mxc);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mxc(id: &str) -> Mxc {
        Mxc::parse("example.org", id).unwrap()
    }

    #[tokio::test]
    async fn everybody_who_listens_hears_it_also_between_two_looks() {
        let bell = Bell::default();
        let (one, two, other) = (bell.listen(&mxc("a")), bell.listen(&mxc("a")), bell.listen(&mxc("b")));
        let (heard, heard_too, unheard) = (one.rung(), two.rung(), other.rung());
        bell.ring(&mxc("a"));
        heard.await;
        heard_too.await;
        let silence = tokio::time::timeout(std::time::Duration::ZERO, unheard).await;
        assert!(silence.is_err(), "the bell of other media was not rung");
    }

    #[tokio::test]
    async fn nobody_is_remembered_who_stopped_listening() {
        let bell = Bell::default();
        let (one, two) = (bell.listen(&mxc("a")), bell.listen(&mxc("a")));
        drop(one);
        let heard = two.rung();
        bell.ring(&mxc("a"));
        heard.await;
        drop(two);
        bell.ring(&mxc("a"));
        assert!(bell.0.lock().unwrap().is_empty());
    }
}
