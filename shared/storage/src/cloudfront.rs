//! Signed URLs of CloudFront, for reading one object as its record shows it: the same link from every process, for GET and
//! HEAD alike.
//!
//! With a canned policy, so that the link itself says all that is signed (CloudFront developer guide, "Create a signed URL
//! using a canned policy").

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use media_core::Timestamp;
use p256::{
    SecretKey,
    ecdsa::{DerSignature, SigningKey, signature::Signer as _},
    pkcs8::DecodePrivateKey as _,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::OnceCell;

use crate::{
    Error, SdkCalls,
    presign::{CACHE_CONTROL, Presentation},
    secrets::KeyPlace,
};

/// What a value in a query must not hold as it is: all but the unreserved characters (RFC 3986, section 2.3). Not `*` either,
/// which is a wildcard in a policy.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How a key begins that is in the form of SEC 1, as `openssl ecparam` writes it, and not in that of PKCS #8.
const SEC1: &str = "-----BEGIN EC PRIVATE KEY-----";

/// How links to CloudFront are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSettings {
    /// What they begin with: a URL that no slash ends, without a query.
    pub url: String,
    /// The id under which CloudFront knows the public key.
    pub key_id: String,
    /// Where the private key is: P-256, in PEM.
    pub key: KeyPlace,
}

/// The key itself, once it was read: by whoever needs it first. Its copies are one and the same.
#[derive(Clone, Debug, Default)]
pub struct LinkKey(Arc<OnceCell<SigningKey>>);

/// Whoever signs them.
#[derive(Debug)]
pub(crate) struct CloudFront {
    settings: LinkSettings,
    calls: SdkCalls,
    key: LinkKey,
}

impl CloudFront {
    pub(crate) fn new(settings: LinkSettings, calls: SdkCalls, key: LinkKey) -> Self {
        Self { settings, calls, key }
    }

    /// Reads the key, unless it is there.
    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        self.key().await.map(|_| ())
    }

    /// The link to an object, good until `expires_at`, of which the milliseconds are left out. It has the three parameters
    /// by which `infra/delivery.yaml` tells copies apart, and no entity tag: CloudFront has that from S3.
    pub(crate) async fn sign(
        &self,
        key: &str,
        shown_as: &Presentation,
        expires_at: Timestamp,
    ) -> Result<String, Error> {
        let signing_key = self.key().await?;
        let LinkSettings { url, key_id, .. } = &self.settings;
        let Presentation { content_type, disposition, .. } = shown_as;
        let [cache_control, disposition, content_type] =
            [CACHE_CONTROL, disposition, content_type].map(|value| utf8_percent_encode(value, ENCODED));
        // Keys are written as they are: `keys.rs` says of which letters they consist.
        let resource = format!(
            "{url}/{key}?response-cache-control={cache_control}\
             &response-content-disposition={disposition}&response-content-type={content_type}"
        );
        let expires_s = expires_at.0 / 1000;
        let signature: DerSignature = signing_key.sign(policy(&resource, expires_s).as_bytes());
        let signature = in_letters_of_urls(signature.as_bytes());
        Ok(format!(
            "{resource}&Expires={expires_s}&Signature={signature}&Key-Pair-Id={key_id}&Hash-Algorithm=SHA256"
        ))
    }

    async fn key(&self) -> Result<&SigningKey, Error> {
        let LinkSettings { key: place, .. } = &self.settings;
        let read = async {
            let pem = Box::pin(place.read(&self.calls)).await;
            let pem = pem.map_err(|problem| Error::link_key(place, problem.to_string()))?;
            parse(&pem).ok_or_else(|| Error::link_key(place, "it holds no P-256 key in PEM"))
        };
        self.key.0.get_or_try_init(|| read).await
    }
}

/// What is signed: to the letter what CloudFront makes of the link, so without a space.
fn policy(resource: &str, expires_s: u64) -> String {
    format!(
        r#"{{"Statement":[{{"Resource":"{resource}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires_s}}}}}}}]}}"#
    )
}

/// CloudFront's own alphabet for base64.
fn in_letters_of_urls(bytes: &[u8]) -> String {
    STANDARD.encode(bytes).replace('+', "-").replace('=', "_").replace('/', "~")
}

fn parse(pem: &str) -> Option<SigningKey> {
    let pem = pem.trim();
    let key = if pem.starts_with(SEC1) {
        SecretKey::from_sec1_pem(pem).ok()?
    } else {
        SecretKey::from_pkcs8_pem(pem).ok()?
    };
    Some(key.into())
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::Signature;

    use super::*;

    /// The key of RFC 6979, A.2.5, as `openssl pkcs8 -topk8 -nocrypt` writes it.
    const PKCS8_PEM: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgya+p2EW6dRZrXCFX
Z7HWk05Qw9s26JsSe4piKxIPZyGhRANCAARg/tS6JVqdMclh63TGNW1owEm4kjth
+mzmaWIuYPKftnkD/hAIuLyZpBrp6VYovGTy8bIMLX6fUXejwpTURiKZ
-----END PRIVATE KEY-----";

    /// The same as `openssl ec` writes it.
    const SEC1_PEM: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIMmvqdhFunUWa1whV2ex1pNOUMPbNuibEnuKYisSD2choAoGCCqGSM49
AwEHoUQDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Z5A/4QCLi8
maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==
-----END EC PRIVATE KEY-----";

    #[test]
    fn signatures_are_those_of_rfc_6979_whoever_makes_them() {
        for pem in [PKCS8_PEM, SEC1_PEM, &format!("\n{PKCS8_PEM}\n")] {
            let signature: Signature = parse(pem).unwrap().sign(b"sample");
            let r = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
            let s = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
            assert_eq!(format!("{signature:x}"), format!("{r}{s}"));
        }
    }

    #[test]
    fn what_is_no_key_of_the_curve_is_none() {
        let short = PKCS8_PEM.replacen("MIG", "MIH", 1);
        for no_key in ["", "hunter2", SEC1, short.as_str()] {
            assert!(parse(no_key).is_none(), "{no_key}");
        }
    }

    #[test]
    fn a_policy_has_no_space_and_a_signature_no_letter_that_urls_would_encode() {
        assert_eq!(
            policy("https://d1.cloudfront.net/a?b=c%20d", 1_800_000_900),
            r#"{"Statement":[{"Resource":"https://d1.cloudfront.net/a?b=c%20d","Condition":{"DateLessThan":{"AWS:EpochTime":1800000900}}}]}"#
        );
        assert_eq!(in_letters_of_urls(&[0xfb, 0xef, 0xff, 0xff]), "--~~~w__");
    }
}
