//! What a link leads to, for its preview: got from behind the fence, within bounds of redirects, time and bytes.

use std::{
    fmt,
    io::{self, Read},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use futures_util::TryStreamExt as _;
use http::{HeaderMap, HeaderValue};
use media_core::Timestamp;
use reqwest::{Response, StatusCode, header};
use tokio::time::Instant;
use tokio_util::io::{StreamReader, SyncIoBridge};
use url::{Host, Url};

use crate::{
    Fence, Fenced, SetupError, Sites, Trust, Unreachable, cache_control,
    client::Clients,
    links::{Links, Schemes},
    reply::reason,
    resolver::Resolver,
    unpacking::{ACCEPT_ENCODING, Coding},
};

/// Gets pages and pictures of the web. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Pages {
    links: Links,
    sites: Arc<Sites>,
    user_agent: HeaderValue,
}

/// How something is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// What it is asked for as.
    pub role: Role,
    /// `Accept`.
    pub accept: &'static str,
    /// `Accept-Language`, where there is a choice.
    pub languages: &'a HeaderValue,
    /// How long all of it may take, the body included.
    pub within: Duration,
}

/// Which of the operator's lists counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What somebody wants a preview of: both.
    Page,
    /// What belongs to that: the list of what is denied.
    Part,
    /// The same, and only so many bytes from its end, if the server knows how.
    End(u64),
}

/// A reply whose body has not been read yet.
#[derive(Debug)]
pub struct Page {
    /// Where the redirects led: what relative links on the page are relative to.
    pub url: Url,
    /// `Content-Type` as it was said; `None` when it was not, or is no text.
    pub content_type: Option<String>,
    /// How long the body is, if that was said and it does not come compressed.
    pub size_hint: Option<u64>,
    /// Whether this is the part that was asked for, and no more (206).
    pub is_part: bool,
    response: Response,
}

/// A body, or the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The bytes, decompressed.
    pub bytes: Vec<u8>,
    /// Whether they are all; otherwise the limit was reached.
    pub is_whole: bool,
}

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The link itself says an address that may not be dialled. Nobody was contacted.
    #[error(transparent)]
    Fenced(#[from] Fenced),
    /// The operator does not want the link followed. Nobody was contacted.
    #[error("the operator does not want this page visited")]
    Denied,
    /// There is no such page, or it is not for us.
    #[error("the page's server answers {0}")]
    Status(StatusCode),
    /// The link leads nowhere, or (by DNS, or by a redirect) into a private network: a sentence for the log.
    #[error("{0}")]
    Unreachable(String),
}

impl Pages {
    /// Sets up what is needed; nobody is asked yet. `user_agent` says who asks, that it is a bot, and where to complain.
    /// `name_servers` are asked for addresses, or the system's when there are none. `sites` are the operator's lists.
    ///
    /// # Errors
    /// [`SetupError::Dns`] when the system's resolver configuration cannot be read, [`SetupError::Http`] when the user
    /// agent cannot be a header.
    pub fn new(
        fence: Fence,
        sites: Sites,
        name_servers: &[SocketAddr],
        trust: Trust,
        user_agent: &str,
    ) -> Result<Self, SetupError> {
        let user_agent =
            HeaderValue::try_from(user_agent).map_err(|error| SetupError::Http(error.to_string()))?;
        let resolver = Arc::new(Resolver::new(name_servers, fence)?);
        let links = Links { resolver, clients: Arc::new(Clients::new(trust)) };
        Ok(Self { links, sites: Arc::new(sites), user_agent })
    }

    /// Whether the operator lets pages be previewed that this one is among; [`Self::get`] asks that for every hop.
    #[must_use]
    pub fn admits(&self, url: &Url) -> bool {
        self.sites.admits_page(url)
    }

    /// Gets what `url` leads to.
    ///
    /// # Errors
    /// Any reply but a success is one.
    pub async fn get(&self, url: Url, wish: Wish<'_>) -> Result<Page, PageError> {
        let admits = |url: &Url| match wish.role {
            Role::Page => self.sites.admits_page(url),
            Role::Part | Role::End(_) => self.sites.admits_part(url),
        };
        if !admits(&url) {
            return Err(PageError::Denied);
        }
        self.check_literal(&url).await?;
        let deadline = Instant::now() + wish.within;
        let response = self
            .links
            .get_with(url, Schemes::HttpAndHttps, &admits, &self.headers(wish), deadline)
            .await
            .map_err(|error| PageError::Unreachable(error.to_string()))?;
        if !response.status().is_success() {
            return Err(PageError::Status(response.status()));
        }
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        Ok(Page {
            url: response.url().clone(),
            content_type,
            size_hint: response.content_length().filter(|_| coding(&response) == Some(Coding::Identity)),
            is_part: response.status() == StatusCode::PARTIAL_CONTENT,
            response,
        })
    }

