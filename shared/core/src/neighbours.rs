//! Which other servers we have to do with, as the operator decided.

use std::{fmt, str::FromStr};

use ruma_common::{OwnedServerName, ServerName};

use crate::{
    mxc::{MxcError, parse_server_name},
    refusal::Refusal,
};

/// The operator's lists. Nobody on either: everybody is welcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// The only ones we have to do with; empty is everybody.
    pub allowed: Vec<Pattern>,
    /// Those we have nothing to do with, though they be allowed.
    pub denied: Vec<Pattern>,
}

impl Neighbours {
    /// Whether a reader here may have the media of `origin`, another server, be it cached or not.
    ///
    /// Who is not allowed is named, as Synapse does for servers outside `federation_domain_whitelist`; who is denied is
    /// not: the media is answered like any that is not there (Synapse's `prevent_media_downloads_from`).
    ///
    /// # Errors
    /// [`Refusal::FederationDenied`] or [`Refusal::NotFound`].
    pub fn may_be_read(&self, origin: &ServerName) -> Result<(), Refusal> {
        if is_among(&self.denied, origin) {
            Err(Refusal::NotFound)
        } else if self.is_allowed(origin) {
            Ok(())
        } else {
            Err(Refusal::FederationDenied(origin.to_owned()))
        }
    }

    /// Whether `server`, another server, may ask us for anything.
    ///
    /// # Errors
    /// [`Refusal::FederationDenied`], for either list.
    pub fn may_ask(&self, server: &ServerName) -> Result<(), Refusal> {
        if self.is_allowed(server) && !is_among(&self.denied, server) {
            Ok(())
        } else {
            Err(Refusal::FederationDenied(server.to_owned()))
        }
    }

    fn is_allowed(&self, server: &ServerName) -> bool {
        self.allowed.is_empty() || is_among(&self.allowed, server)
    }
}

/// Whether a list has a server.
#[must_use]
pub fn is_among(list: &[Pattern], server: &ServerName) -> bool {
    list.iter().any(|pattern| pattern.is_of(server))
}

/// One name, or all names below one.
///
/// Names are compared as DNS does, where case and a last dot mean nothing: a server that is denied cannot be reached
/// under another spelling of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    host: String,
    port: Option<u16>,
    reaches: Reaches,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaches {
    /// This very server; with another port it is another.
    Itself,
    /// Every server whose host is below this one, on whatever port unless one is given.
    AllBelow,
}

impl Pattern {
    /// Whether this is one of the servers meant.
    #[must_use]
    pub fn is_of(&self, server: &ServerName) -> bool {
        let host = plain_host(server);
        match self.reaches {
            Reaches::Itself => host == self.host && server.port() == self.port,
            Reaches::AllBelow => {
                let below = host.strip_suffix(self.host.as_str()).and_then(|below| below.strip_suffix('.'));
                below.is_some_and(|below| !below.is_empty())
                    && (self.port.is_none() || server.port() == self.port)
            }
        }
    }
}

/// `example.org`, `example.org:8448` or `*.example.org`.
impl FromStr for Pattern {
    type Err = MxcError;

    fn from_str(text: &str) -> Result<Self, MxcError> {
        let (name, reaches) = match text.strip_prefix("*.") {
            Some(parent) => (parent, Reaches::AllBelow),
            None => (text, Reaches::Itself),
        };
        let name: OwnedServerName = parse_server_name(name)?;
        if reaches == Reaches::AllBelow && name.is_ip_literal() {
            return Err(MxcError::ImpossibleServerName);
        }
        Ok(Self { host: plain_host(&name), port: name.port(), reaches })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = if self.reaches == Reaches::AllBelow { "*." } else { "" };
        write!(f, "{below}{}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

fn plain_host(server: &ServerName) -> String {
    server.host().trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> OwnedServerName {
        parse_server_name(name).unwrap()
    }

    fn list(patterns: &[&str]) -> Vec<Pattern> {
        patterns.iter().map(|pattern| pattern.parse().unwrap()).collect()
    }

    fn check(pattern: &str, server: &str, is_meant: bool) {
        let pattern: Pattern = pattern.parse().unwrap();
        assert_eq!(pattern.is_of(&name(server)), is_meant, "{pattern} and {server}");
    }

    #[test]
    fn a_name_means_one_server_however_it_is_spelt() {
        check("example.org", "example.org", true);
        check("Example.ORG", "eXample.org", true);
        check("example.org", "example.org.", true);
        check("example.org.:8448", "example.org:8448", true);
        check("[::1]:80", "[::1]:80", true);
        check("example.org", "example.org:8448", false);
        check("example.org:8448", "example.org", false);
        check("example.org", "a.example.org", false);
        check("example.org", "notexample.org", false);
    }

    #[test]
    fn a_star_means_every_server_below_and_not_the_one_above() {
        check("*.example.org", "a.example.org", true);
        check("*.example.org", "A.b.Example.org.:8448", true);
        check("*.example.org", "example.org", false);
        check("*.example.org", "notexample.org", false);
        check("*.example.org", "example.org.evil.test", false);
        check("*.example.org:1", "a.example.org:1", true);
        check("*.example.org:1", "a.example.org", false);
    }

    #[test]
    fn what_is_no_name_is_no_pattern() {
        for text in ["", "*", "*.", "**.a", "a.*.b", "*a.b", "*.1.2.3.4", "a b", "*.*.a", "http://a"] {
            assert!(text.parse::<Pattern>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn without_lists_everybody_is_welcome() {
        let nobody_listed = Neighbours::default();
        assert_eq!(nobody_listed.may_be_read(&name("a.test")), Ok(()));
        assert_eq!(nobody_listed.may_ask(&name("a.test")), Ok(()));
    }

    #[test]
    fn who_is_not_allowed_is_named_and_who_is_denied_is_not_there() {
        let lists =
            Neighbours { allowed: list(&["*.good.test", "a.test"]), denied: list(&["bad.good.test"]) };
        let refused = |server: &str| Err(Refusal::FederationDenied(name(server)));
        for server in ["a.test", "x.good.test"] {
            assert_eq!(lists.may_be_read(&name(server)), Ok(()));
            assert_eq!(lists.may_ask(&name(server)), Ok(()));
        }
        assert_eq!(lists.may_be_read(&name("b.test")), refused("b.test"));
        assert_eq!(lists.may_ask(&name("b.test")), refused("b.test"));
        assert_eq!(lists.may_be_read(&name("bad.good.test")), Err(Refusal::NotFound));
        assert_eq!(lists.may_ask(&name("bad.good.test")), refused("bad.good.test"));
    }
}
