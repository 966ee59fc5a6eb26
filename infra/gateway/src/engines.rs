//! The embedded engines: one data folder, two services on threads of their own, and what they are told to be.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use dynamodb_engine::{DynamoDbEngine, Forward, Guard};
use engine_host::{DataFolder, DataFolderError, Running, policies};
use media_core::mxc::random_name;
use runtime::{Config, Deps};
use s3_engine::{Durability, ETags, Notifications, S3Engine, S3Service};
use storage::presign::ENTITY_TAG;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Surroundings,
    development::{NoToken, kept},
};

/// The engines have no regions; signatures must name one.
const REGION: &str = policies::REGION;

/// Characters of the made-up access key and secret.
const ACCESS_KEY_CHARS: usize = 20;
const SECRET_KEY_CHARS: usize = 40;

/// How often expired entries are swept from the table of what may be forgotten.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// How often an arrival is handed out before it counts as dead: with the growing waits, for longer than an orphan stays
/// young.
const MAX_RECEIVE_COUNT: u32 = 20;

/// Arrivals under these prefixes are told to `ingest`. Not `thumbnails/`: it writes those itself.
pub const NOTIFY_PREFIXES: [&str; 2] = ["originals/", "remote/"];

/// Both engines, open.
pub(crate) struct Engines {
    s3: S3Engine,
    dynamodb: DynamoDbEngine,
    s3_host: Running,
    /// What stands between the functions and DynamoDB, if anything does.
    before_dynamodb: Option<Running>,
    /// Held until the last: it keeps other gateways out of the folder.
    _folder: DataFolder,
}

