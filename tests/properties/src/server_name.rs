//! Server names and `mxc://` names: exactly what the grammar allows, less what names no host.

use std::net::Ipv6Addr;

use media_core::{
    MediaId, Mxc,
    mxc::{MAX_MEDIA_ID_BYTES, MAX_SERVER_NAME_BYTES, MxcError, parse_server_name},
};

/// Takes the text as a server name, as an `mxc://` name, and as what stands in one.
///
/// # Panics
/// When something does not hold.
pub fn hold(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    what_is_accepted_is_in_the_grammar(text);
    a_name_is_shown_as_it_was_written(text);
    let (origin, media_id) = text.split_once('/').unwrap_or((text, "id"));
    both_halves_decide(origin, media_id);
}

/// Accepted is what the grammar allows (appendices, "Server Name"), and of that all but four things: long names, ports
/// that no socket has, addresses that are none, and names with an empty label.
///
/// # Panics
/// When it does not hold.
pub fn what_is_accepted_is_in_the_grammar(name: &str) {
    let accepted = parse_server_name(name);
    let expected = host_and_port(name).is_some_and(|(host, port)| {
        let is_host = match host.strip_prefix('[') {
            Some(address) => address.trim_end_matches(']').parse::<Ipv6Addr>().is_ok(),
            None => host.strip_suffix('.').unwrap_or(host).split('.').all(|label| !label.is_empty()),
        };
        let is_port = port.is_none_or(|port| port.parse::<u32>().is_ok_and(|port| port <= 65535));
        name.len() <= MAX_SERVER_NAME_BYTES && is_host && is_port
    });
    assert_eq!(accepted.is_ok(), expected, "{name:?}");
    let Ok(accepted) = accepted else { return };
    assert_eq!(accepted.as_str(), name);
    let strange = |letter: char| !letter.is_ascii_alphanumeric() && !".-:[]".contains(letter);
    assert!(!name.contains(strange), "{name:?} could be more than a name in a URL, a header or a key");
}

/// # Panics
/// When it does not hold.
pub fn a_name_is_shown_as_it_was_written(uri: &str) {
    let Ok(mxc) = uri.parse::<Mxc>() else { return };
    assert_eq!(mxc.to_string(), uri);
    assert_eq!(Mxc::parse(mxc.origin.as_str(), mxc.media_id.as_str()), Ok(mxc));
}

/// An origin and an id make a name exactly when each would by itself.
///
/// # Panics
/// When it does not hold.
pub fn both_halves_decide(origin: &str, media_id: &str) {
    let is_id = (1..=MAX_MEDIA_ID_BYTES).contains(&media_id.len())
        && media_id.chars().all(|letter| matches!(letter, 'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-'));
    assert_eq!(media_id.parse::<MediaId>().is_ok(), is_id, "{media_id:?}");
    match Mxc::parse(origin, media_id) {
        Ok(mxc) => {
            assert!(is_id && parse_server_name(origin).is_ok());
            a_name_is_shown_as_it_was_written(&mxc.to_string());
            assert_eq!(mxc.to_string().parse(), Ok(mxc));
        }
        Err(MxcError::ImpossibleServerName) => assert!(parse_server_name(origin).is_err(), "{origin:?}"),
        Err(error) => assert!(!is_id, "{media_id:?}: {error}"),
    }
}

/// The grammar, written down once more:
///
/// ```text
/// server-name = hostname [ ":" 1*5DIGIT ]
/// hostname    = IPv4 / "[" 2*45( DIGIT / A-F / a-f / ":" / "." ) "]" / 1*255( ALPHA / DIGIT / "-" / "." )
/// ```
///
/// An IPv4 address is a dns-name by its letters.
fn host_and_port(name: &str) -> Option<(&str, Option<&str>)> {
    let end = if name.starts_with('[') { name.find(']')? + 1 } else { name.find(':').unwrap_or(name.len()) };
    let (host, rest) = name.split_at(end);
    let is_host = match host.strip_prefix('[') {
        Some(address) => {
            let address = address.strip_suffix(']')?;
            (2..=45).contains(&address.len())
                && address.chars().all(|letter| letter.is_ascii_hexdigit() || ":.".contains(letter))
        }
        None => {
            (1..=255).contains(&host.len())
                && host.chars().all(|letter| letter.is_ascii_alphanumeric() || "-.".contains(letter))
        }
    };
    let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
    let is_port = port.is_none_or(|port| {
        (1..=5).contains(&port.len()) && port.chars().all(|letter| letter.is_ascii_digit())
    });
    (is_host && is_port).then_some((host, port))
}
