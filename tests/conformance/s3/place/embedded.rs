//! An engine over a scratch folder, behind a socket of its own.

use std::net::TcpListener;
use std::thread;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder as Server;
use hyper_util::service::TowerToHyperService;
use s3_engine::{Durability, Options, S3Engine};
use tempfile::TempDir;

use super::Endpoint;

const ACCESS_KEY: &str = "conformance-key";
const SECRET_KEY: &str = "conformance-secret";

/// An engine that runs until it is dropped.
pub(crate) struct Embedded {
    pub(crate) engine: S3Engine,
    pub(crate) endpoint: Endpoint,
    pub(crate) folder: TempDir,
}

impl Embedded {
    /// An engine over an empty folder. `choose` may change its options.
    pub(crate) fn start(choose: impl FnOnce(&mut Options)) -> Self {
        Self::start_over(tempfile::tempdir().expect("a scratch folder"), choose)
    }

    /// An engine over this folder.
    pub(crate) fn start_over(folder: TempDir, choose: impl FnOnce(&mut Options)) -> Self {
        let mut options = options(&folder);
        choose(&mut options);
        let region = options.region.clone();
        let engine = S3Engine::open(options).expect("the engine opens");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        serve(listener, engine.service());
        let endpoint = Endpoint {
            url: format!("http://{address}"),
            access_key: ACCESS_KEY.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
            region,
        };
        Self { engine, endpoint, folder }
    }

    /// Another engine over the same folder, after this one was left as a kill would leave it: nothing is closed,
    /// nothing is waited for.
    pub(crate) fn killed_and_restarted(self, choose: impl FnOnce(&mut Options)) -> Self {
        let Self { engine, folder, .. } = self;
        std::mem::forget(engine);
        Self::start_over(folder, choose)
    }
}

/// Options for a quick engine over a folder.
pub(crate) fn options(folder: &TempDir) -> Options {
    let mut options = Options::new(folder.path().join("s3"), ACCESS_KEY, SECRET_KEY);
    options.durability = Durability::Fast;
    options
}

fn serve(listener: TcpListener, service: s3_engine::S3Service) {
    listener.set_nonblocking(true).expect("a listener");
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("no delay");
                let service = TowerToHyperService::new(service.clone());
                tokio::spawn(async move {
                    let _ = Server::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
    });
}
