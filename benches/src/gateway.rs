//! Starts the gateway that was built beside this program, over a fresh folder.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    child::Child,
    error::Error,
    server::{self, Kind, Server},
};

const TOKEN: &str = "bench-token";

/// Durable or fast, as `kind` says.
pub(crate) async fn start(kind: Kind, parent: Option<&Path>) -> Result<Server, Error> {
    let folder = server::new_folder(parent)?;
    let address = server::free_address()?;
    let mut command = Command::new(program()?);
    // Nothing of the caller's environment: a region or a log filter there would make it another gateway.
    command
        .env_clear()
        .current_dir(folder.path())
        .env("MEDIA_SERVER_NAME", "bench.example.org")
        .env("MEDIA_DEV_TOKENS", format!("{TOKEN}=@bench:bench.example.org"))
        .env("MEDIA_LISTEN", address.to_string())
        .env("MEDIA_DATA_FOLDER", folder.path().join("data"))
        .env("MEDIA_FAST", if kind == Kind::Fast { "true" } else { "false" });
    let child = Child::start(command, &folder.path().join("log"))?;
    let mut server = Server::await_start(kind, address, child, folder, "/_matrix/key/v2/server").await?;
    server.token = Some(TOKEN.to_owned());
    Ok(server)
}

fn program() -> Result<PathBuf, Error> {
    let program = env::current_exe()?.with_file_name("gateway");
    if program.is_file() { Ok(program) } else { Err(Error::NoGateway(program)) }
}
