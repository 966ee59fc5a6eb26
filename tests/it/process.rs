//! The gateway as a process of its own: started, watched, killed.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
};

use support::{Client, parameters::Parameters, policies, wait::PATIENCE};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command},
    time::timeout,
};

/// The token of the one user that these gateways know.
pub(crate) const TOKEN: &str = "dev-token";

/// A gateway that is running. Dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    /// What it said to whoever started it.
    pub(crate) welcome: String,
    base: String,
    lines: Option<Lines<BufReader<ChildStdout>>>,
    _nothing_refused: policies::NothingRefused,
}

/// A gateway that did not start.
pub(crate) struct Refused {
    pub(crate) status: ExitStatus,
    /// What it logged.
    pub(crate) said: String,
}

/// A command for a gateway over this folder; the test adds what it wishes.
pub(crate) fn gateway(folder: &Path) -> Command {
    let mut command = bare_gateway();
    command
        .env("MEDIA_SERVER_NAME", "example.org")
        .env("MEDIA_LISTEN", "127.0.0.1:0")
        .env("MEDIA_DEV_TOKENS", format!("{TOKEN}=@alice:example.org"))
        .env("MEDIA_DATA_FOLDER", folder);
    command
}

/// The same, of a gateway that finds its secrets in this store of parameters.
pub(crate) fn gateway_with(folder: &Path, parameters: &Parameters) -> Command {
    let mut command = gateway(folder);
    command.env("MEDIA_SSM_ENDPOINT", parameters.url()).env("AWS_REGION", "eu-west-1");
    command
}

/// A command that says nothing; nothing of the test's own environment reaches it either.
pub(crate) fn bare_gateway() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway-under-test"));
    command
        .env_clear()
        .env(policies::NOTES, policies::notes())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

impl Process {
    /// Starts it and returns when it has said where it answers.
    pub(crate) async fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut welcome = String::new();
        // Its last line says how it ends.
        while !welcome.contains("Ctrl-C") {
            let line = timeout(PATIENCE, lines.next_line()).await.expect("a gateway that starts").unwrap();
            welcome += &line.expect("a gateway that starts");
            welcome += "\n";
        }
        let base = welcome.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        Self { child, welcome, base, lines: Some(lines), _nothing_refused: policies::NothingRefused }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.base, Some(TOKEN))
    }

    /// Where it answers: a host and a port.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.base.trim_start_matches("http://").parse().unwrap()
    }

    /// What it writes to standard output after its welcome.
    pub(crate) fn lines(&mut self) -> Lines<BufReader<ChildStdout>> {
        self.lines.take().unwrap()
    }

    /// What it logs, where the test had that piped.
    pub(crate) fn stderr(&mut self) -> ChildStderr {
        self.child.stderr.take().unwrap()
    }

    /// SIGKILL: it cannot do anything about it.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM or SIGINT, by their names without `SIG`; it may take its time.
    pub(crate) async fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id().unwrap());
        assert!(Command::new("sh").args(["-c", &kill]).status().await.unwrap().success());
    }

    pub(crate) async fn ended(mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("a gateway that ends").unwrap()
    }

    /// A figure in KiB of what the system knows about its memory, such as `VmHWM`, the most it ever held.
    pub(crate) fn memory_kib(&self, figure: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find(|line| line.starts_with(figure)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

/// Starts a gateway that is to refuse, and waits for it to do so.
pub(crate) async fn refused(command: &mut Command) -> Refused {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let ended = async {
        child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
        child.wait().await.unwrap()
    };
    let status = timeout(PATIENCE, ended).await.expect("a gateway that refuses");
    Refused { status, said }
}
