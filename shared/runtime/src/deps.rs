//! What functions work with: made once per process, outside every request.

use std::{ops::Deref, path::PathBuf, sync::Arc};

use axum::extract::FromRef;
use matrix::{Authenticator, FederationGate, Reader};
use media_core::{Clock, Limits, OwnedServerName};
use outbound::{
    Peers, Trust,
    homeserver::Homeserver,
    media::FederationMedia,
    server_keys::ServerKeys,
    signing::{SigningKey, SigningKeyError},
};
use storage::Store;
use tokio::sync::Semaphore;

use crate::{
    Config, Error,
    config::{Identity, Problems},
    logs,
};

/// Everything a function may need. Cheap to clone.
#[derive(Clone)]
pub struct Deps(Arc<Inner>);

/// See [`Deps`].
pub struct Inner {
    /// What the operator decided.
    pub config: Config,
    /// Whose media this is.
    pub server_name: OwnedServerName,
    /// The time.
    pub clock: Clock,
    /// The bounds.
    pub limits: Arc<Limits>,
    /// Where things are kept.
    pub store: Store,
    /// How a reader gets its bytes.
    pub reader: Reader,
    /// Other servers' media.
    pub federation: FederationMedia,
    /// One for each picture that may be decoded at the same time in this process.
    pub picture_slots: Arc<Semaphore>,
    /// Our signing key, where there is one.
    pub signing_key: Option<Arc<SigningKey>>,
    authenticator: Authenticator,
    gate: FederationGate,
}

/// Why a process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] Problems),
    /// A file that the configuration names cannot be read or written.
    #[error("{path} cannot be used: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The signing key's file holds no key.
    #[error("{path} holds no signing key: {cause}")]
    SigningKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: SigningKeyError,
    },
    /// Other servers cannot be spoken to.
    #[error("connections to other servers cannot be set up: {0}")]
    Outbound(#[from] outbound::SetupError),
}

/// Reads the environment and makes everything: what a function's `main` calls first.
pub async fn boot() -> Result<Deps, Error> {
    logs::start();
    Ok(boot_with(Config::from_environment()?, Clock::system()).await?)
}

/// Makes everything from a configuration. Opens no connection: the first request does.
pub async fn boot_with(config: Config, clock: Clock) -> Result<Deps, BootError> {
    let limits = Arc::new(config.limits.clone());
    let store = storage::connect(&config.store, &clock, &limits).await;
    let trust = Trust::load(read_optional(config.federation.ca_file.as_ref())?.as_deref())?;
    let signing_key = signing_key(&config)?;
    let peers = Peers::new(
        outbound::Settings {
            allowed_networks: config.federation.allow_networks.clone(),
            ..Default::default()
        },
        trust.clone(),
        clock.clone(),
    )?;
    let server_name = config.server_name.clone();
    let keys = ServerKeys::new(peers.clone(), clock.clone());
    let federation =
        FederationMedia::new(peers, server_name.clone(), signing_key.clone(), limits.remote_time);
    let authenticator = match &config.identity {
        Identity::Homeserver(url) => {
            let homeserver = Homeserver::new(url, &trust)?;
            Authenticator::homeserver(homeserver, store.ephemeral.clone(), clock.clone(), limits.token_cache)
        }
        Identity::Development(tokens) => {
            Authenticator::development(tokens.clone(), store.ephemeral.clone(), clock.clone())
        }
    };
    let reader = Reader {
        server_name: server_name.clone(),
        records: store.records.clone(),
        functions: store.functions.clone(),
        clock: clock.clone(),
        limits: Arc::clone(&limits),
    };
    let picture_slots = Arc::new(Semaphore::new(limits.concurrent_thumbnails));
    let gate = FederationGate::new(server_name.clone(), keys);
    Ok(Deps(Arc::new(Inner {
        config,
        server_name,
        clock,
        limits,
        store,
        reader,
        federation,
        picture_slots,
        signing_key,
        authenticator,
        gate,
    })))
}

impl Deref for Deps {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl FromRef<Deps> for Authenticator {
    fn from_ref(deps: &Deps) -> Self {
        deps.authenticator.clone()
    }
}

impl FromRef<Deps> for FederationGate {
    fn from_ref(deps: &Deps) -> Self {
        deps.gate.clone()
    }
}

fn signing_key(config: &Config) -> Result<Option<Arc<SigningKey>>, BootError> {
    let Some(path) = &config.federation.signing_key_file else {
        return Ok(None);
    };
    let text = read_optional(Some(path))?.unwrap_or_default();
    let parsed = SigningKey::parse(&String::from_utf8_lossy(&text));
    let key = parsed.map_err(|cause| BootError::SigningKey { path: path.clone(), cause })?;
    Ok(Some(Arc::new(key)))
}

fn read_optional(path: Option<&PathBuf>) -> Result<Option<Vec<u8>>, BootError> {
    let read =
        |path: &PathBuf| std::fs::read(path).map_err(|cause| BootError::File { path: path.clone(), cause });
    path.map(read).transpose()
}
