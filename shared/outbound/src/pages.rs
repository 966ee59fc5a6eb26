//! What a link leads to, for its preview: got from behind the fence, within bounds of redirects, time and bytes.

use std::{
    fmt,
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use flate2::write::MultiGzDecoder;
use http::{HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode, header};
use tokio::time::Instant;
use url::{Host, Url};

use crate::{
    Fence, Fenced, SetupError, Trust, Unreachable,
    client::Clients,
    links::{Links, Schemes},
    reply::reason,
    resolver::Resolver,
};

/// Gets pages and pictures of the web. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Pages {
    links: Links,
    user_agent: HeaderValue,
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
    /// There is no such page, or it is not for us.
    #[error("the page's server answers {0}")]
    Status(StatusCode),
    /// The link leads nowhere, or (by DNS, or by a redirect) into a private network: a sentence for the log.
    #[error("{0}")]
    Unreachable(String),
}

impl Pages {
    /// Sets up what is needed; nobody is asked yet. `user_agent` says who asks, that it is a bot, and where to complain.
    /// `name_servers` are asked for addresses, or the system's when there are none.
    ///
    /// # Errors
    /// [`SetupError::Dns`] when the system's resolver configuration cannot be read, [`SetupError::Http`] when the user
    /// agent cannot be a header.
    pub fn new(
        fence: Fence,
        name_servers: &[SocketAddr],
        trust: Trust,
        user_agent: &str,
    ) -> Result<Self, SetupError> {
        let user_agent =
            HeaderValue::try_from(user_agent).map_err(|error| SetupError::Http(error.to_string()))?;
        let resolver = Arc::new(Resolver::new(name_servers, fence)?);
        Ok(Self { links: Links { resolver, clients: Arc::new(Clients::new(trust)) }, user_agent })
    }

    /// Gets what `url` leads to, in one of `languages` (as `Accept-Language` has them) where there is a choice. All of it,
    /// the body included, is over `within` this time.
    ///
    /// # Errors
    /// Any reply but a success is one.
    pub async fn get(
        &self,
        url: Url,
        accept: &'static str,
        languages: &HeaderValue,
        within: Duration,
    ) -> Result<Page, PageError> {
        self.check_literal(&url).await?;
        let headers = HeaderMap::from_iter([
            (header::ACCEPT, HeaderValue::from_static(accept)),
            (header::ACCEPT_ENCODING, HeaderValue::from_static("gzip")),
            (header::ACCEPT_LANGUAGE, languages.clone()),
            (header::USER_AGENT, self.user_agent.clone()),
        ]);
        let deadline = Instant::now() + within;
        let response = self
            .links
            .get_with(url, Schemes::HttpAndHttps, &headers, deadline)
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
            response,
        })
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
    /// The body, or as much of it as makes `max_bytes`, decompressed.
    ///
    /// # Errors
    /// [`PageError::Unreachable`] when it breaks off, takes too long, or is compressed as nobody asked for.
    pub async fn read(mut self, max_bytes: usize) -> Result<Body, PageError> {
        let unreadable = PageError::Unreachable;
        let coding = coding(&self.response);
        let coding =
            coding.ok_or_else(|| unreadable("the page is compressed in an unknown way".to_owned()))?;
        let mut sink = Sink::new(coding, max_bytes);
        while let Some(piece) = self.response.chunk().await.map_err(|error| unreadable(reason(&error)))? {
            match sink.take_in(&piece) {
                Ok(()) => {}
                Err(_) if sink.is_full() => return Ok(Body { bytes: sink.into_bytes(), is_whole: false }),
                Err(error) => return Err(unreadable(format!("the page cannot be decompressed: {error}"))),
            }
        }
        Ok(Body { bytes: sink.into_bytes(), is_whole: true })
    }
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
}

/// `None` for what is not understood here and was not asked for.
fn coding(response: &Response) -> Option<Coding> {
    let said =
        response.headers().get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes).unwrap_or_default();
    match said.to_ascii_lowercase().as_slice() {
        b"" | b"identity" => Some(Coding::Identity),
        b"gzip" | b"x-gzip" => Some(Coding::Gzip),
        _ => None,
    }
}

/// Takes a body in and lets it grow no longer than it may, whatever a small piece of it unfolds to.
enum Sink {
    Plain(Capped),
    Gzip(Box<MultiGzDecoder<Capped>>),
}

/// Bytes up to a limit; one more is an error.
struct Capped {
    bytes: Vec<u8>,
    max_bytes: usize,
    is_full: bool,
}

impl Sink {
    fn new(coding: Coding, max_bytes: usize) -> Self {
        let capped = Capped { bytes: Vec::new(), max_bytes, is_full: false };
        match coding {
            Coding::Identity => Self::Plain(capped),
            Coding::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(capped))),
        }
    }

    fn take_in(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(capped) => capped.write_all(piece),
            // What was decoded goes on to the sink at once, so that a full one is noticed.
            Self::Gzip(decoder) => decoder.write_all(piece).and_then(|()| decoder.flush()),
        }
    }

    fn is_full(&self) -> bool {
        match self {
            Self::Plain(capped) => capped.is_full,
            Self::Gzip(decoder) => decoder.get_ref().is_full,
        }
    }

    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Plain(capped) => capped.bytes,
            Self::Gzip(mut decoder) => std::mem::take(&mut decoder.get_mut().bytes),
        }
    }
}

impl Write for Capped {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let room = self.max_bytes - self.bytes.len();
        self.bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() > room {
            self.is_full = true;
            return Err(io::Error::other("there is no more room"));
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(coding: Coding, body: &[u8], max_bytes: usize) -> Option<(usize, bool)> {
        let mut sink = Sink::new(coding, max_bytes);
        for piece in body.chunks(1000) {
            if sink.take_in(piece).is_err() {
                return sink.is_full().then(|| (sink.into_bytes().len(), false));
            }
        }
        Some((sink.into_bytes().len(), true))
    }

    #[test]
    fn a_body_grows_no_longer_than_it_may() {
        assert_eq!(read(Coding::Identity, &[7; 5000], 5000), Some((5000, true)));
        assert_eq!(read(Coding::Identity, &[7; 5001], 5000), Some((5000, false)));
        assert_eq!(read(Coding::Gzip, &gzip(&[7; 5000]), 5000), Some((5000, true)));
    }

    #[test]
    fn a_bomb_fills_what_it_may_and_no_more() {
        let bomb = gzip(&vec![0; 20_000_000]);
        assert!(bomb.len() < 50_000);
        assert_eq!(read(Coding::Gzip, &bomb, 100_000), Some((100_000, false)));
    }

    #[test]
    fn what_is_no_gzip_is_no_page() {
        assert_eq!(read(Coding::Gzip, b"<html>never compressed</html>", 5000), None);
    }
}
