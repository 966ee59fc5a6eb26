//! Other servers: found, fenced, and asked.

use std::{fmt, net::SocketAddr, sync::Arc};

use http::HeaderValue;
use ipnet::IpNet;
use media_core::{Clock, OwnedServerName, ServerName};
use reqwest::{Method, RequestBuilder, Response, header};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::{
    Fence, Memory, SetupError, Trust, Unreachable,
    back_off::BackOff,
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
    memory: Arc<dyn Memory>,
    back_off: BackOff,
    notaries: Arc<[OwnedServerName]>,
}

/// How other servers are spoken to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Private networks that may be contacted all the same.
    pub allowed_networks: Vec<IpNet>,
    /// Whom to ask for addresses; the system's name servers (and its hosts file) when empty.
    pub name_servers: Vec<SocketAddr>,
    /// Whom to believe, in this order, about the keys of a server that cannot be asked itself.
    pub notaries: Vec<OwnedServerName>,
    /// Where a `.well-known` is asked for: 443, but for tests.
    pub well_known_port: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allowed_networks: Vec::new(),
            name_servers: Vec::new(),
            notaries: Vec::new(),
            well_known_port: 443,
        }
    }
}

impl Peers {
    /// Sets up what is needed to find others; nobody is asked yet. `memory` is what other processes of ours know.
    ///
    /// # Errors
    /// [`SetupError::Dns`] when the system's resolver configuration cannot be read.
    pub fn new(
        settings: Settings,
        trust: Trust,
        memory: Arc<dyn Memory>,
        clock: Clock,
    ) -> Result<Self, SetupError> {
        let resolver = Resolver::new(&settings.name_servers, Fence::new(settings.allowed_networks))?;
        let links = Links { resolver: Arc::new(resolver), clients: Arc::new(Clients::new(trust)) };
        let well_known = WellKnown::new(links.clone(), settings.well_known_port, clock.clone());
        let back_off = BackOff::new(memory.clone(), clock.clone());
        let discovery = Discovery::new(links.resolver.clone(), well_known, clock);
        Ok(Self { discovery, links, memory, back_off, notaries: settings.notaries.into() })
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
            let (base, mut request) = self.request(Method::GET, server, target, deadline).await?;
            if let Some(authorization) = authorization {
                request = request.header(header::AUTHORIZATION, authorization);
            }
            Ok((base, send(server, request).await?))
        };
        in_time(server, exchange, deadline).await
    }

    /// Posts JSON to `target` of `server`, without saying who asks; otherwise as [`Peers::get`].
    pub(crate) async fn post_json(
        &self,
        server: &ServerName,
        target: &str,
        body: &Value,
        deadline: Instant,
    ) -> Result<Response, Unreachable> {
        let exchange = async {
            let (_, request) = self.request(Method::POST, server, target, deadline).await?;
            send(server, request.json(body)).await
        };
        in_time(server, exchange, deadline).await
    }

    /// A request to wherever `server` is, addressed to it; and the URL that a relative one would be relative to.
    async fn request(
        &self,
        method: Method,
        server: &ServerName,
        target: &str,
        deadline: Instant,
    ) -> Result<(Url, RequestBuilder), Unreachable> {
        let destination = self.find(server).await?;
        let url = destination.url(target)?;
        let base = destination.with_port(url.clone());
        let request = self.links.clients.request(method, url, &destination.addresses, deadline)?;
        Ok((base, request.header(header::HOST, &destination.host_header)))
    }

    /// Gets what a URL leads to that a server has told us, without telling who we are.
    pub(crate) async fn follow(&self, url: Url, deadline: Instant) -> Result<Response, Unreachable> {
        self.links.get(url, Schemes::HttpAndHttps, deadline).await
    }

    /// What other processes of ours know.
    pub(crate) fn memory(&self) -> &dyn Memory {
        &*self.memory
    }

    /// Whom to leave alone.
    pub(crate) fn back_off(&self) -> &BackOff {
        &self.back_off
    }

    /// Whom to believe about the keys of others.
    pub(crate) fn notaries(&self) -> &[OwnedServerName] {
        &self.notaries
    }
}

async fn send(server: &ServerName, request: RequestBuilder) -> Result<Response, Unreachable> {
    request.send().await.map_err(|error| Unreachable::Failed(format!("{server}: {}", reason(&error))))
}

async fn in_time<T>(
    server: &ServerName,
    exchange: impl Future<Output = Result<T, Unreachable>>,
    deadline: Instant,
) -> Result<T, Unreachable> {
    timeout_at(deadline, exchange)
        .await
        .unwrap_or_else(|_| Err(Unreachable::Failed(format!("{server}: it took too long"))))
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers").finish_non_exhaustive()
    }
}
