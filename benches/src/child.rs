//! A program that this one started, which never outlives it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{error::Error, process::Process};

/// How often a program that should end is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Lines of a program's output that are shown when it failed.
const LAST_LINES: usize = 12;

/// A running program; killed when dropped.
#[derive(Debug)]
pub(crate) struct Child {
    child: process::Child,
    logs: Vec<PathBuf>,
}

impl Child {
    /// Starts it, with everything it says going to the file `log`, as a service's output does.
    pub(crate) fn start(mut command: Command, log: &Path) -> Result<Self, Error> {
        let out = File::create(log)?;
        let errors = out.try_clone()?;
        let started = command.stdin(Stdio::null()).stdout(out).stderr(errors).spawn();
        let program = || PathBuf::from(command.get_program());
        let child = started.map_err(|cause| Error::NotStarted { program: program(), cause })?;
        Ok(Self { child, logs: vec![log.to_owned()] })
    }

    /// Runs a program that does one thing, and returns what it said.
    pub(crate) async fn run(
        what: &'static str,
        command: Command,
        log: &Path,
        limit: Duration,
    ) -> Result<String, Error> {
        let mut child = Self::start(command, log)?;
        let started = Instant::now();
        while started.elapsed() < limit {
            match child.child.try_wait()? {
                Some(status) if status.success() => return Ok(child.words()),
                Some(_) => break,
                None => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
        Err(Error::Failed { what, last_words: child.last_words() })
    }

    /// Names a further file that the program writes to by itself.
    pub(crate) fn also_logs_to(mut self, log: PathBuf) -> Self {
        self.logs.push(log);
        self
    }

    pub(crate) fn process(&self) -> Process {
        Process::Other(self.child.id())
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    pub(crate) fn last_words(&self) -> String {
        let words = self.words();
        let lines: Vec<_> = words.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    fn words(&self) -> String {
        // A log that is not there (yet) says nothing.
        self.logs.iter().filter_map(|log| fs::read_to_string(log).ok()).collect()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
