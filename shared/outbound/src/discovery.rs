//! Where a server is: its name, turned into addresses (server-server API, "Resolving server names").

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use media_core::{Clock, OwnedServerName, ServerName, Timestamp};
use moka::future::Cache;
use url::{Position, Url};

use crate::{
    Unreachable,
    limits::{
        CACHED_SERVERS, DESTINATION_FAILURE_LIFE, DESTINATION_MAX_LIFE, DESTINATION_MIN_LIFE, MAX_ADDRESSES,
    },
    resolver::{Resolved, Resolver, Service, Target},
    well_known::WellKnown,
};

/// The port of a server that names none.
const DEFAULT_PORT: u16 = 8448;

/// The services that say where a server is, the present one and the deprecated one.
const SERVICES: [&str; 2] = ["_matrix-fed._tcp", "_matrix._tcp"];

/// Where to connect for a server, and as whom to address it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Addresses in the order in which they are to be tried; at least one, all of them past the fence.
    pub addresses: Vec<SocketAddr>,
    /// The `Host` header.
    pub host_header: String,
    /// For whom the certificate must be valid: a host name, or an IP address without brackets.
    pub tls_name: String,
}

/// Finds servers, and remembers where they are. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Discovery(Arc<Inner>);

struct Inner {
    resolver: Arc<Resolver>,
    well_known: WellKnown,
    clock: Clock,
    known: Cache<OwnedServerName, Known>,
}

#[derive(Clone)]
struct Known {
    destination: Result<Arc<Destination>, Unreachable>,
    expires_at: Timestamp,
}

impl Discovery {
    pub(crate) fn new(resolver: Arc<Resolver>, well_known: WellKnown, clock: Clock) -> Self {
        // The clock decides what has expired; the cache's own times are only the broom.
        let known = Cache::builder().max_capacity(CACHED_SERVERS).time_to_live(DESTINATION_MAX_LIFE).build();
        Self(Arc::new(Inner { resolver, well_known, clock, known }))
    }

    /// Where `server` is. One look-up at a time for each server; failures are remembered, too, but briefly.
    pub(crate) async fn find(&self, server: &ServerName) -> Result<Arc<Destination>, Unreachable> {
        let now = self.0.clock.now();
        self.0
            .known
            .entry(server.to_owned())
            .or_insert_with_if(Box::pin(self.0.look_up(server)), |known| known.expires_at <= now)
            .await
            .into_value()
            .destination
    }
}

impl Inner {
    async fn look_up(&self, server: &ServerName) -> Known {
        let (destination, life) = match self.resolve(server).await {
            Ok((destination, life)) => (Ok(Arc::new(destination)), life),
            Err(error) => (Err(error), DESTINATION_FAILURE_LIFE),
        };
        Known { destination, expires_at: self.clock.now() + life }
    }

    /// A name with a port, or an IP address, is where it says (steps 1 and 2). Any other may delegate, once (step 3); what
    /// it delegates to is resolved by the same rules, which is what steps 3.1 to 3.5 amount to.
    async fn resolve(&self, server: &ServerName) -> Result<(Destination, Duration), Unreachable> {
        let is_final = server.port().is_some() || server.is_ip_literal();
        let delegate = if is_final { None } else { self.well_known.delegate(server.host()).await };
        let server = delegate.as_deref().unwrap_or(server);
        let Resolved { addresses, valid_for } = self.addresses(server).await?;
        let destination = Destination {
            addresses,
            host_header: server.as_str().to_owned(),
            tls_name: tls_name(server).to_owned(),
        };
        Ok((destination, valid_for.clamp(DESTINATION_MIN_LIFE, DESTINATION_MAX_LIFE)))
    }

    /// Steps 1 and 2, or 4 to 6.
    async fn addresses(&self, server: &ServerName) -> Result<Resolved, Unreachable> {
        let host = tls_name(server);
        if server.is_ip_literal() || server.port().is_some() {
            return self.resolver.addresses(host, server.port().unwrap_or(DEFAULT_PORT)).await;
        }
        let mut is_certain = true;
        for service in SERVICES {
            match self.resolver.service(service, host).await {
                Service::At(targets, valid_for) => return self.targets(targets, valid_for).await,
                Service::None => {}
                Service::Unknown => is_certain = false,
            }
        }
        let mut resolved = self.resolver.addresses(host, DEFAULT_PORT).await?;
        if !is_certain {
            resolved.valid_for = DESTINATION_FAILURE_LIFE;
        }
        Ok(resolved)
    }

    /// The addresses of all SRV targets, one after the other. One that cannot be found is left out, one behind the fence
    /// refuses them all.
    async fn targets(&self, targets: Vec<Target>, mut valid_for: Duration) -> Result<Resolved, Unreachable> {
        let mut addresses = Vec::new();
        let mut failure = None;
        for target in targets {
            match self.resolver.addresses(&target.host, target.port).await {
                Ok(resolved) => {
                    addresses.extend(resolved.addresses);
                    valid_for = valid_for.min(resolved.valid_for);
                }
                Err(fenced @ Unreachable::Fenced(_)) => return Err(fenced),
                Err(failed) => failure = Some(failed),
            }
        }
        addresses.truncate(MAX_ADDRESSES);
        match failure {
            Some(failure) if addresses.is_empty() => Err(failure),
            _ => Ok(Resolved { addresses, valid_for }),
        }
    }
}

impl Destination {
    /// The URL of `target`, a path with its query, at this server.
    ///
    /// A host name stands there without a port: the addresses bring theirs along, and may differ in it.
    pub(crate) fn url(&self, target: &str) -> Result<Url, Unreachable> {
        let failed = || Unreachable::Failed(format!("{} cannot stand in a URL", self.tls_name));
        let base = match (self.tls_name.parse(), self.addresses.first()) {
            (Ok(ip), Some(address)) => format!("https://{}", SocketAddr::new(ip, address.port())),
            _ => format!("https://{}", self.tls_name),
        };
        let url = Url::parse(&base).and_then(|base| base.join(target)).map_err(|_| failed())?;
        // What is sent must be what was signed, to the byte.
        if url[Position::BeforePath..Position::AfterQuery] == *target { Ok(url) } else { Err(failed()) }
    }

    /// The same URL with the port of the first address, as others would have to write it.
    pub(crate) fn with_port(&self, mut url: Url) -> Url {
        // Refused only by URLs without a host, which these are not.
        let _ = url.set_port(self.addresses.first().map(SocketAddr::port));
        url
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery").finish_non_exhaustive()
    }
}

fn tls_name(server: &ServerName) -> &str {
    server.host().trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tls_name: &str, address: &str, target: &str, expected: Option<&str>) {
        let destination = Destination {
            addresses: vec![address.parse().unwrap()],
            host_header: String::new(),
            tls_name: tls_name.to_owned(),
        };
        let url = destination.url(target).ok();
        assert_eq!(url.as_ref().map(Url::as_str), expected);
    }

    #[test]
    fn a_url_says_exactly_the_target() {
        check("a.test", "1.1.1.1:8448", "/x?y=1", Some("https://a.test/x?y=1"));
        check("1.1.1.1", "1.1.1.1:8448", "/x", Some("https://1.1.1.1:8448/x"));
        check("2606::1", "[2606::1]:1", "/x", Some("https://[2606::1]:1/x"));
        for other in ["/a/../b", "/a b", "//b.test/x", "https://b.test/x", "/x#y", "x"] {
            check("a.test", "1.1.1.1:8448", other, None);
        }
        check("a..test", "1.1.1.1:8448", "/ä", None);
    }
}
