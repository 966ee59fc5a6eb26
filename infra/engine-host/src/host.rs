//! A service on a thread and a socket of its own.

use std::{
    error::Error as StdError,
    io,
    net::{SocketAddr, TcpListener as StdListener},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, oneshot},
};
use tower::{Service, util::MapRequest};

type BoxError = Box<dyn StdError + Send + Sync>;

/// How long requests under way may take to end after the engine was told to stop.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// Connections served at the same time by one listener; the next ones wait in the system's queue.
const CONNECTIONS: usize = 4096;

/// What one connection reads ahead, and the longest head of a request. hyper's own 400 KiB are kept for as long as the
/// connection is, which at hundreds of connections is most of the memory.
const CONNECTION_BUFFER_BYTES: usize = 64 * 1024;

/// How long accepting pauses when the system is out of sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A service that is running. Dropping it ends it without waiting.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connections, ends the requests under way (at most ten seconds), and the thread.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in the engine has been reported by its own thread.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

/// Serves `service` on `listener` from a thread called `name`, whose runtime may block: nobody else is on it.
///
/// # Errors
/// When the listener cannot be used or the thread cannot be started.
pub fn serve<S, B>(name: &str, listener: StdListener, service: S) -> io::Result<Running>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        runtime.block_on(async {
            if let Ok(listener) = TcpListener::from_std(listener) {
                accept(listener, service, async { drop(stopped.await) }, DRAIN_TIME).await;
            }
        });
    })?;
    Ok(Running { address, stop: Some(stop), thread: Some(thread) })
}

/// Serves `service` on `listener` until `stopped`, with the `SocketAddr` of whoever connected among the extensions of every
/// request; then takes no new connections and gives the requests under way at
/// most `drain_time` to end.
///
/// Whoever is slow to say what they want (hyper's 30 seconds for the head of a request) is hung up on.
pub async fn accept<S, B>(
    listener: TcpListener,
    service: S,
    stopped: impl Future<Output = ()>,
    drain_time: Duration,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut stopped = std::pin::pin!(stopped);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (socket, place) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stopped => break,
        };
        let Ok((socket, address)) = socket else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Small answers must not wait for the acknowledgement of the one before (Nagle's algorithm).
        let _ = socket.set_nodelay(true);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .max_buf_size(CONNECTION_BUFFER_BYTES)
            .serve_connection(TokioIo::new(socket), TowerToHyperService::new(told(service.clone(), address)));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A connection that breaks is its client's business.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(drain_time, graceful.shutdown()).await.is_err() {
        tracing::warn!("Some requests had not ended when the time to stop was over");
    }
}

/// The service, told in every request's extensions who connected.
fn told<S>(
    service: S,
    address: SocketAddr,
) -> MapRequest<S, impl Fn(Request<Incoming>) -> Request<Incoming> + Clone>
where
    S: Service<Request<Incoming>>,
{
    MapRequest::new(service, move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(address);
        request
    })
}
