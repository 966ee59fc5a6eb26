//! Every function behind one port.
//!
//! Without endpoints in its configuration the gateway stands on embedded engines over a data folder and is a whole media
//! repository by itself; with them it runs the same functions against any S3 and DynamoDB. It adds nothing to the
//! protocol: what it answers is what the functions' routers answer.

mod arrivals;
pub mod command;
mod development;
mod engines;
mod front;
mod invocations;
pub mod options;
pub mod welcome;

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use engine_host::Faults;
use media_core::Clock;
use runtime::{Config, Deps};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::engines::Engines;
pub use crate::engines::NOTIFY_PREFIXES;

/// How long requests under way may take to end after the gateway was told to stop.
const DRAIN_TIME: Duration = Duration::from_secs(30);

/// A gateway that is running.
pub struct Gateway {
    address: SocketAddr,
    deps: Deps,
    /// The port, until it takes no more requests and has ended those under way.
    front: JoinHandle<()>,
    closing: CancellationToken,
    /// What the requests stand on, which must outlive them.
    tasks: TaskTracker,
    stopping: CancellationToken,
    engines: Option<Engines>,
}

/// What tests choose besides the configuration.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The time.
    pub clock: Clock,
    /// What goes wrong between the functions and S3.
    pub s3_faults: Faults,
    /// What goes wrong between the functions and DynamoDB; `None` saves the hop that it takes.
    pub dynamodb_faults: Option<Faults>,
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, or not ours to take.
    #[error("{address} cannot be listened on: {cause}")]
    Listen {
        /// Where it should have listened.
        address: SocketAddr,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The embedded engines do not open.
    #[error(transparent)]
    Engines(#[from] engines::EngineError),
    /// The functions' surroundings cannot be set up.
    #[error(transparent)]
    Boot(#[from] runtime::BootError),
    /// The bucket or a table cannot be made.
    #[error("the bucket or a table cannot be made: {0}")]
    Provision(#[from] storage::Error),
}

impl Gateway {
    /// Starts everything and returns when the port answers.
    pub async fn start(mut config: Config, surroundings: Surroundings) -> Result<Self, StartError> {
        let listener = listen(config.gateway.listen).await?;
        let address = listener.local_addr().map_err(|cause| not_listening(config.gateway.listen, cause))?;
        let engines = if Engines::are_needed(&config) {
            Some(Engines::open(&mut config, address, &surroundings).await?)
        } else {
            None
        };
        let invocations = invocations::open(&mut config).await?;
        development::complete(&mut config)?;

        let deps = Box::pin(runtime::boot_with(config, surroundings.clock)).await?;
        if engines.is_some() {
            storage::provision::provision(&deps.store).await?;
        }

        let (closing, stopping, tasks) =
            (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
        let invoked = invocations::router(&invocations, &deps, &tasks);
        tasks.spawn(serve(invocations.listener, invoked, &stopping));
        if let Some(engines) = &engines {
            engines.sweep(&tasks, &deps, &stopping);
            arrivals::pump(&tasks, &engines.notifications(), &deps, &stopping);
        }
        let front = tokio::spawn(serve(listener, front::router(&deps, engines.as_ref()), &closing));
        Ok(Self { address, deps, front, closing, tasks, stopping, engines })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the functions work with: the configuration as completed, and the count of calls to AWS.
    #[must_use]
    pub fn deps(&self) -> &Deps {
        &self.deps
    }

    /// Takes no new requests, ends those under way, then what they stand on (each within half a minute), and closes
    /// the engines.
    pub async fn stop(self) {
        self.closing.cancel();
        if let Err(panic) = self.front.await {
            tracing::error!(%panic, "The port's task panicked");
        }
        self.stopping.cancel();
        self.tasks.close();
        if tokio::time::timeout(DRAIN_TIME, self.tasks.wait()).await.is_err() {
            tracing::warn!("Some work had not ended when the time to stop was over");
        }
        if let Some(engines) = self.engines {
            engines.close().await;
        }
    }
}

fn serve(
    listener: TcpListener,
    routes: Router,
    stopping: &CancellationToken,
) -> impl Future<Output = ()> + use<> {
    engine_host::accept(listener, routes, stopping.clone().cancelled_owned(), DRAIN_TIME)
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|cause| not_listening(address, cause))
}

fn not_listening(address: SocketAddr, cause: std::io::Error) -> StartError {
    StartError::Listen { address, cause }
}
