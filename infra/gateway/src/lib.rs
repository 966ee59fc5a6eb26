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
mod functions;
mod health;
mod invocations;
pub mod options;
mod probe;
pub mod welcome;

use std::net::SocketAddr;

use engine_host::{Faults, Policies};
use media_core::{Clock, limits::JOB_STALLED_AFTER};
use runtime::{Config, Deps};
use tokio::{net::TcpListener, task::JoinHandle, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{engines::Engines, health::Health};
pub use crate::{engines::NOTIFY_PREFIXES, functions::Functions};

/// A gateway that is running.
pub struct Gateway {
    address: SocketAddr,
    deps: Deps,
    health: Health,
    functions: Functions,
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
    /// What each function may do, by its name as the access key; `None`: everything, all with the same credentials.
    pub policies: Option<Policies>,
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
    /// No link can be signed: told at once, instead of to the first reader.
    #[error(transparent)]
    Links(storage::Error),
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
        let policies = surroundings.policies.as_ref();
        if let Some(policies) = policies {
            functions::name_who_reads_keys(&mut config, policies);
        }

        let deps = Box::pin(runtime::boot_with(config, surroundings.clock)).await?;
        deps.store.blobs.prepare_links().await.map_err(StartError::Links)?;
        if engines.is_some() {
            storage::provision::provision(&deps.store).await?;
        }
        let functions = Functions::of(&deps, policies).await?;

        let (closing, stopping, tasks) =
            (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
        let drain = deps.config.gateway.drain;
        let serve = |listener, routes, told: &CancellationToken| {
            engine_host::accept(listener, routes, told.clone().cancelled_owned(), drain)
        };
        let invoked = invocations::router(&invocations, &functions, &tasks, &stopping, policies);
        tasks.spawn(serve(invocations.listener, invoked, &stopping));
        if let Some(engines) = &engines {
            engines.sweep(&tasks, &deps, &stopping);
            arrivals::pump(&tasks, &engines.notifications(), &functions.ingest, &stopping);
        }
        tasks.spawn(take_up_jobs(functions.admin.clone(), stopping.clone()));
        let health = Health::of(&deps.store);
        let routes = front::router(&deps, functions.router(), engines.as_ref(), &health);
        let front = tokio::spawn(serve(listener, routes, &closing));
        Ok(Self { address, deps, health, functions, front, closing, tasks, stopping, engines })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the gateway itself works with: the configuration as completed, and the count of all calls to AWS.
    #[must_use]
    pub fn deps(&self) -> &Deps {
        &self.deps
    }

    /// What each function works with, for whoever calls one past the port: then it may do what it may otherwise.
    #[must_use]
    pub fn functions(&self) -> &Functions {
        &self.functions
    }

    /// Says in its health that it stops, and goes on for as long as that takes to be noticed. Then takes no new requests,
    /// ends those under way and what they stand on, both within the time to drain, and closes the engines.
    pub async fn stop(self) {
        let settings = &self.deps.config.gateway;
        self.health.leave();
        if !settings.stop_notice.is_zero() {
            tracing::info!(
                notice_s = settings.stop_notice.as_secs(),
                "Still serving, until others have noticed"
            );
            tokio::time::sleep(settings.stop_notice).await;
        }
        let deadline = Instant::now() + settings.drain;
        self.closing.cancel();
        if let Err(panic) = self.front.await {
            tracing::error!(%panic, "The port's task panicked");
        }
        self.stopping.cancel();
        self.tasks.close();
        if tokio::time::timeout_at(deadline, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                "Some work had not ended when the time to stop was over; it is taken up again later"
            );
        }
        if let Some(engines) = self.engines {
            engines.close().await;
        }
    }
}

/// Looks now and then for what administrators began and nobody goes on with: whoever did was another process, or this one
/// before it was started again.
async fn take_up_jobs(deps: Deps, stopping: CancellationToken) {
    let looks = async {
        loop {
            tokio::time::sleep(JOB_STALLED_AFTER).await;
            if let Err(error) = admin::resume(&deps).await {
                tracing::warn!(%error, "Jobs that were left lying could not be taken up");
            }
        }
    };
    stopping.run_until_cancelled(looks).await;
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|cause| not_listening(address, cause))
}

fn not_listening(address: SocketAddr, cause: std::io::Error) -> StartError {
    StartError::Listen { address, cause }
}
