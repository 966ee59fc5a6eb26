//! One process from its start to its first answer, and what Linux says of its memory.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use support::{
    Outcome, RuntimeApi,
    lambda::{Cloud, environment},
};
use tokio::process::{Child, Command};

use crate::asked::{Asked, Kind};

/// How long an answer may take.
const TIME: Duration = Duration::from_mins(1);

/// Why nothing can be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{binary} cannot be started: {cause}")]
    Start { binary: PathBuf, cause: io::Error },
    #[error("{name} failed: {outcome:?}")]
    Failed { name: &'static str, outcome: Outcome },
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("/proc has an unknown form")]
    Proc,
}

/// A process that has answered once.
pub(crate) struct Started {
    pub(crate) process: Process,
    /// From its start until it asked for something to do: the time that Lambda calls `Init Duration`.
    pub(crate) ready: Duration,
    /// From its start until it had answered.
    pub(crate) answered: Duration,
}

/// Dropped, it is killed.
pub(crate) struct Process {
    api: RuntimeApi,
    child: Child,
}

/// Starts it as Lambda would, with its first event already there.
pub(crate) async fn start(binary: &Path, cloud: &Cloud, asked: &Asked) -> Result<Started, Error> {
    let api = RuntimeApi::start().await;
    let variables = match asked.kind {
        Kind::Hello => environment::of_lambda("hello", 128, &api).into(),
        Kind::Function(name) => environment::of(name, cloud, &api),
    };
    let mut command = Command::new(binary);
    command.env_clear().envs(variables).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let child = command.kill_on_drop(true).spawn();
    let child = child.map_err(|cause| Error::Start { binary: binary.to_owned(), cause })?;
    let process = Process { api, child };
    process.answer(asked).await?;
    let answered = start.elapsed();
    let asked_at = process.api.first_asked().ok_or(Error::Proc)?;
    Ok(Started { process, ready: asked_at.duration_since(start), answered })
}

impl Process {
    pub(crate) async fn answer(&self, asked: &Asked) -> Result<(), Error> {
        match self.api.invoke(asked.event.clone(), TIME).await {
            Outcome::Buffered(_) | Outcome::Streamed(_) => Ok(()),
            outcome => Err(Error::Failed { name: asked.kind.name(), outcome }),
        }
    }

    /// Resident at most so far (`VmHWM`), in KiB.
    pub(crate) fn peak_kib(&self) -> Result<u64, Error> {
        let id = self.child.id().ok_or(Error::Proc)?;
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or(Error::Proc)?;
        line.trim().trim_end_matches("kB").trim().parse().map_err(|_| Error::Proc)
    }
}
