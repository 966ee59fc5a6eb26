//! The command: reads its options, runs until a signal, ends what is under way.

use std::process::ExitCode;

use runtime::{Config, logs};
use tokio::signal::unix::{SignalKind, signal};

use crate::{Gateway, Surroundings, options, welcome};

/// Runs the gateway as the command line says; returns after SIGINT or SIGTERM, or when it cannot start.
pub async fn run() -> ExitCode {
    logs::start();
    match Box::pin(until_signal()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("The gateway does not start: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn until_signal() -> Result<(), runtime::Error> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let config = Config::read(options::lookup(options::from_command_line())?)?;
    let gateway = Gateway::start(config, Surroundings::default()).await?;
    welcome::say(&welcome::text(&gateway));
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    tracing::info!("Stopping: requests under way may end");
    gateway.stop().await;
    Ok(())
}
