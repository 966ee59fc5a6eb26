//! `Authorization: X-Matrix …`: written so that everybody reads it, read as patiently as the specification asks
//! (server-server API, "Request authentication").

use std::fmt;

use media_core::{OwnedServerName, mxc::parse_server_name};

use crate::looks;

/// What one signature claims. Its `Display` is the header's value, which [`parse`] reads back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Who says to have signed.
    pub origin: OwnedServerName,
    /// For whom, as it was sent. Absent in requests of servers older than version 1.3.
    pub destination: Option<String>,
    /// The id of the key, such as `ed25519:1`, as it was sent.
    pub key: String,
    /// The signature, in base64 if it is one.
    pub sig: String,
}

/// Every value is quoted, as some receivers want it, and nothing stands around the commas.
impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "X-Matrix origin={}", Quoted(self.origin.as_str()))?;
        if let Some(destination) = &self.destination {
            write!(f, ",destination={}", Quoted(destination))?;
        }
        write!(f, ",key={},sig={}", Quoted(&self.key), Quoted(&self.sig))
    }
}

/// Reads every X-Matrix signature of one header; other schemes are passed over.
///
/// Several may stand in one value, since some proxies join repeated headers with commas. Names and the scheme are read
/// in any case, parameters in any order, values quoted or not, and unknown parameters are ignored.
///
/// # Errors
/// What is wrong, as the end of a sentence.
pub fn parse(header: &str) -> Result<Vec<Credentials>, &'static str> {
    let mut found = Vec::new();
    let mut params: Option<Params> = None;
    for item in items(header) {
        let mut param = item;
        if let Some((scheme, rest)) = scheme(item) {
            found.extend(params.take().map(Params::finish).transpose()?);
            params = scheme.eq_ignore_ascii_case("x-matrix").then(Params::default);
            param = rest;
        }
        if let Some(params) = params.as_mut().filter(|_| !param.is_empty()) {
            params.add(param)?;
        }
    }
    found.extend(params.map(Params::finish).transpose()?);
    Ok(found)
}

#[derive(Default)]
struct Params {
    origin: Option<String>,
    destination: Option<String>,
    key: Option<String>,
    sig: Option<String>,
}

impl Params {
    fn add(&mut self, param: &str) -> Result<(), &'static str> {
        let (name, value) = param.split_once('=').ok_or("has a parameter without a value")?;
        let slot = match name.trim().to_ascii_lowercase().as_str() {
            "origin" => &mut self.origin,
            "destination" => &mut self.destination,
            "key" => &mut self.key,
            "sig" => &mut self.sig,
            _ => return Ok(()),
        };
        if slot.replace(unquoted(value.trim())?).is_some() {
            return Err("says a parameter twice");
        }
        Ok(())
    }

    fn finish(self) -> Result<Credentials, &'static str> {
        let origin = self.origin.ok_or("does not say its `origin`")?;
        Ok(Credentials {
            origin: parse_server_name(&origin).map_err(|_| "has an `origin` that is no server name")?,
            destination: self.destination,
            key: self.key.ok_or("does not say its `key`")?,
            sig: self.sig.ok_or("has no `sig`")?,
        })
    }
}

/// The pieces between commas that stand outside quotes, without the blanks around them.
fn items(header: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(header);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = comma_outside_quotes(text);
        rest = end.map(|at| &text[at + 1..]);
        Some(text[..end.unwrap_or(text.len())].trim())
    })
}

fn comma_outside_quotes(text: &str) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.bytes().position(|byte| {
        looks::at(1);
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b',' => return !is_quoted,
            _ => {}
        }
        false
    })
}

/// The scheme with which an item begins new credentials, and what follows it: a word, blanks, and no `=` after them.
fn scheme(item: &str) -> Option<(&str, &str)> {
    let (word, rest) = item.split_once([' ', '\t']).unwrap_or((item, ""));
    let rest = rest.trim_start();
    let is_scheme = !word.contains(['=', '"']) && !rest.starts_with('=');
    (is_scheme && !word.is_empty()).then_some((word, rest))
}

