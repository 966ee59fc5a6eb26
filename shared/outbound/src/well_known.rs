//! Delegation by `https://<host>/.well-known/matrix/server`, remembered as long as its headers allow.

use std::time::Duration;

use media_core::{Clock, OwnedServerName, Timestamp, mxc::parse_server_name};
use moka::future::Cache;
use rand::RngExt as _;
use reqwest::StatusCode;
use serde::Deserialize;
use tokio::time::Instant;
use url::{Host, Url};

use crate::{
    cache_control,
    limits::{
        CACHED_SERVERS, MAX_WELL_KNOWN_BYTES, WELL_KNOWN_FAILURE_FIRST, WELL_KNOWN_FAILURE_MAX,
        WELL_KNOWN_JITTER, WELL_KNOWN_LIFE, WELL_KNOWN_MAX_LIFE, WELL_KNOWN_MIN_LIFE, WELL_KNOWN_TIME,
    },
    links::{Links, Schemes},
    reply,
};

/// Knows who delegates to whom.
pub(crate) struct WellKnown {
    links: Links,
    port: u16,
    clock: Clock,
    known: Cache<String, Known>,
}

#[derive(Clone, Debug)]
struct Known {
    delegate: Option<OwnedServerName>,
    /// Failures in a row, up to this one.
    failures: u32,
    expires_at: Timestamp,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "m.server")]
    server: String,
}

impl WellKnown {
    /// Asks at `port`, which is 443 but for tests.
    pub(crate) fn new(links: Links, port: u16, clock: Clock) -> Self {
        // The clock decides what has expired; the cache's own times are only the broom.
        let known = Cache::builder().max_capacity(CACHED_SERVERS).time_to_live(WELL_KNOWN_MAX_LIFE).build();
        Self { links, port, clock, known }
    }

    /// To whom `host` delegates. Whatever goes wrong means: to nobody (server-server API, "Resolving server names",
    /// steps 3 and 4).
    pub(crate) async fn delegate(&self, host: &str) -> Option<OwnedServerName> {
        let now = self.clock.now();
        let failures = self.known.get(host).await.map_or(0, |known| known.failures);
        self.known
            .entry(host.to_owned())
            .or_insert_with_if(Box::pin(self.look_up(host, failures)), |known| known.expires_at <= now)
            .await
            .into_value()
            .delegate
    }

    async fn look_up(&self, host: &str, failures_before: u32) -> Known {
        let now = self.clock.now();
        match self.fetch(host).await {
            Ok((delegate, life)) => Known { delegate: Some(delegate), failures: 0, expires_at: now + life },
            Err(error) => {
                tracing::debug!(host, error, "A server delegates to nobody");
                let failures = failures_before.saturating_add(1);
                Known { delegate: None, failures, expires_at: now + back_off(failures) }
            }
        }
    }

    async fn fetch(&self, host: &str) -> Result<(OwnedServerName, Duration), String> {
        let url = format!("https://{host}:{}/.well-known/matrix/server", self.port);
        let url = Url::parse(&url).map_err(|error| error.to_string())?;
        if !matches!(url.host(), Some(Host::Domain(_))) {
            return Err("the name is no name to the web".to_owned());
        }
        let deadline = Instant::now() + WELL_KNOWN_TIME;
        let response =
            self.links.get(url, Schemes::HttpsOnly, deadline).await.map_err(|error| error.to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("it answers {}", response.status()));
        }
        let life = cache_control::life(response.headers(), self.clock.now()).unwrap_or(WELL_KNOWN_LIFE);
        let body = reply::read(response, MAX_WELL_KNOWN_BYTES).await?;
        let document: Document = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        let delegate = parse_server_name(&document.server).map_err(|error| error.to_string())?;
        Ok((delegate, jittered(life).clamp(WELL_KNOWN_MIN_LIFE, WELL_KNOWN_MAX_LIFE)))
    }
}

/// A little less, so that what many processes learned together they do not ask again together.
fn jittered(life: Duration) -> Duration {
    life.mul_f64(1.0 - rand::rng().random_range(0.0..=WELL_KNOWN_JITTER))
}

/// How long the last of so many failures in a row is remembered.
fn back_off(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    (WELL_KNOWN_FAILURE_FIRST * 2_u32.pow(doublings)).min(WELL_KNOWN_FAILURE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_remembered_longer_and_longer_within_bounds() {
        assert_eq!(back_off(1), WELL_KNOWN_FAILURE_FIRST);
        assert_eq!(back_off(3), WELL_KNOWN_FAILURE_FIRST * 4);
        assert_eq!(back_off(u32::MAX), WELL_KNOWN_FAILURE_MAX);
    }
}
