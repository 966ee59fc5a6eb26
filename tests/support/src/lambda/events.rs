//! Events as Lambda hands them over, from `tests/fixtures/events`, with what a test wants changed.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::cloud::TOKEN;
use crate::photos;

/// What the front says in every event of the fixtures.
pub const ORIGIN_SECRET: &str = "0123456789abcdef0123456789abcdef";

/// An event of a function URL, payload format 2.0.
#[derive(Clone, Debug)]
pub struct Event(Value);

/// A file, as it is.
#[must_use]
pub fn text(file: &str) -> String {
    String::from_utf8(photos::fixture(&format!("events/{file}")).to_vec()).expect("text")
}

/// A file that is an event of a function URL.
#[must_use]
pub fn url(file: &str) -> Event {
    Event(serde_json::from_str(&text(file)).expect("JSON"))
}

/// A request with the usual token and without a body.
#[must_use]
pub fn request(method: &str, path: &str) -> Event {
    url("url-get.json").to(method, path).header("authorization", &format!("Bearer {TOKEN}"))
}

impl Event {
    /// Another method and another target, byte for byte.
    #[must_use]
    pub fn to(mut self, method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        self.0["rawPath"] = path.into();
        self.0["rawQueryString"] = query.into();
        let http = &mut self.0["requestContext"]["http"];
        http["method"] = method.into();
        http["path"] = path.into();
        self
    }

    /// One more header, or another value.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0["headers"][name] = value.into();
        self
    }

    /// Without a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0["headers"].as_object_mut().expect("headers").remove(name);
        self
    }

    /// With a body of bytes, which Lambda encodes.
    #[must_use]
    pub fn bytes(mut self, body: &[u8]) -> Self {
        self.0["body"] = STANDARD.encode(body).into();
        self.0["isBase64Encoded"] = true.into();
        self.header("content-length", &body.len().to_string())
    }
}

impl From<Event> for String {
    fn from(event: Event) -> Self {
        event.0.to_string()
    }
}
