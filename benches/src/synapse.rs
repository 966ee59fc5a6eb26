//! Starts Synapse: one process, SQLite, its own defaults but for rate limits, with one user who is logged in.

use std::{fs, net::SocketAddr, path::Path, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::{
    child::Child,
    error::{Error, RequestError},
    server::{self, Kind, Server},
};

/// How long one of Synapse's tools may take.
const TOOL_TIME: Duration = Duration::from_mins(1);

const USER: &str = "bench";
const PASSWORD: &str = "bench-password";

/// Synapse of the given Python interpreter.
pub(crate) async fn start(python: &Path, parent: Option<&Path>) -> Result<Server, Error> {
    let folder = server::new_folder(parent)?;
    let (path, address) = (folder.path().to_owned(), server::free_address()?);
    let tool_log = path.join("tool.log");
    let run = |what, arguments: &[&str]| {
        let mut command = Command::new(python);
        command.current_dir(&path).args(arguments);
        Child::run(what, command, &tool_log, TOOL_TIME)
    };
    run("Making Synapse's configuration", &[&HOMESERVER[..], &GENERATE].concat()).await?;
    // YAML reads JSON, and of two files the later one wins.
    fs::write(path.join("bench.yaml"), further_configuration(address).to_string())?;

    let mut command = Command::new(python);
    command.current_dir(&path).args(HOMESERVER).args(["-c", "homeserver.yaml", "-c", "bench.yaml"]);
    let child = Child::start(command, &path.join("log"))?.also_logs_to(path.join("homeserver.log"));
    let mut server =
        Server::await_start(Kind::Synapse, address, child, folder, "/_matrix/client/versions").await?;

    let url = format!("http://{address}");
    let register = ["-m", "synapse._scripts.register_new_matrix_user", "-c", "homeserver.yaml"];
    let user = ["-u", USER, "-p", PASSWORD, "--no-admin", &url];
    run("Registering Synapse's user", &[&register[..], &user].concat()).await?;
    server.token = Some(log_in(&server).await?);
    Ok(server)
}

/// What `python -m` calls it.
const HOMESERVER: [&str; 2] = ["-m", "synapse.app.homeserver"];

const GENERATE: [&str; 7] = [
    "--generate-config",
    "--server-name=bench.example.org",
    "--config-path=homeserver.yaml",
    "--config-directory=.",
    "--data-directory=.",
    "--report-stats=no",
    "--open-private-ports",
];

/// The port, the upload limit that the gateway has by default, no keys of others, and no limit that a load would meet.
fn further_configuration(address: SocketAddr) -> Value {
    let plenty = json!({ "per_second": 1_000_000, "burst_count": 1_000_000 });
    json!({
        "listeners": [{
            "type": "http", "tls": false,
            "port": address.port(), "bind_addresses": [address.ip().to_string()],
            "resources": [{ "names": ["client"], "compress": false }],
        }],
        "max_upload_size": "100M",
        "trusted_key_servers": [],
        "rc_message": plenty,
        "rc_registration": plenty,
        "rc_login": { "address": plenty, "account": plenty, "failed_attempts": plenty },
        "rc_media_create": plenty,
    })
}

async fn log_in(server: &Server) -> Result<String, Error> {
    let request = json!({
        "type": "m.login.password",
        "identifier": { "type": "m.id.user", "user": USER },
        "password": PASSWORD,
    });
    let answer = server.connect().await?.post_json("/_matrix/client/v3/login", &request).await?;
    match answer["access_token"].as_str() {
        Some(token) => Ok(token.to_owned()),
        None => Err(RequestError::Json("an access token").into()),
    }
}
