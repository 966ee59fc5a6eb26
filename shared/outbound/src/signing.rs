//! Our server's signing key: read from the homeserver's file, used on requests, published where no homeserver does.

use std::fmt::{self, Write as _};

use http::HeaderValue;
use media_core::{ServerName, Timestamp};
use ruma_common::{CanonicalJsonObject, serde::Base64};
use ruma_federation_api::authentication::{XMatrix, XMatrixSigningInput};
use ruma_signatures::Ed25519KeyPair;
use serde_json::{Value, json};

use crate::x_matrix::Credentials;

/// The bytes of an Ed25519 seed.
const SEED_BYTES: usize = 32;

/// What stands before the seed in a PKCS#8 document of an Ed25519 key (RFC 8410 section 7).
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The Ed25519 keys of one server. The first signs requests; all of them are published.
pub struct SigningKey {
    first: Pair,
    others: Vec<Pair>,
}

struct Pair {
    keys: Ed25519KeyPair,
    seed: [u8; SEED_BYTES],
}

/// Why a text is no signing key. The text itself is never repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// There is no line in it.
    #[error("it is empty")]
    Empty,
    /// A line cannot be read.
    #[error("line {line} {problem}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it, as the end of a sentence.
        problem: &'static str,
    },
}

impl SigningKey {
    /// Reads Synapse's file format: `ed25519 <version> <seed in unpadded base64>`, a line for each key.
    ///
    /// # Errors
    /// [`SigningKeyError`], which names the line.
    pub fn parse(text: &str) -> Result<Self, SigningKeyError> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let mut pairs = lines
            .map(|(at, line)| {
                Pair::parse(line).map_err(|problem| SigningKeyError::Line { line: at + 1, problem })
            })
            .collect::<Result<Vec<_>, _>>()?
            .into_iter();
        let first = pairs.next().ok_or(SigningKeyError::Empty)?;
        Ok(Self { first, others: pairs.collect() })
    }

    /// A new key, with a version that says nothing.
    ///
    /// # Panics
    /// Never: every seed makes a key.
    #[must_use]
    pub fn generate() -> Self {
        let version = format!("a_{:08x}", rand::random::<u32>());
        let first = Pair::new(rand::random(), version).expect("any 32 bytes are a seed");
        Self { first, others: Vec::new() }
    }

    /// The file that [`SigningKey::parse`] reads. It holds the secret.
    #[must_use]
    pub fn to_file_text(&self) -> String {
        let mut text = String::new();
        for pair in self.pairs() {
            let _ = writeln!(text, "ed25519 {} {}", pair.keys.version(), unpadded(&pair.seed));
        }
        text
    }

    /// The id under which the key is published, such as `ed25519:a_abcd`.
    #[must_use]
    pub fn key_id(&self) -> String {
        self.first.key_id()
    }

    /// The reply to `GET /_matrix/key/v2/server`, signed with every key (server-server API, "Publishing keys").
    ///
    /// # Panics
    /// Never: the reply holds nothing that canonical JSON does not.
    #[must_use]
    pub fn server_keys_document(&self, server_name: &ServerName, valid_until: Timestamp) -> Value {
        let verify_keys: serde_json::Map<_, _> = self
            .pairs()
            .map(|pair| (pair.key_id(), json!({ "key": unpadded(&pair.keys.public_key()) })))
            .collect();
        let document = json!({
            "server_name": server_name,
            "valid_until_ts": valid_until.0,
            "verify_keys": verify_keys,
            "old_verify_keys": {},
        });
        let mut document: CanonicalJsonObject =
            serde_json::from_value(document).expect("strings and a time are canonical");
        for pair in self.pairs() {
            ruma_signatures::sign_json(server_name.as_str(), &pair.keys, &mut document)
                .expect("the document has no signatures of another form");
        }
        serde_json::to_value(document).expect("canonical JSON is JSON")
    }

    /// The `Authorization` header of a `GET` of `target`, a path with its query, byte for byte as it is sent
    /// (server-server API, "Request authentication"). Server names are those before delegation.
    pub fn authorize_get(
        &self,
        origin: &ServerName,
        destination: &ServerName,
        target: &str,
    ) -> Result<HeaderValue, String> {
        // Anything else `http` takes for the name of a host, and ruma's signing panics for want of a path.
        if !target.starts_with('/') {
            return Err("only a path can be asked for".to_owned());
        }
        let request = http::Request::get(target).body([]).map_err(|error| error.to_string())?;
        let input = XMatrixSigningInput::new(origin.to_owned(), destination.to_owned(), &self.first.keys);
        let signed = XMatrix::sign_http_request(&request, input).map_err(|error| error.to_string())?;
        // Written by us, because all values must be quoted for some receivers, and ruma quotes only where it must.
        let credentials = Credentials {
            origin: origin.to_owned(),
            destination: Some(destination.to_string()),
            key: signed.key.to_string(),
            sig: signed.sig.encode(),
        };
        HeaderValue::try_from(credentials.to_string()).map_err(|error| error.to_string())
    }

    fn pairs(&self) -> impl Iterator<Item = &Pair> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl Pair {
    fn parse(line: &str) -> Result<Self, &'static str> {
        let mut words = line.split_whitespace();
        let (Some(algorithm), Some(version), Some(seed), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err("is not of the form `ed25519 <version> <seed>`");
        };
        if algorithm != "ed25519" {
            return Err("names another algorithm than ed25519");
        }
        if !version.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err("has a version with characters other than `a-z A-Z 0-9 _`");
        }
        let seed = Base64::<ruma_common::serde::base64::Standard>::parse(seed)
            .map_err(|_| "has a seed that is not base64")?;
        let seed = seed.as_bytes().try_into().map_err(|_| "has a seed that is not 32 bytes long")?;
        Self::new(seed, version.to_owned()).ok_or("has a seed that makes no key")
    }

    fn new(seed: [u8; SEED_BYTES], version: String) -> Option<Self> {
        let document = [&PKCS8_PREFIX[..], &seed[..]].concat();
        Some(Self { keys: Ed25519KeyPair::from_der(&document, version).ok()?, seed })
    }

    fn key_id(&self) -> String {
        format!("ed25519:{}", self.keys.version())
    }
}