/// A quoted string's content, or the value as it stands.
fn unquoted(value: &str) -> Result<String, &'static str> {
    let Some(quoted) = value.strip_prefix('"') else {
        return Ok(value.to_owned());
    };
    let mut text = String::new();
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if letters.as_str().is_empty() => return Ok(text),
            '"' => break,
            '\\' => text.extend(letters.next()),
            other => text.push(other),
        }
    }
    Err("has a quoted value that does not end where it should")
}

/// A quoted string (RFC 9110 section 5.6.4), which [`unquoted`] reads back.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(origin: &str, destination: Option<&str>) -> Credentials {
        Credentials {
            origin: parse_server_name(origin).unwrap(),
            destination: destination.map(ToOwned::to_owned),
            key: "ed25519:1".to_owned(),
            sig: "YWJj".to_owned(),
        }
    }

    #[test]
    fn every_form_in_use_is_read() {
        let plain = credentials("a.test", Some("b.test"));
        for header in [
            r#"X-Matrix origin="a.test",destination="b.test",key="ed25519:1",sig="YWJj""#,
            "X-Matrix origin=a.test,destination=b.test,key=ed25519:1,sig=YWJj",
            r#"x-matrix   sig="YWJj" ,	key="ed25519:1", DESTINATION="b.test",Origin="a.test""#,
            r#"X-Matrix origin="a\.test",destination = "b.test",key="ed25519:1",sig="YWJj",new="x,y\"z""#,
            "Bearer abc, X-Matrix origin=a.test,destination=b.test,key=ed25519:1,sig=YWJj,Basic eHl6",
            "X-Matrix origin=a.test,destination=b.test,key=ed25519:1,sig=YWJj,",
        ] {
            assert_eq!(parse(header), Ok(vec![plain.clone()]), "{header}");
        }
        assert_eq!(
            parse(r#"X-Matrix origin="a.test:80",key="ed25519:1",sig="YWJj""#),
            Ok(vec![credentials("a.test:80", None)])
        );
    }

    #[test]
    fn joined_headers_are_taken_apart() {
        let header = r#"X-Matrix origin=a.test,key="ed25519:1",sig="YWJj", X-Matrix origin=c.test,key="ed25519:1",sig=YWJj"#;
        assert_eq!(parse(header), Ok(vec![credentials("a.test", None), credentials("c.test", None)]));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let plain = credentials("a.test:80", Some("b.test"));
        assert_eq!(
            plain.to_string(),
            r#"X-Matrix origin="a.test:80",destination="b.test",key="ed25519:1",sig="YWJj""#
        );
        let odd = Credentials { key: "a,\"b\\ X-Matrix".to_owned(), ..credentials("a.test", None) };
        assert_eq!(parse(&format!("{plain}, {odd}")), Ok(vec![plain, odd]));
    }

    #[test]
    fn each_byte_is_looked_at_once_however_many_pieces_there_are() {
        for piece in [",", "a", "\"", "\\", "X-Matrix ", "a=\"\\\",\",", "sig=,"] {
            let header = piece.repeat(1000);
            let looks = looks::during(|| assert!(items(&header).count() > 0));
            assert_eq!(looks, header.len(), "{piece}");
        }
    }

    #[test]
    fn other_schemes_are_passed_over() {
        for header in ["", "Bearer abc", "Basic YWJjOmRlZg==", "origin=a.test,key=k,sig=s", ",,"] {
            assert_eq!(parse(header), Ok(vec![]), "{header}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for header in [
            "X-Matrix",
            "X-Matrix origin=a.test,key=k",
            "X-Matrix origin=a.test,sig=s",
            "X-Matrix key=k,sig=s",
            "X-Matrix origin=a.test,origin=a.test,key=k,sig=s",
            "X-Matrix origin=\"a.test,key=k,sig=s",
            "X-Matrix origin=\"a.test\"x,key=k,sig=s",
            "X-Matrix origin=a/b,key=k,sig=s",
            "X-Matrix origin=,key=k,sig=s",
        ] {
            assert!(parse(header).is_err(), "{header}");
        }
    }
}
