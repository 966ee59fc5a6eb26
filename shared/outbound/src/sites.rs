//! Which sites are visited for previews, as the operator decided.

use std::str::FromStr;

use media_core::admit::is_named_by;
use url::Url;

/// The operator's lists. Nothing on either: everything is visited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sites {
    /// The only pages that are visited; empty is all.
    pub allowed: Vec<Site>,
    /// What is not visited, though it be allowed.
    pub denied: Vec<Site>,
}

impl Sites {
    /// Whether this page may be visited.
    #[must_use]
    pub fn admits_page(&self, url: &Url) -> bool {
        (self.allowed.is_empty() || self.allowed.iter().any(|site| site.has(url))) && self.admits_part(url)
    }

    /// Whether a picture of a page may be fetched, or what else belongs to one: most sites keep them on other hosts than
    /// their pages, and whoever allowed the page meant them, too.
    #[must_use]
    pub fn admits_part(&self, url: &Url) -> bool {
        !self.denied.iter().any(|site| site.has(url))
    }
}

/// A pattern for pages: a host, all hosts below one, or some of their paths.
///
/// Written as `example.org`, `*.example.org`, `example.org:8080`, `https://example.org` or `example.org/private/*`; `*`
/// stands for any letters. Without a scheme or a port it is for all of them, without a path for every path. Paths are
/// compared as they stand in URLs, with their query; hosts as DNS does, where case and a last dot mean nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    scheme: Option<String>,
    host: String,
    port: Option<u16>,
    path: Option<String>,
}

/// What is no pattern for pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a host, a host with a path, or a URL")]
pub struct NoSite;

impl Site {
    /// Whether this page is meant.
    #[must_use]
    pub fn has(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        let target =
            || url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        self.scheme.as_deref().is_none_or(|scheme| scheme == url.scheme())
            && self.port.is_none_or(|port| Some(port) == url.port_or_known_default())
            && is_named_by(&self.host, host)
            && self.path.as_deref().is_none_or(|path| is_named_by(path, &target()))
    }
}

impl FromStr for Site {
    type Err = NoSite;

    fn from_str(text: &str) -> Result<Self, NoSite> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, text),
        };
        if scheme.as_deref().is_some_and(|scheme| !matches!(scheme, "http" | "https")) {
            return Err(NoSite);
        }
        let (authority, path) = match rest.find('/') {
            Some(at) => (&rest[..at], Some(rest[at..].to_owned())),
            None => (rest, None),
        };
        let (host, port) = port_of(authority)?;
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let is_host = !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._*[]:".contains(&byte));
        if is_host { Ok(Self { scheme, host, port, path }) } else { Err(NoSite) }
    }
}

/// The host and the port, of which an IPv6 address has none of its own outside its brackets.
fn port_of(authority: &str) -> Result<(&str, Option<u16>), NoSite> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => Ok((host, Some(port.parse().map_err(|_| NoSite)?))),
        _ => Ok((authority, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, url: &str, is_meant: bool) {
        let site: Site = pattern.parse().unwrap();
        assert_eq!(site.has(&Url::parse(url).unwrap()), is_meant, "{pattern} and {url}");
    }

    #[test]
    fn patterns_mean_hosts_and_paths() {
        check("example.org", "https://example.org/a?b", true);
        check("Example.org.", "http://EXAMPLE.org.:8080/", true);
        check("example.org", "https://www.example.org/", false);
        check("example.org", "https://badexample.org/", false);
        check("*.example.org", "https://a.b.example.org/", true);
        check("*.example.org", "https://example.org/", false);
        check("*", "http://anything.test/", true);
        check("https://example.org", "http://example.org/", false);
        check("example.org:8080", "http://example.org:8080/", true);
        check("example.org:443", "https://example.org/", true);
        check("example.org:80", "https://example.org/", false);
        check("example.org/private/*", "https://example.org/private/a?b", true);
        check("example.org/private/*", "https://example.org/public", false);
        check("example.org/*secret=*", "https://example.org/a?secret=1", true);
        check("example.org/", "https://example.org/", true);
        check("example.org/", "https://example.org/a", false);
        check("[2606::1]:8080", "http://[2606::1]:8080/", true);
        check("[2606::1]", "http://[2606::1]/", true);
        check("192.0.*", "http://192.0.2.1/", true);
    }

    #[test]
    fn nonsense_is_no_pattern() {
        for nonsense in
            ["", "/private", "ftp://example.org", "a b", "example.org:http", "user@example.org", "://x"]
        {
            assert_eq!(nonsense.parse::<Site>(), Err(NoSite), "{nonsense}");
        }
    }

    #[test]
    fn what_is_denied_is_not_visited_though_it_be_allowed_and_pictures_need_no_leave() {
        let list = |patterns: &[&str]| patterns.iter().map(|pattern| pattern.parse().unwrap()).collect();
        let url = |url| Url::parse(url).unwrap();
        let sites = Sites { allowed: list(&["*.example.org"]), denied: list(&["bad.example.org"]) };
        let (good, bad, other) =
            (url("http://a.example.org/"), url("http://bad.example.org/"), url("http://cdn.test/"));
        assert_eq!([&good, &bad, &other].map(|url| sites.admits_page(url)), [true, false, false]);
        assert_eq!([&good, &bad, &other].map(|url| sites.admits_part(url)), [true, false, true]);
        assert!(Sites::default().admits_page(&other));
    }
}
