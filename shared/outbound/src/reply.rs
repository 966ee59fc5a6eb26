//! Reading replies that may be of any size, and saying what went wrong without saying too much.

use std::{error::Error as _, fmt::Write as _};

use reqwest::Response;
use serde::Deserialize;

/// Reads a whole body that may have at most `max_bytes`.
///
/// # Errors
/// A sentence for the log when it is longer, or breaks off.
pub(crate) async fn read(mut response: Response, max_bytes: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| reason(&error))? {
        if body.len() + piece.len() > max_bytes {
            return Err(format!("the reply is larger than {max_bytes} bytes"));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// What Matrix says in the body of an error (client-server API, "Standard error response").
#[derive(Debug, Default, Deserialize)]
pub(crate) struct MatrixError {
    pub(crate) errcode: String,
    #[serde(default)]
    pub(crate) soft_logout: bool,
}

impl MatrixError {
    /// `None` when the body is not of this form.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }
}

/// The whole chain of an error, without the URL: that may hold what the log must not.
pub(crate) fn reason(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "it took too long" } else { "the exchange failed" }.to_owned();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