    fn headers(&self, wish: Wish<'_>) -> HeaderMap {
        let mut headers = HeaderMap::from_iter([
            (header::ACCEPT, HeaderValue::from_static(wish.accept)),
            (header::ACCEPT_ENCODING, ACCEPT_ENCODING),
            (header::ACCEPT_LANGUAGE, wish.languages.clone()),
            (header::USER_AGENT, self.user_agent.clone()),
        ]);
        if let Role::End(bytes) = wish.role
            && let Ok(range) = HeaderValue::try_from(format!("bytes=-{bytes}"))
        {
            // The end of something compressed cannot be read.
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            headers.insert(header::RANGE, range);
        }
        headers
    }

    /// A private address in the link itself is refused as such: no DNS can have put it there.
    async fn check_literal(&self, url: &Url) -> Result<(), PageError> {
        let literal = match url.host() {
            Some(Host::Ipv4(ip)) => ip.to_string(),
            Some(Host::Ipv6(ip)) => ip.to_string(),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        match self.links.resolver.addresses(&literal, 0).await {
            Err(Unreachable::Fenced(fenced)) => Err(fenced.into()),
            Ok(_) | Err(Unreachable::Failed(_)) => Ok(()),
        }
    }
}

impl Page {
    /// How long the page may be kept, as its headers say at the moment `now`; `None` when they do not, zero when they do not
    /// want it kept.
    #[must_use]
    pub fn life(&self, now: Timestamp) -> Option<Duration> {
        cache_control::life(self.response.headers(), now)
    }

    /// The body as it comes, decompressed and as long as it likes to be: to be read on a thread that may block, and let go
    /// of once enough has been read.
    ///
    /// # Errors
    /// [`PageError::Unreachable`] when it is compressed as nobody asked for. What is read breaks off with an error when the
    /// body does, or the time is over.
    pub fn reader(self) -> Result<Box<dyn Read + Send>, PageError> {
        let coding = coding(&self.response);
        let coding = coding
            .ok_or_else(|| PageError::Unreachable("the page is compressed in an unknown way".to_owned()))?;
        let pieces = self.response.bytes_stream().map_err(|error| io::Error::other(reason(&error)));
        Ok(coding.unpack(SyncIoBridge::new(StreamReader::new(Box::pin(pieces)))))
    }

    /// The body, or as much of it as makes `max_bytes`, decompressed.
    ///
    /// # Errors
    /// [`PageError::Unreachable`] when it breaks off, takes too long, or is compressed as nobody asked for.
    pub async fn read(self, max_bytes: usize) -> Result<Body, PageError> {
        let announced = self.size_hint.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or_default();
        let reader = self.reader()?;
        let read = tokio::task::spawn_blocking(move || read_up_to(reader, max_bytes, announced));
        let unreadable =
            |error: &dyn fmt::Display| PageError::Unreachable(format!("the page breaks off: {error}"));
        read.await.map_err(|error| unreadable(&error))?.map_err(|error| unreadable(&error))
    }
}

fn read_up_to(mut reader: impl Read, max_bytes: usize, announced: usize) -> io::Result<Body> {
    let mut bytes = Vec::with_capacity(announced.min(max_bytes));
    reader.by_ref().take(max_bytes as u64).read_to_end(&mut bytes)?;
    let is_whole = bytes.len() < max_bytes || reader.read(&mut [0])? == 0;
    Ok(Body { bytes, is_whole })
}

fn coding(response: &Response) -> Option<Coding> {
    Coding::read(response.headers().get(header::CONTENT_ENCODING))
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_grows_no_longer_than_it_may() {
        let read = |bytes: usize| {
            let body = read_up_to(io::repeat(7).take(bytes as u64), 5000, 0).unwrap();
            (body.bytes.len(), body.is_whole)
        };
        assert_eq!(
            [read(0), read(4999), read(5000), read(5001)],
            [(0, true), (4999, true), (5000, true), (5000, false)]
        );
        let endless = read_up_to(io::repeat(7), 5000, usize::MAX).unwrap();
        assert_eq!((endless.bytes.len(), endless.is_whole), (5000, false));
    }
}
