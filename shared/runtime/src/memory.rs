//! What `outbound` remembers of other servers, kept in the table of what may be forgotten, where every process looks.

use futures_util::future::BoxFuture;
use media_core::Timestamp;
use outbound::Memory;
use serde_json::Value;
use storage::{Ephemeral, Outcome, ephemeral::Expiring};

/// The shared memory of all processes with this table.
pub(crate) struct SharedMemory(pub(crate) Ephemeral);

impl Memory for SharedMemory {
    fn get<'a>(&'a self, entry: &'a str) -> BoxFuture<'a, Option<Value>> {
        Box::pin(async move {
            match self.0.get(entry).await {
                Ok(found) => found.map(|found| found.value),
                Err(error) => {
                    tracing::warn!(%error, "What is known of another server could not be looked up");
                    None
                }
            }
        })
    }

    fn replace<'a>(
        &'a self,
        entry: &'a str,
        seen: Option<&'a Value>,
        value: &'a Value,
        expires_at: Timestamp,
    ) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            match self.0.replace(entry, seen, &Expiring { value: value.clone(), expires_at }).await {
                Ok(outcome) => outcome == Outcome::Won(()),
                Err(error) => {
                    tracing::warn!(%error, "What is known of another server could not be written down");
                    true
                }
            }
        })
    }
}
