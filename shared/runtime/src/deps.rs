//! What functions work with: made once per process, outside every request.

use std::{ops::Deref, path::PathBuf, sync::Arc};

use axum::extract::FromRef;
use matrix::{
    AddressHeader, Administrators, Authenticator, Bell, FederationGate, Reader, Throttle,
    administrator::Named,
};
use media_core::{Clock, Legacy, Limits, OwnedServerName, ServerName};
use outbound::{
    Fence, Peers, Trust,
    homeserver::Homeserver,
    media::FederationMedia,
    pages::Pages,
    server_keys::ServerKeys,
    signing::{SigningKey, SigningKeyError},
};
use storage::{SdkCalls, Store, secrets};
use tokio::sync::Semaphore;

use crate::{
    Config, Error, Observer,
    config::{Identity, KeyPlace, Problems},
    logs,
    memory::SharedMemory,
    scanning::Scanner,
};

/// The shortest secret that makes administrators, in bytes: as `openssl rand -hex 16` prints one.
const MIN_SECRET_BYTES: usize = 32;

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
    /// What the old paths still show.
    pub legacy: Arc<Legacy>,
    /// Where things are kept.
    pub store: Store,
    /// Who writes down what was counted.
    pub observer: Observer,
    /// How often who may ask.
    pub throttle: Throttle,
    /// Rung when bytes were stored.
    pub bell: Bell,
    /// How a reader gets its bytes.
    pub reader: Reader,
    /// Other servers' media.
    pub federation: FederationMedia,
    /// Who says whether media may be shown.
    pub scanner: Scanner,
    /// Pages and pictures of the web.
    pub pages: Pages,
    /// One for each picture that may be decoded at the same time in this process.
    pub picture_slots: Arc<Semaphore>,
    /// Our signing key, where there is one.
    pub signing_key: Option<Arc<SigningKey>>,
    /// The homeserver, where there is one.
    pub homeserver: Option<Homeserver>,
    authenticator: Authenticator,
    administrators: Administrators,
    gate: FederationGate,
    shared: Shared,
}

