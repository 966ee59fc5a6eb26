//! Which page, and in which language.

use http::{HeaderMap, HeaderValue, header};
use matrix::Query;
use media_core::{Refusal, Timestamp};
use outbound::limits::MAX_URL_BYTES;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::digest;

/// The longest `Accept-Language` that is passed on, in bytes: a browser's is far shorter.
const MAX_LANGUAGES_BYTES: usize = 128;

/// What a preview is asked of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The page, without a fragment: that is no server's business.
    pub(crate) url: Url,
    /// `Accept-Language`: the client's, or the operator's for a client that does not say.
    pub(crate) languages: HeaderValue,
    /// When the page is to have said it (`ts`); a newer preview may be given.
    pub(crate) at: Option<Timestamp>,
}

impl Asked {
    /// Reads a request.
    ///
    /// # Errors
    /// What is missing or makes no sense.
    pub(crate) fn read(query: &Query, headers: &HeaderMap, otherwise: &HeaderValue) -> Result<Self, Refusal> {
        let url = page(query.get("url")?.ok_or(Refusal::MissingParam("url"))?)?;
        let at = query.get("ts")?.map(|ts| ts.parse().map(Timestamp)).transpose();
        let problem = "must be a whole number of milliseconds";
        let at = at.map_err(|_| Refusal::InvalidParam { name: "ts", problem })?;
        let said = headers.get(header::ACCEPT_LANGUAGE);
        let said = said.filter(|said| said.len() <= MAX_LANGUAGES_BYTES && said.to_str().is_ok());
        Ok(Self { url, languages: said.unwrap_or(otherwise).clone(), at })
    }

    /// Under which name the preview is kept: a digest, since the table outlives the request. Two ways to write the same page
    /// and the same languages are one.
    pub(crate) fn key(&self) -> String {
        let languages = self.languages.as_bytes().iter().filter(|byte| !byte.is_ascii_whitespace());
        let languages: Vec<u8> = languages.map(u8::to_ascii_lowercase).collect();
        digest('W', [normalised(&self.url).as_bytes(), &languages])
    }
}

/// A page as it is told from others (RFC 3986, section 6.2): of letters that are escaped for no reason, of escapes in
/// small letters, of a query without anything in it, and of the dot that ends a host name, nothing is left. What order and
/// names in a query mean only the site knows.
fn normalised(url: &Url) -> String {
    let mut url = url.clone();
    if url.query() == Some("") {
        url.set_query(None);
    }
    let host = url.host_str().map(|host| host.trim_end_matches('.').to_owned());
    // An address, which has no such dot, cannot always be set again.
    let _ = host.filter(|host| Some(host.as_str()) != url.host_str()).map(|host| url.set_host(Some(&host)));
    let mut pieces = url.as_str().split('%');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let escaped = piece.get(..2).filter(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let Some(hex) = escaped else {
            text.push('%');
            text.push_str(piece);
            continue;
        };
        match percent_decode_str(&format!("%{hex}")).next() {
            Some(letter) if letter.is_ascii_alphanumeric() || b"-._~".contains(&letter) => {
                text.push(char::from(letter));
            }
            _ => text.extend(["%", &hex.to_ascii_uppercase()]),
        }
        text.push_str(&piece[2..]);
    }
    text
}

/// A page of the web: nothing else has one, and a password in a link is nobody's to pass on.
fn page(text: &str) -> Result<Url, Refusal> {
    let refuse = |problem| Refusal::InvalidParam { name: "url", problem };
    if text.len() > MAX_URL_BYTES {
        return Err(refuse("is too long"));
    }
    let mut url = Url::parse(text).map_err(|_| refuse("must be an absolute URL"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(refuse("must begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("must not hold a user name or a password"));
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_web_are_previewed() {
        for (text, read) in [
            ("https://Example.org", "https://example.org/"),
            ("http://example.org:80/a b#top", "http://example.org/a%20b"),
            ("https://[2606::1]:8443/?q=ä", "https://[2606::1]:8443/?q=%C3%A4"),
            ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ] {
            assert_eq!(page(text).unwrap().as_str(), read);
        }
        let long = format!("https://example.org/{}", "x".repeat(MAX_URL_BYTES));
        for text in [
            "",
            "example.org",
            "//example.org/",
            "ftp://example.org/",
            "file:///etc/passwd",
            "data:text/html,x",
            "mxc://example.org/abc",
            "javascript:alert(1)",
            "https://",
            "http://user@example.org/",
            "http://:password@example.org/",
            "http://256.256.256.256/",
            &long,
        ] {
            assert!(matches!(page(text), Err(Refusal::InvalidParam { name: "url", .. })), "{text}");
        }
    }

    #[test]
    fn a_page_in_another_language_is_another_preview() {
        let asked = |url: &str, languages| Asked {
            url: page(url).unwrap(),
            languages: HeaderValue::from_static(languages),
            at: None,
        };
        let english = asked("http://example.org/#a", "en");
        assert_eq!(english.key(), asked("http://EXAMPLE.org:80/#b", "en").key());
        for (one, other) in [
            ("http://example.org/?", "http://example.org./"),
            ("http://example.org/%7ea%2Db%c3%a4?%41", "http://example.org/~a-b%C3%A4?A"),
            ("http://example.org/ä", "http://example.org/%c3%A4"),
            ("http://[2606::1]/", "http://[2606:0::1]:80/"),
        ] {
            assert_eq!(asked(one, "de, en").key(), asked(other, "DE,en").key(), "{one}");
        }
        for (one, other) in [
            ("http://example.org/a%2Fb", "http://example.org/a/b"),
            ("http://example.org/?a=1&b=2", "http://example.org/?b=2&a=1"),
            ("http://example.org/a", "http://example.org/A"),
            ("http://example.org/%zz", "http://example.org/%ZZ"),
        ] {
            assert_ne!(asked(one, "en").key(), asked(other, "en").key(), "{one}");
        }
        assert_ne!(english.key(), asked("http://example.org/", "de").key());
        assert_ne!(english.key(), asked("http://example.org/e", "n").key());
    }
}
