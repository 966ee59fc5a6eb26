//! Signed URLs: the same for everyone within a window, so that browsers can cache what is behind them.

use std::time::Duration;

use aws_sdk_s3::{Client, presigning::PresigningConfig};
use media_core::{Clock, Limits, Timestamp, disposition::content_disposition};
use moka::sync::Cache;

use crate::Error;

/// Signed URLs kept in one process: signing again gives the same URL, only slower.
const CACHED_URLS: u64 = 10_000;

/// The object behind a key never changes.
const CACHE_CONTROL: &str = "private, max-age=31536000, immutable";

/// A URL that anybody may GET until it expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedUrl {
    /// The whole URL. A secret while it lives: never logged.
    pub url: String,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// What is signed into a URL besides the object's key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Presentation {
    /// The type that the answer must have, whatever S3 has stored.
    pub content_type: String,
    /// The whole `Content-Disposition`.
    pub disposition: String,
}

impl Presentation {
    /// The record decides how its bytes are presented: `inline` for the safe list only.
    #[must_use]
    pub fn new(content_type: &str, file_name: Option<&str>) -> Self {
        Self {
            content_type: content_type.to_owned(),
            disposition: content_disposition(content_type, file_name),
        }
    }
}

/// How signing times are rounded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    length: Duration,
    life: Duration,
}

impl Window {
    pub(crate) fn of(limits: &Limits) -> Self {
        Self { length: limits.url_window, life: limits.url_window + limits.url_min_life }
    }

    /// The start of the window that `now` is in: the signing time of every URL given out during it.
    fn start(&self, now: Timestamp) -> Timestamp {
        let length = u64::try_from(self.length.as_millis()).unwrap_or(u64::MAX).max(1000);
        Timestamp(now.0 - now.0 % length)
    }
}

#[derive(Debug)]
pub(crate) struct Presigner {
    client: Client,
    bucket: String,
    window: Window,
    clock: Clock,
    cache: Cache<(String, Presentation), SignedUrl>,
}

impl Presigner {
    pub(crate) fn new(client: Client, bucket: String, window: Window, clock: Clock) -> Self {
        Self { client, bucket, window, clock, cache: Cache::new(CACHED_URLS) }
    }

    pub(crate) async fn sign(&self, key: &str, shown_as: Presentation) -> Result<SignedUrl, Error> {
        let start = self.window.start(self.clock.now());
        let expires_at = start + self.window.life;
        let wanted = (key.to_owned(), shown_as);
        match self.cache.get(&wanted) {
            Some(url) if url.expires_at == expires_at => return Ok(url),
            _ => {}
        }
        let url = self.sign_at(key, &wanted.1, start).await?;
        let signed = SignedUrl { url, expires_at };
        self.cache.insert(wanted, signed.clone());
        Ok(signed)
    }

    async fn sign_at(&self, key: &str, shown_as: &Presentation, start: Timestamp) -> Result<String, Error> {
        let config = PresigningConfig::builder()
            .start_time(start.to_system_time())
            .expires_in(self.window.life)
            .build()
            .map_err(|error| Error::call("presign", &error))?;
        let request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .response_content_type(&shown_as.content_type)
            .response_content_disposition(&shown_as.disposition)
            .response_cache_control(CACHE_CONTROL)
            .presigned(config)
            .await
            .map_err(|error| Error::call("presign", &error))?;
        Ok(request.uri().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_the_same_within_its_window_and_lives_on_after_it() {
        let window = Window::of(&Limits::default());
        let start = Timestamp(1_800_000_000_000 / 600_000 * 600_000);
        let last = Timestamp(start.0 + 599_999);
        assert_eq!(window.start(start), start);
        assert_eq!(window.start(last), start);
        assert_eq!(window.start(Timestamp(last.0 + 1)).0, start.0 + 600_000);
        let left = (window.start(last) + window.life).since(last);
        assert!(left >= Limits::default().url_min_life, "{left:?}");
    }
}
