//! Following URLs that others wrote: each hop resolved, checked and pinned anew, and nothing secret sent along.

use std::sync::Arc;

use http::HeaderMap;
use reqwest::{Method, Response, StatusCode, header};
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use crate::{
    Unreachable,
    client::Clients,
    limits::{MAX_REDIRECTS, MAX_URL_BYTES},
    reply::reason,
    resolver::Resolver,
};

/// Gets what a URL leads to. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Links {
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) clients: Arc<Clients>,
}

/// Which hops are taken.
pub(crate) type Admits<'a> = &'a (dyn Fn(&Url) -> bool + Sync);

/// Which URLs are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schemes {
    /// What decides whom to believe.
    HttpsOnly,
    /// What is only bytes.
    HttpAndHttps,
}

impl Links {
    /// Follows `url` and up to [`MAX_REDIRECTS`] redirects, to whatever reply is no redirect. All of it, the reply's body
    /// included, is over by `deadline`.
    pub(crate) async fn get(
        &self,
        url: Url,
        schemes: Schemes,
        deadline: Instant,
    ) -> Result<Response, Unreachable> {
        self.get_with(url, schemes, &|_| true, &HeaderMap::new(), deadline).await
    }

    /// The same, with these headers on every hop: nothing secret, since a redirect may lead anywhere that is admitted.
    pub(crate) async fn get_with(
        &self,
        url: Url,
        schemes: Schemes,
        admits: Admits<'_>,
        headers: &HeaderMap,
        deadline: Instant,
    ) -> Result<Response, Unreachable> {
        timeout_at(deadline, self.follow(url, schemes, admits, headers, deadline))
            .await
            .unwrap_or_else(|_| Err(Unreachable::Failed("following the link took too long".to_owned())))
    }

    async fn follow(
        &self,
        mut url: Url,
        schemes: Schemes,
        admits: Admits<'_>,
        headers: &HeaderMap,
        deadline: Instant,
    ) -> Result<Response, Unreachable> {
        for _ in 0..=MAX_REDIRECTS {
            if !admits(&url) {
                return Err(Unreachable::Failed(
                    "a link leads where the operator does not want it to".to_owned(),
                ));
            }
            let response = self.hop(plain(url.clone(), schemes)?, headers, deadline).await?;
            match next(&url, &response)? {
                Some(target) => url = target,
                None => return Ok(response),
            }
        }
        Err(Unreachable::Failed(format!("there are more than {MAX_REDIRECTS} redirects")))
    }

    async fn hop(&self, url: Url, headers: &HeaderMap, deadline: Instant) -> Result<Response, Unreachable> {
        let port = url.port_or_known_default().unwrap_or_default();
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(ip)) => ip.to_string(),
            Some(Host::Ipv6(ip)) => ip.to_string(),
            None => return Err(Unreachable::Failed("a link names no host".to_owned())),
        };
        let resolved = self.resolver.addresses(&host, port).await?;
        let request = self.clients.request(Method::GET, url, &resolved.addresses, deadline)?;
        let request = request.headers(headers.clone());
        request.send().await.map_err(|error| Unreachable::Failed(format!("{host}: {}", reason(&error))))
    }
}

/// Where a reply sends us; `None` when it is no redirect.
pub(crate) fn next(from: &Url, response: &Response) -> Result<Option<Url>, Unreachable> {
    let is_redirect = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    if !is_redirect {
        return Ok(None);
    }
    let target = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let target =
        target.filter(|target| target.len() <= MAX_URL_BYTES).and_then(|target| from.join(target).ok());
    target.map(Some).ok_or_else(|| Unreachable::Failed("a redirect leads nowhere".to_owned()))
}

/// The URL without user, password and fragment, if its scheme may be followed.
fn plain(mut url: Url, schemes: Schemes) -> Result<Url, Unreachable> {
    let is_followed = match url.scheme() {
        "https" => true,
        "http" => schemes == Schemes::HttpAndHttps,
        _ => false,
    };
    let stripped = url.set_username("").and_then(|()| url.set_password(None));
    url.set_fragment(None);
    match (is_followed, stripped) {
        (true, Ok(())) => Ok(url),
        _ => Err(Unreachable::Failed(format!("a link of the scheme {} is not followed", url.scheme()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_links_are_followed_and_without_secrets() {
        let check = |url: &str, schemes, expected: Option<&str>| {
            let followed = plain(Url::parse(url).unwrap(), schemes).ok();
            assert_eq!(followed.as_ref().map(Url::as_str), expected, "{url}");
        };
        check("https://u:p@a.test/x?y#z", Schemes::HttpsOnly, Some("https://a.test/x?y"));
        check("http://u@a.test/", Schemes::HttpAndHttps, Some("http://a.test/"));
        check("http://a.test/", Schemes::HttpsOnly, None);
        for url in ["ftp://a.test/", "file:///etc/passwd", "data:,x", "gopher://a.test/"] {
            check(url, Schemes::HttpAndHttps, None);
        }
    }
}
