//! The operator's scanner, asked over HTTP whether media may be shown.
//!
//! It is the operator's own, and usually in a private network: no fence. The protocol stands in `docs/scanning.md`.

use std::time::Duration;

use reqwest::{Client, StatusCode, header::CONTENT_TYPE};
use url::Url;

use crate::{
    SetupError, Trust, client,
    limits::{MAX_VERDICT_BYTES, SCANNER_ATTEMPTS},
    reply::{self, reason},
};

/// A scanner at a URL. Cheap to clone.
#[derive(Clone)]
pub struct ScannerUrl {
    url: Url,
    client: Client,
}

impl ScannerUrl {
    /// A scanner that has `time` for each verdict.
    ///
    /// # Errors
    /// [`SetupError::Http`] when there is no client to be had.
    pub fn new(url: Url, trust: &Trust, time: Duration) -> Result<Self, SetupError> {
        Ok(Self { url, client: client::unfenced(trust, time)? })
    }

    /// Sends it the facts, in JSON, and returns what it says. Whoever calls bounds the time of it all.
    ///
    /// A connection that broke before there was an answer is made anew once: a scanner that was restarted leaves such
    /// connections behind.
    ///
    /// # Errors
    /// A sentence for the log, without the URL, which may hold a secret.
    pub async fn ask(&self, facts: &[u8]) -> Result<Vec<u8>, String> {
        let mut failed = String::new();
        for _ in 0..SCANNER_ATTEMPTS {
            let asked = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json");
            match asked.body(facts.to_vec()).send().await {
                Ok(response) if response.status() == StatusCode::OK => {
                    return reply::read(response, MAX_VERDICT_BYTES).await;
                }
                Ok(response) => return Err(format!("it answered {}", response.status())),
                Err(error) if error.is_timeout() => return Err(reason(&error)),
                Err(error) => failed = reason(&error),
            }
        }
        Err(failed)
    }
}
