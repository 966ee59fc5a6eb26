//! A memory that several processes of one server would share, here in one.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use futures_util::future::BoxFuture;
use media_core::{Clock, Timestamp};
use outbound::Memory;
use serde_json::Value;

/// Keeps entries, and counts what it is asked.
pub(crate) struct Board {
    clock: Clock,
    entries: Mutex<HashMap<String, (Value, Timestamp)>>,
    is_down: AtomicBool,
    looks: AtomicUsize,
    writes: AtomicUsize,
}

impl Board {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            entries: Mutex::default(),
            is_down: AtomicBool::new(false),
            looks: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
        }
    }

    /// How often it was looked at, and how often written to, since this was asked last.
    pub(crate) fn calls(&self) -> (usize, usize) {
        (self.looks.swap(0, Ordering::SeqCst), self.writes.swap(0, Ordering::SeqCst))
    }

    /// The entry, as long as it is believed.
    pub(crate) fn entry(&self, entry: &str) -> Option<(Value, Timestamp)> {
        let entries = self.entries.lock().expect("the lock");
        entries.get(entry).filter(|(_, expires_at)| *expires_at > self.clock.now()).cloned()
    }

    /// Writes an entry as some other process would.
    pub(crate) fn write(&self, entry: &str, value: Value, expires_at: Timestamp) {
        self.entries.lock().expect("the lock").insert(entry.to_owned(), (value, expires_at));
    }

    /// Forgets everything, as such a memory may.
    pub(crate) fn forget_all(&self) {
        self.entries.lock().expect("the lock").clear();
    }

    /// From now on it knows nothing and keeps nothing.
    pub(crate) fn break_down(&self) {
        self.is_down.store(true, Ordering::SeqCst);
    }
}

impl Memory for Board {
    fn get<'a>(&'a self, entry: &'a str) -> BoxFuture<'a, Option<Value>> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        let is_up = !self.is_down.load(Ordering::SeqCst);
        let found = self.entry(entry).map(|(value, _)| value).filter(|_| is_up);
        Box::pin(std::future::ready(found))
    }

    fn replace<'a>(
        &'a self,
        entry: &'a str,
        seen: Option<&'a Value>,
        value: &'a Value,
        expires_at: Timestamp,
    ) -> BoxFuture<'a, bool> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        let is_down = self.is_down.load(Ordering::SeqCst);
        let there = self.entry(entry).map(|(value, _)| value);
        let is_first = is_down || there.is_none() || there.as_ref() == seen;
        if is_first && !is_down {
            self.write(entry, value.clone(), expires_at);
        }
        Box::pin(std::future::ready(is_first))
    }
}
