//! Which server sent a request: its signatures, checked (server-server API, "Request authentication").

use http::{HeaderValue, Method};
use media_core::{OwnedServerName, ServerName};
use ruma_common::{CanonicalJsonObject, SigningKeyAlgorithm, serde::Base64};

use crate::{
    limits::{MAX_AUTHORIZATION_BYTES, MAX_SIGNATURES},
    server_keys::{KeyError, ServerKeys},
    x_matrix::{self, Credentials},
};

/// Why a request is not from whom it says. The status is 401 for all of them; the specification names no errcode, and
/// Synapse says `M_UNAUTHORIZED`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IncomingError {
    /// No header of the scheme `X-Matrix`.
    #[error("The request is not signed: it has no `Authorization: X-Matrix …`.")]
    Missing,
    /// A header of the scheme that cannot be read.
    #[error("The `Authorization: X-Matrix` header {0}.")]
    Malformed(&'static str),
    /// Signed for somebody else.
    #[error("The request is signed for another server.")]
    WrongDestination,
    /// More than [`MAX_SIGNATURES`], or of more than one server.
    #[error("The request is signed by more than one server, or too often.")]
    TooManySignatures,
    /// The origin's keys could not be had.
    #[error("The keys of {origin} cannot be had: {reason}.")]
    KeysUnavailable {
        /// Who says to have signed.
        origin: OwnedServerName,
        /// Why not.
        reason: String,
    },
    /// The origin does not publish this key, or no longer.
    #[error("{origin} does not publish the key that the request is signed with.")]
    UnknownKey {
        /// Who says to have signed.
        origin: OwnedServerName,
    },
    /// The signature is of something else, or of nothing.
    #[error("The signature of {origin} is wrong.")]
    BadSignature {
        /// Who says to have signed.
        origin: OwnedServerName,
    },
}

/// Says which server sent a request that has no body.
///
/// `target` is the path with its query, byte for byte as it came; `authorization` are all values of that header. Every
/// X-Matrix signature there must be right, and all must be of one server. The scheme knows no time: a captured request
/// can be repeated, which for reading media does no harm.
pub async fn verify(
    method: &Method,
    target: &str,
    authorization: &[HeaderValue],
    our_name: &ServerName,
    keys: &ServerKeys,
) -> Result<OwnedServerName, IncomingError> {
    Claim::read(authorization, our_name)?.verify(method, target, our_name, keys).await
}

/// Who a request says it is from, before anybody was asked for keys: known only well enough to be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    origin: OwnedServerName,
    signatures: Vec<Credentials>,
}

impl Claim {
    /// Reads the X-Matrix signatures among `authorization`, all values of that header.
    pub fn read(authorization: &[HeaderValue], our_name: &ServerName) -> Result<Self, IncomingError> {
        let signatures = signatures(authorization, our_name)?;
        let Some(origin) = signatures.first().map(|first| first.origin.clone()) else {
            return Err(IncomingError::Missing);
        };
        if signatures.len() > MAX_SIGNATURES || signatures.iter().any(|signature| signature.origin != origin)
        {
            return Err(IncomingError::TooManySignatures);
        }
        Ok(Self { origin, signatures })
    }

    /// The server that says to have signed.
    #[must_use]
    pub fn origin(&self) -> &ServerName {
        &self.origin
    }

    /// Checks every signature, as [`verify`] says; asks the origin for its keys where they are not known.
    pub async fn verify(
        self,
        method: &Method,
        target: &str,
        our_name: &ServerName,
        keys: &ServerKeys,
    ) -> Result<OwnedServerName, IncomingError> {
        let Self { origin, signatures } = self;
        let signed = signed_bytes(method, target, &origin, our_name)?;
        for signature in &signatures {
            let key = keys.verify_key(&origin, &signature.key).await.map_err(|error| match error {
                KeyError::UnknownKey => IncomingError::UnknownKey { origin: origin.clone() },
                KeyError::Unavailable(reason) => {
                    IncomingError::KeysUnavailable { origin: origin.clone(), reason }
                }
            })?;
            if !is_right(signature, &key, signed.as_bytes()) {
                return Err(IncomingError::BadSignature { origin });
            }
        }
        Ok(origin)
    }
}

fn signatures(
    authorization: &[HeaderValue],
    our_name: &ServerName,
) -> Result<Vec<Credentials>, IncomingError> {
    let mut found = Vec::new();
    for header in authorization {
        // What is not text is of no scheme that is looked for here.
        let Ok(text) = header.to_str() else { continue };
        if text.len() > MAX_AUTHORIZATION_BYTES {
            return Err(IncomingError::Malformed("is too long"));
        }
        found.extend(x_matrix::parse(text).map_err(IncomingError::Malformed)?);
    }
    let is_ours =
        |signature: &Credentials| signature.destination.as_deref().is_none_or(|name| name == our_name);
    if found.iter().all(is_ours) { Ok(found) } else { Err(IncomingError::WrongDestination) }
}

/// The canonical JSON that is signed. Its `destination` is our name even when the header has none.
fn signed_bytes(
    method: &Method,
    target: &str,
    origin: &ServerName,
    our_name: &ServerName,
) -> Result<String, IncomingError> {
    let object = [
        ("method", method.as_str()),
        ("uri", target),
        ("origin", origin.as_str()),
        ("destination", our_name.as_str()),
    ];
    let object: CanonicalJsonObject = object.map(|(name, value)| (name.to_owned(), value.into())).into();
    ruma_signatures::to_canonical_json_string_for_signing(&object)
        .map_err(|_| IncomingError::Malformed("signs what cannot be signed"))
}

fn is_right(signature: &Credentials, key: &[u8], signed: &[u8]) -> bool {
    let Ok(bytes) = Base64::<ruma_common::serde::base64::Standard>::parse(&signature.sig) else {
        return false;
    };
    let algorithm = SigningKeyAlgorithm::Ed25519;
    ruma_signatures::verify_canonical_json_bytes(&algorithm, key, bytes.as_bytes(), signed).is_ok()
}
