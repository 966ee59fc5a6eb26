//! A machine that says nothing about its homeserver is somebody trying this out: it gets a user, a token and a signing
//! key of its own, kept in the data folder so that they are the same after a restart.

use std::{
    collections::HashMap,
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use axum::{Json, Router, routing::get};
use media_core::mxc::random_name;
use outbound::signing::SigningKey;
use runtime::{
    BootError, Config, Deps,
    config::{Identity, KeyPlace},
    settings,
};
use std::time::Duration;

/// The server name of a machine that was given none.
const SERVER_NAME: &str = "localhost";

/// Characters of a made-up token.
const TOKEN_CHARS: usize = 32;

/// How long the development server's key may be believed, until it is asked for again.
const KEY_VALIDITY: Duration = Duration::from_hours(24);

/// The made-up token cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be written: {cause}")]
pub struct NoToken {
    path: PathBuf,
    cause: std::io::Error,
}

/// What stands in for settings that nobody gave, when neither a homeserver nor tokens were.
pub(crate) fn defaults(
    said: &impl Fn(&str) -> Option<String>,
) -> Result<HashMap<&'static str, String>, NoToken> {
    if said(settings::HOMESERVER_URL.name).is_some() || said(settings::DEV_TOKENS.name).is_some() {
        return Ok(HashMap::new());
    }
    let server_name = said(settings::SERVER_NAME.name).unwrap_or_else(|| SERVER_NAME.to_owned());
    let folder = said(settings::DATA_FOLDER.name).or(settings::DATA_FOLDER.default.map(ToOwned::to_owned));
    let file = PathBuf::from(folder.unwrap_or_default()).join("development-token");
    let token = kept(&file, || format!("dev_{}", random_name(TOKEN_CHARS)))?;
    let tokens = format!("{}=@developer:{server_name}", token.trim());
    Ok(HashMap::from([(settings::SERVER_NAME.name, server_name), (settings::DEV_TOKENS.name, tokens)]))
}

/// Gives a development server a signing key, unless it has one: the homeserver that would have one is missing.
pub(crate) fn complete(config: &mut Config) -> Result<(), BootError> {
    let is_development = matches!(config.identity, Identity::Development(_));
    if is_development && config.federation.signing_key.is_none() {
        let file = config.gateway.data_folder.join("development-signing.key");
        kept(&file, || SigningKey::generate().to_file_text())
            .map_err(|NoToken { path, cause }| BootError::File { path, cause })?;
        config.federation.signing_key = Some(KeyPlace::File(file));
    }
    Ok(())
}

/// `GET /_matrix/key/v2/server`, which the homeserver answers where there is one: the key that our requests are signed
/// with (server-server API, "Publishing keys").
pub(crate) fn published_keys(deps: &Deps) -> Router {
    let (Identity::Development(_), Some(key)) = (&deps.config.identity, deps.signing_key.clone()) else {
        return Router::new();
    };
    let deps = deps.clone();
    let document = async move || {
        let valid_until = deps.clock.now() + KEY_VALIDITY;
        Json(key.server_keys_document(&deps.server_name, valid_until))
    };
    Router::new().route("/_matrix/key/v2/server", get(document))
}

/// The file's text; written first, readable by the owner alone, when there is none yet.
pub(crate) fn kept(file: &Path, make: impl FnOnce() -> String) -> Result<String, NoToken> {
    let failed = |cause| NoToken { path: file.to_owned(), cause };
    match fs::read_to_string(file) {
        Ok(text) => return Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let text = make();
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    // Written beside and renamed, so that a crash leaves no half a secret.
    let half = file.with_extension("new");
    let mut written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&half)
        .map_err(failed)?;
    written.write_all(text.as_bytes()).and_then(|()| written.sync_all()).map_err(failed)?;
    fs::rename(&half, file).map_err(failed)?;
    Ok(text)
}
