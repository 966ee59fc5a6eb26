//! `mxc://` names: parsed once at the door, trusted after.

use std::{fmt, str::FromStr};

use rand::RngExt as _;
use ruma_common::{OwnedServerName, ServerName};

/// The longest media id that is accepted, in bytes. The specification names no limit; the closed MSC2703 said 255.
pub const MAX_MEDIA_ID_BYTES: usize = 255;

/// The longest server name that is accepted, in bytes, as the specification recommends (appendices, "Server Name").
pub const MAX_SERVER_NAME_BYTES: usize = 230;

/// The longest port of a server name, in digits (appendices, "Server Name").
const MAX_PORT_DIGITS: usize = 5;

/// Characters of a media id made here: 24 of 64 letters are 144 bits, since on the legacy paths the id is the only secret.
const NEW_MEDIA_ID_CHARS: usize = 24;

const MEDIA_ID_ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The name of one piece of media: the server it comes from and that server's id for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mxc {
    /// The server that owns the media, its *origin*.
    pub origin: OwnedServerName,
    /// The origin's name for it.
    pub media_id: MediaId,
}

impl Mxc {
    /// Reads the two path segments of a request, each percent-decoded exactly once.
    ///
    /// The specification (content repository, "Security considerations") demands an allow-list of characters before
    /// either is used for anything.
    pub fn parse(origin: &str, media_id: &str) -> Result<Self, MxcError> {
        Ok(Self { origin: parse_server_name(origin)?, media_id: media_id.parse()? })
    }

    /// A name that nobody has used: `origin` is ours, the id is random.
    #[must_use]
    pub fn new_on(origin: &ServerName) -> Self {
        Self { origin: origin.to_owned(), media_id: MediaId::random() }
    }
}

impl fmt::Display for Mxc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mxc://{}/{}", self.origin, self.media_id)
    }
}

impl FromStr for Mxc {
    type Err = MxcError;

    fn from_str(uri: &str) -> Result<Self, MxcError> {
        let (origin, media_id) =
            uri.strip_prefix("mxc://").and_then(|rest| rest.split_once('/')).ok_or(MxcError::NotAnMxcUri)?;
        Self::parse(origin, media_id)
    }
}

/// A media id: 1 to [`MAX_MEDIA_ID_BYTES`] of `A-Z a-z 0-9 _ -` (appendices, "Matrix Content (mxc://) URIs").
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaId(String);

impl MediaId {
    /// An id that cannot be guessed.
    #[must_use]
    pub fn random() -> Self {
        Self(random_name(NEW_MEDIA_ID_CHARS))
    }

    /// The id as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for MediaId {
    type Err = MxcError;

    fn from_str(id: &str) -> Result<Self, MxcError> {
        let legal = (1..=MAX_MEDIA_ID_BYTES).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if legal { Ok(Self(id.to_owned())) } else { Err(MxcError::ImpossibleMediaId) }
    }
}

/// Why a name is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MxcError {
    /// Not of the form `mxc://server/id`.
    #[error("this is not an mxc:// URI")]
    NotAnMxcUri,
    /// Not a server name by the grammar, or longer than [`MAX_SERVER_NAME_BYTES`].
    #[error("this is not a valid server name")]
    ImpossibleServerName,
    /// Not a media id by the grammar, or longer than [`MAX_MEDIA_ID_BYTES`].
    #[error("this is not a valid media id")]
    ImpossibleMediaId,
}

/// `chars` random characters of `A-Z a-z 0-9 _ -`, for ids, object keys and lease holders: 6 bits of chance each.
#[must_use]
pub fn random_name(chars: usize) -> String {
    let mut rng = rand::rng();
    (0..chars).map(|_| char::from(MEDIA_ID_ALPHABET[rng.random_range(0..MEDIA_ID_ALPHABET.len())])).collect()
}

/// A server name by the grammar of the appendices, no longer than [`MAX_SERVER_NAME_BYTES`].
///
/// Dots alone pass that grammar as a "dns-name" but name no host, so they are refused here. So is what ruma's parser
/// takes for a port and the grammar does not.
pub fn parse_server_name(name: &str) -> Result<OwnedServerName, MxcError> {
    if name.len() > MAX_SERVER_NAME_BYTES || has_empty_label(name) || has_odd_port(name) {
        return Err(MxcError::ImpossibleServerName);
    }
    <&ServerName>::try_from(name).map(ToOwned::to_owned).map_err(|_| MxcError::ImpossibleServerName)
}

fn has_empty_label(name: &str) -> bool {
    name.starts_with('.') || name.contains("..")
}

/// A port is 1 to 5 digits: no sign before them, no zeros to any length.
fn has_odd_port(name: &str) -> bool {
    let after_brackets = name.rsplit_once(']').map_or(name, |(_, rest)| rest);
    after_brackets.split_once(':').is_some_and(|(_, port)| {
        port.is_empty() || port.len() > MAX_PORT_DIGITS || !port.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_the_grammar_are_read() {
        for (origin, id) in [
            ("example.org", "abc"),
            ("example.org:8448", "A-z_0"),
            ("127.0.0.1", "x"),
            ("[2001:db8::1]:99", "x"),
        ] {
            let mxc = Mxc::parse(origin, id).unwrap();
            assert_eq!(mxc.to_string(), format!("mxc://{origin}/{id}"));
            assert_eq!(mxc.to_string().parse::<Mxc>().unwrap(), mxc);
        }
    }

    #[test]
    fn impossible_ids_are_refused() {
        for id in ["", ".", "..", "a/b", "a.b", "a%2Fb", "a\0", "ä", " ", &"a".repeat(256)] {
            assert_eq!(Mxc::parse("example.org", id), Err(MxcError::ImpossibleMediaId), "{id:?}");
        }
    }

    #[test]
    fn impossible_server_names_are_refused() {
        for name in
            ["", "a b", ".", "..", "a..b", "user@host", "[::1", "host:port", "host:99999", &"a".repeat(231)]
        {
            assert_eq!(Mxc::parse(name, "x"), Err(MxcError::ImpossibleServerName), "{name:?}");
        }
    }

    #[test]
    fn a_port_is_nothing_but_up_to_five_digits() {
        for name in
            ["host:+80", "host:-80", "host:000080", "[::1]:+80", "[::1]:0000000001", "host:", "host: 80"]
        {
            assert_eq!(Mxc::parse(name, "x"), Err(MxcError::ImpossibleServerName), "{name:?}");
        }
        for name in ["host:0", "host:00080", "host:65535", "[::1]:80"] {
            assert_eq!(Mxc::parse(name, "x").unwrap().origin.as_str(), name);
        }
    }

    #[test]
    fn new_ids_are_legal_and_differ() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| MediaId::random()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.as_str().parse::<MediaId>().is_ok()));
    }
}
