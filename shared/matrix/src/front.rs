//! Who may ask at all: whoever comes through the front, which says a secret. A function's address is open to the whole
//! internet, and what the front says of a client's address is believed.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::HeaderValue;
use media_core::Refusal;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use crate::Error;

/// The header in which the front says it.
pub const ORIGIN_SECRET: &str = "x-origin-secret";

/// What the front may say: two secrets while one is changed for the other, none where everybody may ask. Only their
/// digests are kept.
#[derive(Clone, Debug, Default)]
pub struct Front(Arc<[[u8; 32]]>);

impl Front {
    /// A front that says one of these.
    #[must_use]
    pub fn new(secrets: &[String]) -> Self {
        Self(secrets.iter().map(|secret| digest(secret.as_bytes())).collect())
    }

    /// Takes as long for a secret that is nearly right as for any other: digests of what is tried agree by chance alone,
    /// and all of them are compared.
    fn is(&self, said: &[u8]) -> bool {
        let said = digest(said);
        self.0.iter().fold(Choice::from(0), |known, secret| known | secret.ct_eq(&said)).into()
    }
}

/// The middleware: before everything else of a router that [`crate::layers::finish`] closes.
pub(crate) async fn admit(State(front): State<Front>, request: Request, next: Next) -> Response {
    let said = request.headers().get(ORIGIN_SECRET).map_or(&[][..], HeaderValue::as_bytes);
    if front.0.is_empty() || front.is(said) {
        return next.run(request).await;
    }
    Error::from(Refusal::Forbidden("Requests come through the server's front, not straight here."))
        .into_response()
}

pub(crate) fn digest(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_a_secret_is_changed_two_are_good() {
        let front = Front::new(&["new".to_owned(), "old".to_owned()]);
        assert!(front.is(b"new") && front.is(b"old"));
        for wrong in [&b""[..], b"ne", b"news", b"New", b"new,old"] {
            assert!(!front.is(wrong), "{wrong:?}");
        }
    }
}
