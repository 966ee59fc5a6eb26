//! Signed URLs: to read with, the same for everyone within a window, so that browsers can cache what is behind them; and
//! to upload with, each for one object. Those to read with lead to S3 or to CloudFront, the others to S3 always.

use std::time::Duration;

use aws_sdk_s3::{Client, presigning::PresigningConfig};
use aws_smithy_runtime_api::http::Request as HttpRequest;
use media_core::{Clock, Limits, Timestamp, disposition::content_disposition};
use moka::sync::Cache;

use crate::{Error, cloudfront::CloudFront};

/// Signed URLs kept in one process: signing again gives the same URL, only slower.
const CACHED_URLS: u64 = 10_000;

/// The longest that a signature may live (Signature Version 4, query parameters).
const LONGEST_LIFE: Duration = Duration::from_hours(7 * 24);

/// The object behind a key never changes.
pub(crate) const CACHE_CONTROL: &str = "private, max-age=31536000, immutable";

/// The parameter that carries the entity tag in a signed URL. S3 ignores parameters that begin with `x-` (S3 user guide,
/// "Server access log format", custom access log information); the embedded engine takes the tag from it.
pub const ENTITY_TAG: &str = "x-entity-tag";

/// What somebody may do with a signed URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Read the object.
    Get,
    /// Read what would come with it: a signature is for one method only.
    Head,
}

/// A URL that anybody may use until it expires.
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
    /// The strong entity tag, with its quotes, where it is known what the bytes are.
    pub etag: Option<String>,
}

impl Presentation {
    /// The record decides how its bytes are presented: `inline` for the safe list only.
    #[must_use]
    pub fn new(content_type: &str, file_name: Option<&str>) -> Self {
        Self {
            content_type: content_type.to_owned(),
            disposition: content_disposition(content_type, file_name),
            etag: None,
        }
    }

    /// The same under this entity tag, given without its quotes.
    #[must_use]
    pub fn tagged(self, tag: Option<impl std::fmt::Display>) -> Self {
        Self { etag: tag.map(|tag| format!("\"{tag}\"")), ..self }
    }

    fn untagged(self) -> Self {
        Self { etag: None, ..self }
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
    /// Whoever signs links to read with, where they do not lead to S3.
    cloudfront: Option<CloudFront>,
    window: Window,
    clock: Clock,
    cache: Cache<(String, Verb, Presentation), SignedUrl>,
}

impl Presigner {
    pub(crate) fn new(
        client: Client,
        bucket: String,
        cloudfront: Option<CloudFront>,
        window: Window,
        clock: Clock,
    ) -> Self {
        Self { client, bucket, cloudfront, window, clock, cache: Cache::new(CACHED_URLS) }
    }

    /// Reads the key that signs links to CloudFront, where there is one and it was not read yet.
    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        match &self.cloudfront {
            Some(cloudfront) => cloudfront.prepare().await,
            None => Ok(()),
        }
    }

    pub(crate) async fn sign(
        &self,
        key: &str,
        verb: Verb,
        shown_as: Presentation,
    ) -> Result<SignedUrl, Error> {
        let start = self.window.start(self.clock.now());
        let expires_at = start + self.window.life;
        let wanted = match &self.cloudfront {
            None => (key.to_owned(), verb, shown_as),
            // One link is for both verbs, and says nothing of the tag.
            Some(_) => (key.to_owned(), Verb::Get, shown_as.untagged()),
        };
        match self.cache.get(&wanted) {
            Some(url) if url.expires_at == expires_at => return Ok(url),
            _ => {}
        }
        let url = match &self.cloudfront {
            None => self.sign_read(key, verb, &wanted.2, life(start, self.window.life)?).await?,
            Some(cloudfront) => cloudfront.sign(key, &wanted.2, expires_at).await?,
        };
        let signed = SignedUrl { url, expires_at };
        self.cache.insert(wanted, signed.clone());
        Ok(signed)
    }

    async fn sign_read(
        &self,
        key: &str,
        verb: Verb,
        shown_as: &Presentation,
        config: PresigningConfig,
    ) -> Result<String, Error> {
        let tag = tag_parameter(shown_as);
        // Two types of builders with the same setters.
        macro_rules! signed {
            ($read:expr) => {
                $read
                    .bucket(&self.bucket)
                    .key(key)
                    .response_content_type(&shown_as.content_type)
                    .response_content_disposition(&shown_as.disposition)
                    .response_cache_control(CACHE_CONTROL)
                    .customize()
                    .mutate_request(move |request| add_parameter(request, tag.as_deref()))
                    .presigned(config)
                    .await
                    .map_err(|error| Error::call("presign", &error))
            };
        }
        let request = match verb {
            Verb::Get => signed!(self.client.get_object()),
            Verb::Head => signed!(self.client.head_object()),
        };
        Ok(request?.uri().to_owned())
    }

    /// A URL under which one reader of ours may GET an object from S3 until `life` is over.
    pub(crate) async fn sign_loan(
        &self,
        key: &str,
        shown_as: &Presentation,
        life_time: Duration,
    ) -> Result<String, Error> {
        self.sign_read(key, Verb::Get, shown_as, life(self.clock.now(), life_time)?).await
    }

    /// A URL under which anybody may PUT one object, of any type and length, until `life` is over.
    pub(crate) async fn sign_put(&self, key: &str, life_time: Duration) -> Result<String, Error> {
        let config = life(self.clock.now(), life_time.min(LONGEST_LIFE))?;
        let put = self.client.put_object().bucket(&self.bucket).key(key);
        let request = put.presigned(config).await.map_err(|error| Error::call("presign", &error))?;
        Ok(request.uri().to_owned())
    }
}

fn life(start: Timestamp, life: Duration) -> Result<PresigningConfig, Error> {
    PresigningConfig::builder()
        .start_time(start.to_system_time())
        .expires_in(life)
        .build()
        .map_err(|error| Error::call("presign", &error))
}

fn tag_parameter(shown_as: &Presentation) -> Option<String> {
    // The quotes would be encoded, and are the same around every tag.
    let tag = shown_as.etag.as_deref()?.trim_matches('"');
    Some(format!("{ENTITY_TAG}={tag}"))
}

/// Adds a parameter that needs no encoding to a request that is about to be signed.
fn add_parameter(request: &mut HttpRequest, parameter: Option<&str>) {
    let Some(parameter) = parameter else { return };
    let uri = format!("{}&{parameter}", request.uri());
    // It was a URI before, and a hexadecimal digest keeps it one.
    let _ = request.set_uri(uri);
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
