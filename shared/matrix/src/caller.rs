//! Who is counted: a user, or an address where there is none.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use axum::extract::{FromRef, FromRequestParts};
use http::{HeaderName, request::Parts};
use media_core::OwnedUserId;

/// Somebody who asks, for counting how often.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A user, wherever they are: people behind one address are not each other's fault.
    User(OwnedUserId),
    /// An address, or the 64-bit network of an IPv6 address: whoever has one has all of it.
    Address(IpAddr),
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => user.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Somebody without a token, on the old paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor(pub Caller);

/// The header in which a trusted proxy says whom it speaks for; `None`: whoever connects is the caller.
#[derive(Clone, Debug, Default)]
pub struct AddressHeader(pub Option<HeaderName>);

impl<S> FromRequestParts<S> for Visitor
where
    S: Send + Sync,
    AddressHeader: FromRef<S>,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let AddressHeader(header) = AddressHeader::from_ref(state);
        let said = header.and_then(|name| said_by_proxy(parts, &name));
        let connected = parts.extensions.get::<SocketAddr>().map(SocketAddr::ip);
        // Callers of whom nothing is known are counted together.
        let address = said.or(connected).unwrap_or(Ipv6Addr::UNSPECIFIED.into());
        Ok(Self(Caller::Address(counted_as(address))))
    }
}

/// The last address of the last such header: the one that the trusted proxy wrote itself. What stands before it may be
/// anybody's invention.
fn said_by_proxy(parts: &Parts, name: &HeaderName) -> Option<IpAddr> {
    let last = parts.headers.get_all(name).iter().next_back()?.to_str().ok()?;
    let last = last.rsplit(',').next()?.trim();
    // `CloudFront-Viewer-Address` brings a port along, and writes no brackets around an IPv6 address. A short port then
    // reads like the address's last group, which is not counted.
    let with_port = || last.parse::<SocketAddr>().ok().map(|address| address.ip());
    let without_brackets = || last.rsplit_once(':').and_then(|(address, _)| address.parse().ok());
    last.parse().ok().or_else(with_port).or_else(without_brackets)
}

fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn caller(header: Option<&'static str>, headers: &[&str]) -> String {
        let mut request = http::Request::get("/").extension(SocketAddr::from(([192, 0, 2, 1], 99)));
        for value in headers {
            request = request.header("x-forwarded-for", *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let header = AddressHeader(header.map(HeaderName::from_static));
        let Ok(Visitor(caller)) = Visitor::from_request_parts(&mut parts, &header).await;
        caller.to_string()
    }

    #[tokio::test]
    async fn a_header_is_believed_only_where_the_operator_says_so_and_only_its_last_address() {
        let forwarded = Some("x-forwarded-for");
        assert_eq!(caller(None, &["198.51.100.7"]).await, "192.0.2.1");
        assert_eq!(caller(forwarded, &["198.51.100.7"]).await, "198.51.100.7");
        assert_eq!(caller(forwarded, &["10.0.0.1, 198.51.100.7"]).await, "198.51.100.7");
        assert_eq!(caller(forwarded, &["10.0.0.1", "198.51.100.7:4711"]).await, "198.51.100.7");
        assert_eq!(caller(forwarded, &["nonsense"]).await, "192.0.2.1");
        assert_eq!(caller(forwarded, &[]).await, "192.0.2.1");
    }

    #[tokio::test]
    async fn an_ipv6_network_is_one_caller() {
        let forwarded = Some("x-forwarded-for");
        assert_eq!(caller(forwarded, &["2001:db8:1:2:3:4:5:6"]).await, "2001:db8:1:2::");
        assert_eq!(caller(forwarded, &["[2001:db8:1:2:9::1]:80"]).await, "2001:db8:1:2::");
        assert_eq!(caller(forwarded, &["2001:db8:1:2::c4a:42838"]).await, "2001:db8:1:2::");
        assert_eq!(caller(forwarded, &["2001:db8:1:2:3:4:5:6:8080"]).await, "2001:db8:1:2::");
        assert_eq!(caller(forwarded, &["::ffff:198.51.100.7"]).await, "198.51.100.7");
    }
}
