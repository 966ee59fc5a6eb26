//! A private certificate authority, and TLS in front of a gateway, as a reverse proxy does it in production.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::NamedTempFile;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// An authority that only the test trusts.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: NamedTempFile,
}

/// A listener that speaks TLS and passes what it hears on.
pub struct TlsFront {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Authority {
    /// A new one, with its certificate in a PEM file.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("certificate parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
        let file = NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), issuer.pem()).expect("a writable file");
        Self { issuer, file }
    }

    /// The path of the authority's PEM file.
    #[must_use]
    pub fn file(&self) -> &str {
        self.file.path().to_str().expect("a readable path")
    }

    /// TLS for `host` on a port of the loopback.
    pub async fn front(&self, host: &str) -> TlsFront {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![host.to_owned()]).expect("certificate parameters");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("TLS versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a TLS configuration");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        TlsFront { listener, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl TlsFront {
    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.listener.local_addr().expect("an address").port()
    }

    /// Passes every connection on to `target` until the returned task is dropped with its runtime.
    pub fn pass_on_to(self, target: SocketAddr) -> JoinHandle<()> {
        self.pass_on_to_whatever_is_at(Arc::new(Mutex::new(target)))
    }

    /// Passes every connection on to whatever `target` is at that moment.
    pub fn pass_on_to_whatever_is_at(self, target: Arc<Mutex<SocketAddr>>) -> JoinHandle<()> {
        tokio::spawn(async move {
            while let Ok((socket, _)) = self.listener.accept().await {
                let acceptor = self.acceptor.clone();
                let target = *target.lock().unwrap_or_else(PoisonError::into_inner);
                tokio::spawn(async move {
                    let mut inside = acceptor.accept(socket).await?;
                    let mut outside = TcpStream::connect(target).await?;
                    copy_bidirectional(&mut inside, &mut outside).await
                });
            }
        })
    }
}

/// A TLS client that trusts nobody: the tests' own client speaks plain HTTP.
pub(crate) fn no_roots() -> ClientConfig {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("TLS versions")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