/// What a process has once, in whosever name it speaks to S3 and DynamoDB.
#[derive(Clone)]
struct Shared {
    clock: Clock,
    storage: storage::Shared,
    observer: Observer,
    trust: Trust,
    signing_key: Option<Arc<SigningKey>>,
    admin_secret: Option<Arc<str>>,
    bell: Bell,
    picture_slots: Arc<Semaphore>,
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
    /// What should be the signing key is none.
    #[error("{place} holds no signing key: {cause}")]
    SigningKey {
        /// The file's path, or the parameter's name.
        place: String,
        /// What is wrong with it.
        cause: SigningKeyError,
    },
    /// The secret of the administrators could be guessed.
    #[error("{place} holds too short a secret: {MIN_SECRET_BYTES} characters are the least")]
    ShortSecret {
        /// The file's path, or the parameter's name.
        place: String,
    },
    /// The parameter with the signing key, or with the administrators' secret, cannot be read.
    #[error("the parameter {parameter}, a secret, cannot be read: {cause}")]
    Parameter {
        /// Its name.
        parameter: String,
        /// What SSM says.
        cause: storage::Error,
    },
    /// Other servers cannot be spoken to.
    #[error("connections to other servers cannot be set up: {0}")]
    Outbound(#[from] outbound::SetupError),
}

/// Reads the environment and makes everything: what a function's `main` calls first.
pub async fn boot() -> Result<Deps, Error> {
    logs::start();
    let deps = Box::pin(boot_with(Config::from_environment()?, Clock::system())).await?;
    // Meanwhile Lambda brings the first request, which waits for the key only if it is answered with a link.
    let blobs = deps.store.blobs.clone();
    tokio::spawn(async move {
        if let Err(error) = blobs.prepare_links().await {
            tracing::error!(%error, "Links cannot be signed");
        }
    });
    Ok(deps)
}

/// Makes everything from a configuration. Opens no connection, but for a signing key that is kept in the cloud: the first
/// request does.
pub async fn boot_with(config: Config, clock: Clock) -> Result<Deps, BootError> {
    let storage = storage::Shared::default();
    let shared = Shared {
        observer: Observer::new(&config.telemetry, clock.clone()),
        clock,
        trust: Trust::load(read_optional(config.federation.ca_file.as_ref())?.as_deref())?,
        signing_key: signing_key(&config, &storage.calls).await?,
        admin_secret: admin_secret(&config, &storage.calls).await?,
        bell: Bell::default(),
        picture_slots: Arc::new(Semaphore::new(config.limits.concurrent_thumbnails)),
        storage,
    };
    Box::pin(assemble(config, shared)).await
}

impl Deps {
    /// The same in somebody else's name: with this access key and secret before S3, DynamoDB and Lambda, as every function
    /// has its own on AWS. Bell, picture slots, the key for links and the count of calls are shared; what is remembered is not.
    pub async fn in_the_name_of(&self, credentials: (String, String)) -> Result<Self, BootError> {
        let mut config = self.config.clone();
        config.store.credentials = Some(credentials);
        config.store.lambda_credentials = None;
        Box::pin(assemble(config, self.shared.clone())).await
    }
}

async fn assemble(config: Config, shared: Shared) -> Result<Deps, BootError> {
    let Shared { clock, storage, observer, trust, signing_key, admin_secret, bell, picture_slots } =
        shared.clone();
    let limits = Arc::new(config.limits.clone());
    let store = storage::connect_sharing(&config.store, &clock, &limits, &storage).await;
    let peers = Peers::new(
        outbound::Settings {
            allowed_networks: config.federation.allow_networks.clone(),
            notaries: config.federation.notaries.clone(),
            ..Default::default()
        },
        trust.clone(),
        Arc::new(SharedMemory(store.ephemeral.clone())),
        clock.clone(),
    )?;
    let server_name = config.server_name.clone();
    let keys = ServerKeys::new(peers.clone(), clock.clone());
    let federation =
        FederationMedia::new(peers, server_name.clone(), signing_key.clone(), limits.remote_time);
    let pages = Pages::new(
        Fence::new(config.previews.allow_networks.clone()),
        config.previews.sites.clone(),
        &[],
        trust.clone(),
        &user_agent(&server_name),
    )?;
    let scanner = Scanner::new(&config.scanning, &store, &trust, &bell, &clock)?;
    let (homeserver, authenticator) = match &config.identity {
        Identity::Homeserver(url) => {
            let homeserver = Homeserver::new(url, &trust)?;
            let (ephemeral, clock) = (store.ephemeral.clone(), clock.clone());
            let authenticator =
                Authenticator::homeserver(homeserver.clone(), ephemeral, clock, limits.token_cache);
            (Some(homeserver), authenticator)
        }
        Identity::Development(tokens) => {
            (None, Authenticator::development(tokens.clone(), store.ephemeral.clone(), clock.clone()))
        }
    };
    let (ephemeral, secret) = (store.ephemeral.clone(), admin_secret.as_deref());
    let named = administrators(&config, homeserver.as_ref());
    let administrators = Administrators::new(named, secret, ephemeral, clock.clone(), limits.token_cache);
    let legacy = Arc::new(config.legacy.clone());
    let throttle = Throttle {
        ephemeral: store.ephemeral.clone(),
        rates: limits.rates,
        unlimited: config.uploads.unlimited_users.clone(),
    };
    let neighbours = Arc::new(config.federation.neighbours.clone());
    let reader = Reader {
        server_name: server_name.clone(),
        neighbours: Arc::clone(&neighbours),
        records: store.records.clone(),
        functions: store.functions.clone(),
        clock: clock.clone(),
        limits: Arc::clone(&limits),
        legacy: Arc::clone(&legacy),
        throttle: throttle.clone(),
        bell: bell.clone(),
    };
    let gate = FederationGate::new(server_name.clone(), neighbours, keys);
    Ok(Deps(Arc::new(Inner {
        config,
        server_name,
        clock,
        limits,
        legacy,
        store,
        observer,
        throttle,
        bell,
        reader,
        federation,
        scanner,
        pages,
        picture_slots,
        signing_key,
        homeserver,
        authenticator,
        administrators,
        gate,
        shared,
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

impl FromRef<Deps> for Administrators {
    fn from_ref(deps: &Deps) -> Self {
        deps.administrators.clone()
    }
}

impl FromRef<Deps> for AddressHeader {
    fn from_ref(deps: &Deps) -> Self {
        Self(deps.config.client_address_header.clone())
    }
}

impl FromRef<Deps> for FederationGate {
    fn from_ref(deps: &Deps) -> Self {
        deps.gate.clone()
    }
}

/// Who visits a page for its preview: a bot, and the server that its owner may complain to.
fn user_agent(server_name: &ServerName) -> String {
    format!("matrix-media-repository/{} (bot; +https://{server_name})", env!("CARGO_PKG_VERSION"))
}

async fn signing_key(config: &Config, calls: &SdkCalls) -> Result<Option<Arc<SigningKey>>, BootError> {
    let Some(place) = &config.federation.signing_key else { return Ok(None) };
    let (text, place) = (text_at(place, calls).await?, place.to_string());
    let key = SigningKey::parse(&text).map_err(|cause| BootError::SigningKey { place, cause })?;
    Ok(Some(Arc::new(key)))
}

/// Without a homeserver those whom the configuration names, and without names nobody.
fn administrators(config: &Config, homeserver: Option<&Homeserver>) -> Named {
    match (&config.administration.users, homeserver) {
        (Some(users), _) => Named::Users(users.clone()),
        (None, Some(homeserver)) => Named::Homeserver(homeserver.clone()),
        (None, None) => Named::Users(Vec::new()),
    }
}

async fn admin_secret(config: &Config, calls: &SdkCalls) -> Result<Option<Arc<str>>, BootError> {
    let Some(place) = &config.administration.secret else { return Ok(None) };
    let text = text_at(place, calls).await?;
    let secret = text.trim();
    if secret.len() < MIN_SECRET_BYTES {
        return Err(BootError::ShortSecret { place: place.to_string() });
    }
    Ok(Some(secret.into()))
}

async fn text_at(place: &KeyPlace, calls: &SdkCalls) -> Result<String, BootError> {
    match place {
        KeyPlace::File(path) => {
            let text = read_optional(Some(path))?.unwrap_or_default();
            Ok(String::from_utf8_lossy(&text).into_owned())
        }
        KeyPlace::Secret(secret) => {
            let parameter = secret.parameter.clone();
            let read = Box::pin(secrets::read(secret, calls)).await;
            read.map_err(|cause| BootError::Parameter { parameter, cause })
        }
    }
}

fn read_optional(path: Option<&PathBuf>) -> Result<Option<Vec<u8>>, BootError> {
    let read =
        |path: &PathBuf| std::fs::read(path).map_err(|cause| BootError::File { path: path.clone(), cause });
    path.map(read).transpose()
}
