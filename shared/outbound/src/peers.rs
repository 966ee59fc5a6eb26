//! Other servers: found, fenced, and asked.

use std::{fmt, net::SocketAddr, sync::Arc};

use http::HeaderValue;
use ipnet::IpNet;
use media_core::{Clock, ServerName};
use reqwest::{Response, header};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::{
    Fence, SetupError, Trust, Unreachable,
    client::Clients,
    discovery::{Destination, Discovery},
    links::{Links, Schemes},
    reply::reason,
    resolver::Resolver,
    well_known::WellKnown,
};

/// Speaks to other servers. Cheap to clone; clones share connections and what they have learned.
#[derive(Clone)]
pub struct Peers {
    discovery: Discovery,
    links: Links,
}

/// How other servers are spoken to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Private networks that may be contacted all the same.
    pub allowed_networks: Vec<IpNet>,
    /// Whom to ask for addresses; the system's name servers (and its hosts file) when empty.
    pub name_servers: Vec<SocketAddr>,
    /// Where a `.well-known` is asked for: 443, but for tests.
    pub well_known_port: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self { allowed_networks: Vec::new(), name_servers: Vec::new(), well_known_port: 443 }
    }
}

impl Peers {
    /// Sets up what is needed to find others; nobody is asked yet.
    ///
    /// # Errors
    /// [`SetupError::Dns`] when the system's resolver configuration cannot be read.
    pub fn new(settings: Settings, trust: Trust, clock: Clock) -> Result<Self, SetupError> {
        let resolver = Resolver::new(&settings.name_servers, Fence::new(settings.allowed_networks))?;
        let links = Links { resolver: Arc::new(resolver), clients: Arc::new(Clients::new(trust)) };
        let well_known = WellKnown::new(links.clone(), settings.well_known_port, clock.clone());
        let discovery = Discovery::new(links.resolver.clone(), well_known, clock);
        Ok(Self { discovery, links })
    }

    /// Where `server` is.
    ///
    /// # Errors
    /// [`Unreachable`] when it cannot be found, or may not be contacted.
    pub async fn find(&self, server: &ServerName) -> Result<Arc<Destination>, Unreachable> {
        self.discovery.find(server).await
    }

    /// Gets `target`, a path with its query, of `server`. All of it, the reply's body included, is over by `deadline`.
    /// Redirects are not followed; the URL that comes back is what a relative one would be relative to.
    pub(crate) async fn get(
        &self,
        server: &ServerName,
        target: &str,
        authorization: Option<HeaderValue>,
        deadline: Instant,
    ) -> Result<(Url, Response), Unreachable> {
        let exchange = async {
            let destination = self.find(server).await?;
            let url = destination.url(target)?;
            let base = destination.with_port(url.clone());
            let mut request = self.links.clients.get(url, &destination.addresses, deadline)?;
            request = request.header(header::HOST, &destination.host_header);
            if let Some(authorization) = authorization {
                request = request.header(header::AUTHORIZATION, authorization);
            }
            let response = request.send().await;
            let response =
                response.map_err(|error| Unreachable::Failed(format!("{server}: {}", reason(&error))))?;
            Ok((base, response))
        };
        timeout_at(deadline, exchange)
            .await
            .unwrap_or_else(|_| Err(Unreachable::Failed(format!("{server}: it took too long"))))
    }

    /// Gets what a URL leads to that a server has told us, without telling who we are.
    pub(crate) async fn follow(&self, url: Url, deadline: Instant) -> Result<Response, Unreachable> {
        self.links.get(url, Schemes::HttpAndHttps, deadline).await
    }
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers").finish_non_exhaustive()
    }
}
