//! `cargo run --profile gateway -p benches`: the gateway under load through its real port, beside Synapse where it is installed.

mod child;
mod connection;
mod error;
mod gateway;
mod load;
mod media;
mod operation;
mod options;
mod page_cache;
mod process;
mod quiet;
mod run;
mod server;
mod synapse;
mod table;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::{error::Error, options::Options};

/// One thread: the load must leave the cores to the servers, and needs far less than one itself.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match until_signal(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed pipe is nobody's fault.
            let _ = writeln!(io::stderr(), "The benchmark ended early: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whatever ends the run, dropping it ends the servers.
async fn until_signal(options: &Options) -> Result<(), Error> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        done = run::run(options) => done,
        _ = interrupted.recv() => Err(Error::Interrupted),
        _ = terminated.recv() => Err(Error::Interrupted),
    }
}
