//! A small internet on the loopback: names, certificates, servers with addresses of their own.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use ipnet::IpNet;
use media_core::{Clock, Mxc, OwnedServerName};
use outbound::{
    Memory, Peers, Settings, Trust,
    media::{FederationMedia, RemoteMedia},
    signing::SigningKey,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::{board::Board, dns::Dns};

/// Where `.well-known` is asked for here, since 443 is not for everybody.
pub(crate) const WELL_KNOWN_PORT: u16 = 8443;

/// Time enough for what happens at once.
const PLENTY: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) dns: Dns,
    pub(crate) clock: Clock,
    /// The private networks that may be contacted here: the loopback's IPv4 addresses, unless a test says more.
    pub(crate) allowed: Vec<IpNet>,
    /// What all processes share here.
    pub(crate) board: Arc<Board>,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// The name for which a client asked when it said hello; `None` when it asked for an address.
#[derive(Clone, Debug)]
pub(crate) struct Sni(pub(crate) Option<String>);

impl World {
    pub(crate) async fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
        let clock = Clock::movable();
        let board = Arc::new(Board::new(clock.clone()));
        let allowed = vec!["127.0.0.0/8".parse().expect("a network")];
        Self { dns: Dns::start().await, clock, allowed, board, issuer }
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::load(Some(self.issuer.pem().as_bytes())).expect("the authority")
    }

    /// Another server's view of this world, with nothing learned yet and the loopback open.
    pub(crate) fn peers(&self) -> Peers {
        self.peers_with(Arc::new(Board::new(self.clock.clone())), &[])
    }

    /// One process of a server whose processes share the board, and which believes these notaries.
    pub(crate) fn process(&self, notaries: &[OwnedServerName]) -> Peers {
        self.peers_with(self.board.clone(), notaries)
    }

    fn peers_with(&self, memory: Arc<dyn Memory>, notaries: &[OwnedServerName]) -> Peers {
        let settings = Settings {
            allowed_networks: self.allowed.clone(),
            name_servers: vec![self.dns.address],
            notaries: notaries.to_vec(),
            well_known_port: WELL_KNOWN_PORT,
        };
        Peers::new(settings, self.trust(), memory, self.clock.clone()).expect("peers")
    }

    /// Fetches as a server that has no key, so that the old endpoint is asked at once.
    pub(crate) fn unsigned(&self) -> FederationMedia {
        FederationMedia::new(self.peers(), server_name("we.test"), None, PLENTY)
    }

    /// Fetches as `we.test`.
    pub(crate) fn signed(&self, key: Arc<SigningKey>) -> FederationMedia {
        FederationMedia::new(self.peers(), server_name("we.test"), Some(key), PLENTY)
    }

    /// Serves HTTPS at an address, with a certificate for one name or address; port 0 is any.
    pub(crate) async fn serve(&self, ip: IpAddr, port: u16, certified: &str, router: Router) -> SocketAddr {
        let acceptor = self.acceptor(certified);
        let listener = TcpListener::bind((ip, port)).await.expect("the port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve_tls(stream, acceptor.clone(), router.clone()));
            }
        });
        address
    }

    fn acceptor(&self, certified: &str) -> TlsAcceptor {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![certified.to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("TLS")
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], key)
                .expect("the certificate");
        TlsAcceptor::from(Arc::new(config))
    }
}

async fn serve_tls(stream: TcpStream, acceptor: TlsAcceptor, router: Router) {
    // A client that refuses the certificate hangs up: its own test says so.
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let sni = Sni(stream.get_ref().1.server_name().map(ToOwned::to_owned));
    let service = TowerToHyperService::new(router.layer(Extension(sni)));
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Serves plain HTTP on some port of an address.
pub(crate) async fn serve_http(ip: IpAddr, router: Router) -> SocketAddr {
    serve_http_at((ip, 0).into(), router).await
}

/// The same, at this port.
pub(crate) async fn serve_http_at(at: SocketAddr, router: Router) -> SocketAddr {
    let listener = TcpListener::bind(at).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(router.clone());
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

/// An address of the loopback that no other test uses, so that the ports with a meaning are free there.
pub(crate) fn fresh_ip() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [high, low, ..] = u16::try_from(process::id() % 60_000).expect("a remainder").to_be_bytes();
    Ipv4Addr::new(127, high.max(1), low, NEXT.fetch_add(1, Ordering::SeqCst)).into()
}

pub(crate) fn server_name(name: &str) -> OwnedServerName {
    name.try_into().expect("a server name")
}

pub(crate) fn mxc(origin: &str) -> Mxc {
    Mxc::parse(origin, "abc").expect("an mxc name")
}

/// The whole of the media.
pub(crate) async fn read(media: RemoteMedia) -> Result<Vec<u8>, outbound::media::FetchError> {
    use futures_util::TryStreamExt as _;
    let pieces: Vec<_> = media.body.try_collect().await?;
    Ok(pieces.concat())
}
