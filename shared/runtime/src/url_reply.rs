//! What a function URL is given for an answer: its head, and the whole body where it is not streamed.

use std::collections::BTreeMap;

use axum::response::Response;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::BodyExt as _;
use matrix::layers;
use serde::Serialize;

/// Status and headers, in payload format 2.0 and in the prelude of a stream.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Head {
    status_code: u16,
    headers: BTreeMap<String, String>,
}

/// A whole answer in payload format 2.0.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reply {
    #[serde(flatten)]
    head: Head,
    body: String,
    is_base64_encoded: bool,
}

impl Head {
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap) -> Self {
        Self { status_code: status.as_u16(), headers: joined(headers) }
    }
}

impl Reply {
    /// Waits for the body's end. One that breaks off is answered as a fault of ours: nothing of it has gone out yet.
    ///
    /// Only JSON goes as text: lambda_http, which takes more for it, replaces what is no UTF-8 in a `text/plain`.
    pub(crate) async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = match body.collect().await {
            Ok(collected) => collected.to_bytes(),
            Err(error) => {
                tracing::error!(%error, "An answer broke off");
                // Its body is in memory, and ends.
                return Box::pin(Self::of(layers::unanswered())).await;
            }
        };
        let is_json = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
        let (body, is_base64_encoded) = match std::str::from_utf8(&bytes) {
            Ok(text) if is_json || text.is_empty() => (text.to_owned(), false),
            _ => (STANDARD.encode(&bytes), true),
        };
        Self { head: Head::new(parts.status, &parts.headers), body, is_base64_encoded }
    }
}

/// One line for each header: a function URL takes no lists of them, and of lambda_http's it gets the first alone. What
/// is no ASCII would be lost on the way, so that it is left out here and written down.
fn joined(headers: &HeaderMap) -> BTreeMap<String, String> {
    let line = |name| {
        let values = headers.get_all(name).iter().map(HeaderValue::to_str);
        values.collect::<Result<Vec<_>, _>>().map(|values| values.join(", "))
    };
    let mut lines = BTreeMap::new();
    for name in headers.keys() {
        if let Ok(line) = line(name) {
            lines.insert(name.as_str().to_owned(), line);
        } else {
            tracing::error!(header = %name, "A header that is not ASCII was left out");
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures_util::stream;

    use super::*;

    async fn json_of(response: Response) -> serde_json::Value {
        serde_json::to_value(Reply::of(response).await).unwrap()
    }

    #[tokio::test]
    async fn bytes_that_call_themselves_text_are_not_changed() {
        let latin_1 = Response::builder().header("content-type", "text/plain").body(Body::from(&b"\xe4"[..]));
        let reply = json_of(latin_1.unwrap()).await;
        assert_eq!((reply["body"].as_str(), reply["isBase64Encoded"].as_bool()), (Some("5A=="), Some(true)));
    }

    #[tokio::test]
    async fn repeated_headers_become_one_and_what_is_not_ascii_none() {
        let response = Response::builder()
            .header("vary", "origin")
            .header("vary", "range")
            .header("x-name", HeaderValue::from_bytes("ä".as_bytes()).unwrap())
            .body(Body::empty());
        let headers = json_of(response.unwrap()).await["headers"].take();
        assert_eq!(headers, serde_json::json!({ "vary": "origin, range" }));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_a_fault_of_ours() {
        let pieces = [Ok("begun"), Err(std::io::Error::other("gone"))];
        let reply = json_of(Response::new(Body::from_stream(stream::iter(pieces)))).await;
        assert_eq!(reply["statusCode"], 500);
        assert!(reply["body"].as_str().unwrap().contains("M_UNKNOWN"), "{reply}");
    }
}