/// Says the ids, never the secrets.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pairs().map(Pair::key_id)).finish()
    }
}

fn unpadded(bytes: &[u8]) -> String {
    Base64::<ruma_common::serde::base64::Standard, _>::new(bytes).encode()
}

/// The signature of a JSON object by the first key, for the tests here and of [`crate::incoming`].
#[cfg(test)]
pub(crate) fn signature_of(key: &SigningKey, object: Value) -> String {
    use ruma_signatures::KeyPair as _;
    let object: CanonicalJsonObject = serde_json::from_value(object).unwrap();
    let bytes = ruma_signatures::to_canonical_json_string_for_signing(&object).unwrap();
    key.first.keys.sign(bytes.as_bytes()).base64()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The specification's example key (appendices, "Cryptographic test vectors").
    const FILE: &str = "ed25519 1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1\n";

    fn key() -> SigningKey {
        SigningKey::parse(FILE).unwrap()
    }

    #[test]
    fn the_specifications_vectors_come_out() {
        for (object, signature) in [
            (
                json!({}),
                "K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ",
            ),
            (
                json!({"two": "Two", "one": 1}),
                "KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw",
            ),
        ] {
            assert_eq!(signature_of(&key(), object), signature);
        }
        assert_eq!(unpadded(&key().first.keys.public_key()), "XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNI");
    }

    fn check_header(target: &str, signature: &str) {
        let name = |text: &'static str| <&ServerName>::try_from(text).unwrap();
        let header = key().authorize_get(name("domain"), name("media.example.org"), target).unwrap();
        assert_eq!(
            header.to_str().unwrap(),
            format!(
                r#"X-Matrix origin="domain",destination="media.example.org",key="ed25519:1",sig="{signature}""#
            )
        );
    }

    #[test]
    fn requests_are_signed_to_the_byte_and_every_value_is_quoted() {
        check_header(
            "/_matrix/federation/v1/media/download/abc123?timeout_ms=20000",
            "rIsu5NwSqcaN3X3g6frvcyHM1qhRyGo7xqYVThhJ942B3aULroa3/oZyP0WVAY8oPZRgQLr3NaygxvBRNafTAA",
        );
        check_header(
            "/_matrix/federation/v1/media/thumbnail/abc123?width=64&height=64&method=crop",
            "QSplRTHayb2dqUsjiU1knDYyf/D6jphi3T5keUjujKuVW2Dboe+L3r7WWkDBOjiIoq4mY4mpbvvTYmKScFbhCQ",
        );
    }

    #[test]
    fn a_target_that_is_no_path_is_refused_and_does_not_panic() {
        let name = <&ServerName>::try_from("domain").unwrap();
        for target in ["b.test:84", "b.test", "https://b.test/x", "*", "", "/a b"] {
            assert!(key().authorize_get(name, name, target).is_err(), "{target}");
        }
    }

    #[test]
    fn a_new_key_survives_being_written_and_read() {
        let made = SigningKey::generate();
        let read = SigningKey::parse(&made.to_file_text()).unwrap();
        assert_eq!(read.to_file_text(), made.to_file_text());
        assert_eq!(read.key_id(), made.key_id());
        assert_ne!(SigningKey::generate().to_file_text(), made.to_file_text());
    }

    #[test]
    fn of_several_keys_the_first_signs_and_all_are_published() {
        let two = format!("{}\n{}", FILE, SigningKey::generate().to_file_text());
        let key = SigningKey::parse(&two).unwrap();
        assert_eq!(key.key_id(), "ed25519:1");
        let document = key.server_keys_document(<&ServerName>::try_from("domain").unwrap(), Timestamp(5));
        assert_eq!(document["valid_until_ts"], 5);
        assert_eq!(
            document["verify_keys"]["ed25519:1"]["key"],
            "XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNI"
        );
        assert_eq!(document["verify_keys"].as_object().unwrap().len(), 2);
        assert_eq!(document["signatures"]["domain"].as_object().unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_key_is_refused_without_repeating_it() {
        assert_eq!(SigningKey::parse("\n \n").unwrap_err(), SigningKeyError::Empty);
        for text in [
            "ed25519 1",
            "ed25519 1 a b",
            "rsa 1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1",
            "ed25519 a:b YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1",
            "ed25519 1 !!!",
            "ed25519 1 YJDBA9Xnr2s",
        ] {
            let error = SigningKey::parse(&format!("\n{text}")).unwrap_err();
            assert!(matches!(error, SigningKeyError::Line { line: 2, .. }), "{text}");
            assert!(!error.to_string().contains("YJDBA9"), "{error}");
        }
        assert!(!format!("{:?}", key()).contains("YJDBA9"));
    }
}
