//! Which page, and in which language.

use http::{HeaderMap, HeaderValue, header};
use matrix::Query;
use media_core::Refusal;
use outbound::limits::MAX_URL_BYTES;
use sha2::{Digest as _, Sha256};
use url::Url;

/// The longest `Accept-Language` that is passed on, in bytes: a browser's is far shorter.
const MAX_LANGUAGES_BYTES: usize = 128;

/// What a preview is asked of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The page, without a fragment: that is no server's business.
    pub(crate) url: Url,
    /// `Accept-Language`: the client's, or the operator's for a client that does not say.
    pub(crate) languages: HeaderValue,
}

impl Asked {
    /// Reads a request. `ts` is looked at and no more: a newer preview than that of the wished time may always be given
    /// (specification, `preview_url`).
    ///
    /// # Errors
    /// What is missing or makes no sense.
    pub(crate) fn read(query: &Query, headers: &HeaderMap, otherwise: &HeaderValue) -> Result<Self, Refusal> {
        let url = page(query.get("url")?.ok_or(Refusal::MissingParam("url"))?)?;
        if query.get("ts")?.is_some_and(|ts| ts.parse::<u64>().is_err()) {
            let problem = "must be a whole number of milliseconds";
            return Err(Refusal::InvalidParam { name: "ts", problem });
        }
        let said = headers.get(header::ACCEPT_LANGUAGE);
        let said = said.filter(|said| said.len() <= MAX_LANGUAGES_BYTES && said.to_str().is_ok());
        Ok(Self { url, languages: said.unwrap_or(otherwise).clone() })
    }

    /// Under which name the preview is kept: a digest, since the table outlives the request.
    pub(crate) fn key(&self) -> String {
        let mut hasher = Sha256::new();
        for said in [self.url.as_str().as_bytes(), self.languages.as_bytes()] {
            hasher.update(said.len().to_be_bytes());
            hasher.update(said);
        }
        format!("V#{}", hex::encode(hasher.finalize()))
    }
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
        };
        let english = asked("http://example.org/#a", "en");
        assert_eq!(english.key(), asked("http://EXAMPLE.org:80/#b", "en").key());
        assert_ne!(english.key(), asked("http://example.org/", "de").key());
        assert_ne!(english.key(), asked("http://example.org/e", "n").key());
    }
}
