//! Servers that failed are left alone for a while, by every process of ours.

use std::{sync::Arc, time::Duration};

use media_core::{Clock, OwnedServerName, ServerName, Timestamp, clock::jittered};
use moka::future::Cache;
use serde::{Deserialize, Serialize};

use crate::{
    Memory,
    limits::{CACHED_SERVERS, REST_BELIEVED, REST_FIRST, REST_MAX},
    memory::Seen,
};

/// Knows whom to leave alone. Cheap to clone.
#[derive(Clone)]
pub(crate) struct BackOff(Arc<Inner>);

struct Inner {
    memory: Arc<dyn Memory>,
    clock: Clock,
    known: Cache<OwnedServerName, Known>,
}

/// What this process last saw, and until when it need not look again.
#[derive(Clone)]
struct Known {
    seen: Seen<Failures>,
    believed_until: Timestamp,
}

/// An entry of the shared memory.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Failures {
    in_a_row: u32,
    retry_at_ms: u64,
}

/// Leave to ask a server. Whoever has it says how the asking ended.
pub(crate) struct Leave {
    back_off: BackOff,
    server: OwnedServerName,
    seen: Seen<Failures>,
}

impl BackOff {
    pub(crate) fn new(memory: Arc<dyn Memory>, clock: Clock) -> Self {
        // The clock decides what has expired; the cache's own times are only the broom.
        let known = Cache::builder().max_capacity(CACHED_SERVERS).time_to_live(REST_MAX).build();
        Self(Arc::new(Inner { memory, clock, known }))
    }

    /// Leave to ask `server`, or the moment until which it is left alone.
    ///
    /// Costs one look into the shared memory, and then none for [`REST_BELIEVED`].
    pub(crate) async fn leave_to_ask(&self, server: &ServerName) -> Result<Leave, Timestamp> {
        let now = self.0.clock.now();
        let known = self
            .0
            .known
            .entry(server.to_owned())
            .or_insert_with_if(Box::pin(self.0.look(server)), |known| known.believed_until <= now)
            .await
            .into_value();
        match known.retry_at() {
            retry_at if retry_at > now => Err(retry_at),
            _ => Ok(Leave { back_off: self.clone(), server: server.to_owned(), seen: known.seen }),
        }
    }
}

impl Leave {
    /// It failed: from now on it is left alone, longer with every failure in a row.
    ///
    /// Those who asked at the same time have all seen the same, so that one outage is one failure, however many ran
    /// into it: the first to say so is heard.
    pub(crate) async fn failed(self) {
        let Self { back_off: BackOff(inner), server, seen } = self;
        let now = inner.clock.now();
        let in_a_row = seen.says.unwrap_or_default().in_a_row.saturating_add(1);
        let retry_at = now + jittered(rest(in_a_row));
        tracing::info!(media.origin = %server, in_a_row, "A server fails and is left alone for a while");
        let failures = Failures { in_a_row, retry_at_ms: retry_at.0 };
        let memory = &*inner.memory;
        // Remembered for a while beyond, so that the next failure is one more.
        let known = match seen.replace(memory, &entry(&server), failures, retry_at + REST_MAX).await {
            Some(seen) => Known { seen, believed_until: retry_at },
            None => inner.look(&server).await,
        };
        inner.known.insert(server, known).await;
    }

    /// It answered, whatever it said: all is forgotten. Costs nothing when there is nothing to forget.
    pub(crate) async fn answered(self) {
        let Self { back_off: BackOff(inner), server, seen } = self;
        if seen.says.unwrap_or_default().in_a_row == 0 {
            return;
        }
        let now = inner.clock.now();
        // An entry that has expired when it is written is one that nobody believes.
        let forgotten = seen.replace(&*inner.memory, &entry(&server), Failures::default(), now).await;
        let known = match forgotten {
            Some(seen) => Known { seen, believed_until: now + REST_BELIEVED },
            None => inner.look(&server).await,
        };
        inner.known.insert(server, known).await;
    }
}

impl Inner {
    async fn look(&self, server: &ServerName) -> Known {
        let seen = Seen::look(&*self.memory, &entry(server)).await;
        let known = Known { seen, believed_until: self.clock.now() + REST_BELIEVED };
        Known { believed_until: known.believed_until.max(known.retry_at()), ..known }
    }
}

impl Known {
    fn retry_at(&self) -> Timestamp {
        Timestamp(self.seen.says.unwrap_or_default().retry_at_ms)
    }
}

fn entry(server: &ServerName) -> String {
    format!("B#{server}")
}

/// How long a server is left alone after so many failures in a row.
fn rest(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    (REST_FIRST * 2_u32.pow(doublings)).min(REST_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_left_alone_longer_and_longer_within_bounds() {
        assert_eq!(rest(1), REST_FIRST);
        assert_eq!(rest(3), REST_FIRST * 4);
        assert_eq!(rest(u32::MAX), REST_MAX);
        for _ in 0..100 {
            assert!((REST_MAX.mul_f64(0.75)..REST_MAX.mul_f64(1.25)).contains(&jittered(REST_MAX)));
        }
    }
}
