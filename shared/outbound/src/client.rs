//! One HTTP exchange with checked addresses, and no others.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use moka::sync::Cache;
use reqwest::{
    Client, ClientBuilder, Method, RequestBuilder,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use tokio::time::Instant;
use url::{Host, Url};

use crate::{
    SetupError, Trust, Unreachable,
    limits::{CACHED_CLIENTS, CLIENT_IDLE, CONNECT_TIME, CONNECTION_IDLE, IDLE_CONNECTIONS, IDLE_TIME},
    reply::reason,
};

/// HTTP clients, each pinned to one set of addresses, so that connections are used again.
pub(crate) struct Clients {
    trust: Trust,
    built: Cache<Arc<[SocketAddr]>, Client>,
}

impl Clients {
    pub(crate) fn new(trust: Trust) -> Self {
        let built = Cache::builder().max_capacity(CACHED_CLIENTS).time_to_idle(CLIENT_IDLE).build();
        Self { trust, built }
    }

    /// A request of `url` that will connect to one of `addresses`, which the caller has checked, and be over by `deadline`,
    /// its body included.
    pub(crate) fn request(
        &self,
        method: Method,
        url: Url,
        addresses: &[SocketAddr],
        deadline: Instant,
    ) -> Result<RequestBuilder, Unreachable> {
        if !is_dialled_as_checked(&url, addresses) {
            return Err(Unreachable::Failed("the host is an IP address in disguise".to_owned()));
        }
        let client = match self.built.get(addresses) {
            Some(client) => client,
            None => self.build(addresses.into())?,
        };
        Ok(client.request(method, url).timeout(deadline.saturating_duration_since(Instant::now())))
    }

    fn build(&self, addresses: Arc<[SocketAddr]>) -> Result<Client, Unreachable> {
        let client = builder(&self.trust, IDLE_TIME)
            .dns_resolver(Pinned(addresses.clone()))
            .build()
            .map_err(|error| Unreachable::Failed(reason(&error)))?;
        self.built.insert(addresses, client.clone());
        Ok(client)
    }
}

/// A client that resolves names as the system does and asks no fence: for the operator's own homeserver.
pub(crate) fn unfenced(trust: &Trust, idle_time: Duration) -> Result<Client, SetupError> {
    builder(trust, idle_time).build().map_err(|error| SetupError::Http(reason(&error)))
}

fn builder(trust: &Trust, idle_time: Duration) -> ClientBuilder {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one door; `Clients` pins what goes through it"
    )]
    Client::builder()
        .tls_backend_preconfigured(trust.client_config())
        .user_agent(concat!("matrix-media-repository/", env!("CARGO_PKG_VERSION")))
        .http1_only()
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIME)
        .read_timeout(idle_time)
        .pool_idle_timeout(CONNECTION_IDLE)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
}

/// A resolver that knows one answer to every question.
struct Pinned(Arc<[SocketAddr]>);

impl Resolve for Pinned {
    fn resolve(&self, _name: Name) -> Resolving {
        let addresses = Vec::from(&*self.0);
        let addresses: Addrs = Box::new(addresses.into_iter());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

/// A host that a URL takes for an IP address never reaches our resolver, and a URL takes more for an address than the DNS
/// does: `0x7f.1` is one, though it resolves as a name.
fn is_dialled_as_checked(url: &Url, addresses: &[SocketAddr]) -> bool {
    let literal = match url.host() {
        Some(Host::Domain(_)) => return !addresses.is_empty(),
        Some(Host::Ipv4(ip)) => ip.into(),
        Some(Host::Ipv6(ip)) => ip.into(),
        None => return false,
    };
    url.port_or_known_default().is_some_and(|port| addresses.contains(&SocketAddr::new(literal, port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, address: &str, expected: bool) {
        let url = Url::parse(url).unwrap();
        assert_eq!(is_dialled_as_checked(&url, &[address.parse().unwrap()]), expected, "{url} {address}");
    }

    #[test]
    fn addresses_in_disguise_are_not_dialled() {
        check("https://example.org/", "1.1.1.1:8448", true);
        check("https://1.1.1.1/", "1.1.1.1:443", true);
        check("https://1.1.1.1:8448/", "1.1.1.1:8448", true);
        check("https://1.1.1.1:8448/", "1.1.1.1:443", false);
        check("https://[2606::1]:1/", "[2606::1]:1", true);
        for disguised in ["https://0x7f.1/", "https://2130706433/", "https://127.1/", "https://017700000001/"]
        {
            check(disguised, "1.1.1.1:443", false);
        }
    }
}
