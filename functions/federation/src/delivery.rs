//! In the reply or by link, for each peer as it understands: who does not follow links is noticed and remembered.

use std::sync::Arc;

use http::{HeaderMap, Method, header};
use matrix::Peer;
use media_core::{
    Clock, MediaId, OwnedServerName, ServerName, Timestamp,
    limits::{CACHED_PEERS, LINK_MEMORY, LINKS_BELIEVED, NO_LINKS_MEMORY},
    neighbours::is_among,
    thumbnail::Shape,
};
use moka::future::Cache;
use runtime::{
    Deps,
    config::{self, Delivery},
};
use storage::{Ephemeral, Error, Outcome, ephemeral::Expiring};

/// How the `User-Agent` of a server begins that takes a link for an error.
const FOLLOWS_NO_LINKS: &str = "Dendrite/";

/// Knows who follows links. Cheap to clone; clones share what they know.
#[derive(Clone)]
pub(crate) struct Deliveries(Arc<Inner>);

struct Inner {
    settings: config::Federation,
    ephemeral: Ephemeral,
    clock: Clock,
    /// What is believed of each peer until when. It saves calls; the table decides.
    believed: Cache<OwnedServerName, Expiring<Follows>>,
}

/// What is believed of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follows {
    Links,
    NoLinks,
}

/// Who asks for what, and how.
pub(crate) struct Asking {
    peer: OwnedServerName,
    /// What is asked for, as a peer would ask for it again.
    item: String,
    only_head: bool,
    takes_no_links: bool,
}

impl Asking {
    /// `shape` is the thumbnail's, where one is asked for.
    pub(crate) fn new(
        Peer(peer): Peer,
        method: &Method,
        headers: &HeaderMap,
        media_id: &MediaId,
        shape: Option<Shape>,
    ) -> Self {
        let item = match shape {
            None => media_id.to_string(),
            Some(shape) => format!("{media_id}#{shape}"),
        };
        let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let takes_no_links = agent.is_some_and(|agent| agent.starts_with(FOLLOWS_NO_LINKS));
        Self { peer, item, only_head: method == Method::HEAD, takes_no_links }
    }
}

impl Deliveries {
    pub(crate) fn new(deps: &Deps) -> Self {
        Self(Arc::new(Inner {
            settings: deps.config.federation.clone(),
            ephemeral: deps.store.ephemeral.clone(),
            clock: deps.clock.clone(),
            believed: Cache::new(CACHED_PEERS),
        }))
    }

    /// How an object of `size_bytes` goes to whoever is asking.
    ///
    /// A link is given once for each item within [`LINK_MEMORY`]. Whoever asks for the same again did not follow it, gets
    /// the bytes, and gets them for everything else during [`NO_LINKS_MEMORY`].
    pub(crate) async fn choose(&self, asking: &Asking, size_bytes: u64) -> Delivery {
        let settings = &self.0.settings;
        if settings.delivery == Delivery::Inline {
            return Delivery::Inline;
        }
        if settings.inline_bytes.is_some_and(|most| size_bytes > most) {
            return Delivery::Redirect;
        }
        if asking.takes_no_links || is_among(&settings.inline_servers, &asking.peer) {
            return Delivery::Inline;
        }
        match self.0.follows(asking).await {
            Ok(Follows::Links) => Delivery::Redirect,
            Ok(Follows::NoLinks) => Delivery::Inline,
            // Whoever asks gets an answer whether or not this could be looked up or written down.
            Err(error) => {
                tracing::warn!(peer = %asking.peer, %error, "It is not known whether a server follows links");
                Delivery::Redirect
            }
        }
    }
}

impl Inner {
    async fn follows(&self, asking: &Asking) -> Result<Follows, Error> {
        let now = self.clock.now();
        if self.recall(&asking.peer, now).await? == Follows::NoLinks {
            return Ok(Follows::NoLinks);
        }
        // HEAD is given the link's headers, not the link.
        if asking.only_head {
            return Ok(Follows::Links);
        }
        let given = link_key(&asking.peer, &asking.item);
        match self.ephemeral.put_if_absent(&given, now, now + LINK_MEMORY).await? {
            Outcome::Won(()) => Ok(Follows::Links),
            Outcome::Lost(()) => {
                tracing::info!(peer = %asking.peer, "A server does not follow links: from now on it gets bytes");
                let learned = Expiring { value: true, expires_at: now + NO_LINKS_MEMORY };
                self.ephemeral.put(&peer_key(&asking.peer), &learned).await?;
                self.believe(&asking.peer, Follows::NoLinks, learned.expires_at).await;
                Ok(Follows::NoLinks)
            }
        }
    }

    /// Memory, then the table, which other processes fill, too.
    async fn recall(&self, peer: &ServerName, now: Timestamp) -> Result<Follows, Error> {
        if let Some(known) = self.believed.get(peer).await.filter(|known| known.expires_at > now) {
            return Ok(known.value);
        }
        let (follows, until) = match self.ephemeral.get::<bool>(&peer_key(peer)).await? {
            Some(entry) => (Follows::NoLinks, entry.expires_at),
            None => (Follows::Links, now + LINKS_BELIEVED),
        };
        self.believe(peer, follows, until).await;
        Ok(follows)
    }

    async fn believe(&self, peer: &ServerName, value: Follows, expires_at: Timestamp) {
        self.believed.insert(peer.to_owned(), Expiring { value, expires_at }).await;
    }
}

/// Under which name it is remembered that a server follows no links.
fn peer_key(peer: &ServerName) -> String {
    format!("P#{peer}")
}

/// Under which name it is remembered that a server was given a link.
fn link_key(peer: &ServerName, item: &str) -> String {
    format!("L#{peer}#{item}")
}