/// Why the engines do not open.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The folder is another gateway's, or cannot be written.
    #[error(transparent)]
    Folder(#[from] DataFolderError),
    /// The made-up credentials cannot be kept.
    #[error(transparent)]
    Credentials(#[from] NoToken),
    /// S3's files are broken.
    #[error("the S3 engine does not open: {0}")]
    S3(#[from] s3_engine::OpenError),
    /// DynamoDB's file is broken.
    #[error("the DynamoDB engine does not open: {0}")]
    DynamoDb(#[from] dynamodb_engine::OpenError),
    /// No loopback port is to be had.
    #[error("an engine cannot listen on the loopback: {0}")]
    Listen(#[from] std::io::Error),
}

impl Engines {
    /// Whether this gateway stands on its own: nobody said where S3 or DynamoDB are.
    pub(crate) fn are_needed(config: &Config) -> bool {
        config.store.s3_endpoint.is_none()
            && config.store.dynamodb_endpoint.is_none()
            && config.store.region.is_none()
    }

    /// Opens both over the data folder and points the configuration at them.
    pub(crate) async fn open(
        config: &mut Config,
        public: SocketAddr,
        surroundings: &Surroundings,
    ) -> Result<Self, EngineError> {
        let folder = DataFolder::open(&config.gateway.data_folder)?;
        let credentials = credentials(&folder)?;
        let s3 = open_s3(config, &folder, &credentials, surroundings).await?;
        let tables = folder.subfolder("dynamodb")?;
        let dynamodb = if config.gateway.fast {
            DynamoDbEngine::open_fast(&tables)?
        } else {
            DynamoDbEngine::open(Some(&tables))?
        };
        let s3_host = engine_host::serve("s3", loopback()?, surroundings.s3_faults.layer(s3.service()))?;
        let before_dynamodb = before_dynamodb(dynamodb.address(), &credentials.0, surroundings)?;
        let dynamodb_address = before_dynamodb.as_ref().map_or(dynamodb.address(), Running::address);
        let store = &mut config.store;
        store.region = Some(REGION.to_owned());
        store.s3_endpoint = Some(format!("http://{}", s3_host.address()));
        store.s3_public_endpoint = Some(public_url(config.gateway.public_url.as_ref(), public));
        store.dynamodb_endpoint = Some(format!("http://{dynamodb_address}"));
        store.credentials = Some(credentials);
        Ok(Self { s3, dynamodb, s3_host, before_dynamodb, _folder: folder })
    }

    /// The S3 engine as a service of this process, for signed links on the one port.
    pub(crate) fn s3_service(&self) -> S3Service {
        self.s3.service()
    }

    /// The queue of arrivals.
    pub(crate) fn notifications(&self) -> Notifications {
        self.s3.notifications()
    }

    /// Ends what is under way, then closes the files.
    pub(crate) async fn close(self) {
        for host in [Some(self.s3_host), self.before_dynamodb].into_iter().flatten() {
            host.stop().await;
        }
        self.dynamodb.stop().await;
        let s3 = self.s3;
        if let Err(panic) = tokio::task::spawn_blocking(move || s3.close()).await {
            tracing::error!(%panic, "The S3 engine panicked when it was closed");
        }
    }

    /// Sweeps out what has expired, now and then, until told to stop: entries that may be forgotten, multipart uploads
    /// that nobody will finish, and objects that went straight to S3 and were never accepted.
    pub(crate) fn sweep(&self, tasks: &TaskTracker, deps: &Deps, stopping: &CancellationToken) {
        let (s3, entries, stopping) = (self.s3.clone(), self.dynamodb.sweeper(), stopping.clone());
        let deps = deps.clone();
        tasks.spawn(async move {
            while stopping.run_until_cancelled(tokio::time::sleep(SWEEP_EVERY)).await.is_some() {
                let entries = entries.clone();
                match tokio::task::spawn_blocking(move || entries.sweep_ttl()).await {
                    Ok(Ok(swept)) => tracing::debug!(swept, "Swept expired entries"),
                    Ok(Err(error)) => tracing::error!(%error, "The sweep failed"),
                    Err(panic) => tracing::error!(%panic, "The sweep panicked"),
                }
                if let Err(error) = s3.sweep_uploads().await {
                    tracing::error!(%error, "Abandoned multipart uploads could not be swept");
                }
                sweep_staging(&deps).await;
            }
        });
    }
}

/// Deletes what was put into staging so long ago that its reservation is certainly over.
pub(crate) async fn sweep_staging(deps: &Deps) {
    let before = deps.clock.now() - deps.limits.reservation_life * 2;
    match deps.store.blobs.sweep_staging(before).await {
        Ok(0) => {}
        Ok(swept) => tracing::info!(swept, "Swept uploads that were never accepted"),
        Err(error) => tracing::error!(%error, "Uploads that were never accepted could not be swept"),
    }
}

/// Where signed links lead when nobody said.
///
/// The host is `localhost` where the gateway listens on 127.0.0.1: clients repeat `Authorization` on a redirect within one
/// origin, and S3 refuses a signed link that comes with it. Another host name is another origin.
fn public_url(said: Option<&url::Url>, listening: SocketAddr) -> String {
    match said {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None if listening.ip().is_unspecified() || listening.ip().is_loopback() => {
            format!("http://localhost:{}", listening.port())
        }
        None => format!("http://{listening}"),
    }
}

/// Faults and policies, where there are any; each call then takes a hop more.
fn before_dynamodb(
    engine: SocketAddr,
    owner: &str,
    surroundings: &Surroundings,
) -> std::io::Result<Option<Running>> {
    let (name, faults) = ("before-dynamodb", surroundings.dynamodb_faults.clone());
    if let Some(policies) = &surroundings.policies {
        let guard = Guard::new(policies.clone(), owner, Forward::new(engine));
        return engine_host::serve(name, loopback()?, faults.unwrap_or_default().layer(guard)).map(Some);
    }
    let Some(faults) = faults else { return Ok(None) };
    engine_host::serve(name, loopback()?, faults.layer(Forward::new(engine))).map(Some)
}

async fn open_s3(
    config: &Config,
    folder: &DataFolder,
    (key, secret): &(String, String),
    surroundings: &Surroundings,
) -> Result<S3Engine, EngineError> {
    let clock = surroundings.clock.clone();
    let mut options = s3_engine::Options::new(folder.subfolder("s3")?, key, secret);
    options.policies.clone_from(&surroundings.policies);
    REGION.clone_into(&mut options.region);
    options.durability = if config.gateway.fast { Durability::Fast } else { Durability::Durable };
    // Keys are used once, so an object's own ETag need not recognise equal bytes; links say the SHA-256.
    options.etags = ETags::Random;
    options.tag_parameter = Some(ENTITY_TAG);
    options.notify_prefixes = NOTIFY_PREFIXES.map(ToOwned::to_owned).to_vec();
    options.notify_removed = false;
    options.max_receive_count = MAX_RECEIVE_COUNT;
    options.response_headers = matrix::respond::content_headers();
    options.now_ms = Arc::new(move || clock.now().0);
    let opened = tokio::task::spawn_blocking(move || S3Engine::open(options)).await;
    Ok(opened.map_err(std::io::Error::other)??)
}

/// The engines' access key and secret: made up once, kept readable by the owner alone.
fn credentials(folder: &DataFolder) -> Result<(String, String), EngineError> {
    let make = || format!("{} {}", random_name(ACCESS_KEY_CHARS), random_name(SECRET_KEY_CHARS));
    let text = kept(&folder.path().join("engine-credentials"), make)?;
    let (key, secret) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    Ok((key.to_owned(), secret.to_owned()))
}

fn loopback() -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}
