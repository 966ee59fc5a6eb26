//! `Authorization: X-Matrix`: what is written is read back, by whomever it was written.

use std::sync::LazyLock;

use media_core::mxc::parse_server_name;
use outbound::{
    signing::SigningKey,
    x_matrix::{Credentials, parse},
};

/// The specification's example key (appendices, "Cryptographic test vectors").
static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    SigningKey::parse("ed25519 1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1").expect("the example is a key")
});

/// Takes the text as a header, and its lines as two servers and what one asks of the other.
///
/// # Panics
/// When something does not hold.
pub fn hold(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    what_is_read_can_be_written(text);
    let mut lines = text.splitn(3, '\n');
    if let (Some(origin), Some(destination)) = (lines.next(), lines.next()) {
        what_we_sign_is_read_back(origin, destination, lines.next().unwrap_or_default());
        any_values_are_read_back(origin, destination, lines.next().unwrap_or_default());
    }
}

/// Credentials that were read mean the same when they are written and read again: alone, joined by a proxy, and
/// between other schemes.
///
/// # Panics
/// When it does not hold.
pub fn what_is_read_can_be_written(header: &str) {
    let Ok(found) = parse(header) else { return };
    for credentials in &found {
        assert_eq!(parse(&credentials.to_string()).as_deref(), Ok(std::slice::from_ref(credentials)));
    }
    let written: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(parse(&written.join(",")), Ok(found.clone()));
    assert_eq!(parse(&format!("Bearer abc, {}, Basic YTpi", written.join(" , "))), Ok(found));
}

/// Whatever stands in the values: quotes, commas, the beginning of other credentials.
///
/// # Panics
/// When it does not hold.
pub fn any_values_are_read_back(destination: &str, key: &str, sig: &str) {
    let credentials = Credentials {
        origin: parse_server_name("a.test").expect("it is one"),
        destination: (!destination.is_empty()).then(|| destination.to_owned()),
        key: key.to_owned(),
        sig: sig.to_owned(),
    };
    assert_eq!(parse(&credentials.to_string()), Ok(vec![credentials]));
}

/// The header that we send says what was signed, if there can be such a request at all: of a path.
///
/// # Panics
/// When it does not hold.
pub fn what_we_sign_is_read_back(origin: &str, destination: &str, target: &str) {
    let (Ok(from), Ok(to)) = (parse_server_name(origin), parse_server_name(destination)) else { return };
    let Ok(header) = KEY.authorize_get(&from, &to, target) else { return };
    assert!(target.starts_with('/'), "{target:?} is signed");
    let found = parse(header.to_str().expect("it is ASCII")).expect("it can be read");
    let [credentials] = &found[..] else { panic!("{found:?} is not one signature") };
    assert_eq!(credentials.origin, origin);
    assert_eq!(credentials.destination.as_deref(), Some(destination));
    assert_eq!(credentials.key, "ed25519:1");
    assert_eq!(credentials.sig.len(), 86, "an Ed25519 signature in base64 without padding");
}
