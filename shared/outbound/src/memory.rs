//! What all processes of this server remember of others, in one place that they share.

use futures_util::future::BoxFuture;
use media_core::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Entries that expire and may be forgotten at any time. Whoever implements it keeps them where every process looks.
///
/// None of its methods fails: what cannot be looked up is not remembered, and that is no reason to answer nobody.
pub trait Memory: Send + Sync {
    /// The entry, unless there is none or it has expired.
    fn get<'a>(&'a self, entry: &'a str) -> BoxFuture<'a, Option<Value>>;

    /// Writes an entry that is believed until `expires_at`, if what is there is still what the caller has `seen`: that
    /// very value, or else nothing that has not expired. Of several callers who have seen the same exactly one is told
    /// `true`. A memory that cannot be reached says `true`, too: it must keep nobody from working.
    fn replace<'a>(
        &'a self,
        entry: &'a str,
        seen: Option<&'a Value>,
        value: &'a Value,
        expires_at: Timestamp,
    ) -> BoxFuture<'a, bool>;
}

/// An entry as it was seen: what is written next is written over this and nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Seen<T> {
    /// What it says; `None` when there is none, or it was written by a version that wrote it otherwise.
    pub(crate) says: Option<T>,
    raw: Option<Value>,
}

impl<T: Serialize + DeserializeOwned> Seen<T> {
    pub(crate) async fn look(memory: &dyn Memory, entry: &str) -> Self {
        let raw = memory.get(entry).await;
        let says = raw.as_ref().and_then(|value| T::deserialize(value).ok());
        Self { says, raw }
    }

    /// Writes `value` over what was seen, and is then what was seen. `None` when somebody else was faster.
    pub(crate) async fn replace(
        self,
        memory: &dyn Memory,
        entry: &str,
        value: T,
        expires_at: Timestamp,
    ) -> Option<Self> {
        let raw = serde_json::to_value(&value).ok()?;
        let was_first = memory.replace(entry, self.raw.as_ref(), &raw, expires_at).await;
        was_first.then_some(Self { says: Some(value), raw: Some(raw) })
    }
}
