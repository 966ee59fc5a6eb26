//! The command: reads its options, runs until a signal, ends what is under way; or asks another how it is.

use std::{io, process::ExitCode};

use clap::ArgMatches;
use runtime::{Config, config::environment, logs, settings};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    Gateway, Surroundings, options,
    probe::{self, Said},
    welcome,
};

/// Runs the gateway as the command line says; returns after SIGINT or SIGTERM, or when it cannot start.
pub async fn run() -> ExitCode {
    run_in(Surroundings::default()).await
}

/// As [`run`], in surroundings that a test chooses.
pub async fn run_in(surroundings: Surroundings) -> ExitCode {
    let options = options::from_command_line();
    if let Some((options::HEALTH, asked)) = options.subcommand() {
        return health(&listening(&options, asked)).await;
    }
    logs::start();
    match Box::pin(until_signal(options, surroundings)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("The gateway does not start: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn until_signal(options: ArgMatches, surroundings: Surroundings) -> Result<(), runtime::Error> {
    let mut signals = Signals::listen()?;
    let config = Config::read(options::lookup(options)?)?;
    let gateway = Gateway::start(config, surroundings).await?;
    welcome::say(&welcome::text(&gateway));
    signals.next().await;
    tracing::info!("Stopping: requests under way may end");
    tokio::select! {
        () = gateway.stop() => {}
        // What is cut off here is what a crash cuts off: nothing acknowledged is lost.
        () = signals.next() => tracing::warn!("Told to stop again: not waiting any longer"),
    }
    Ok(())
}

/// The signals that ask to stop.
struct Signals {
    interrupted: Signal,
    terminated: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        let (interrupted, terminated) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupted, terminated })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
    }
}

/// Where the gateway that is asked after listens: as the subcommand says, or as it would be told itself.
fn listening(options: &ArgMatches, asked: &ArgMatches) -> String {
    let setting = &settings::LISTEN;
    let said = asked.get_one(options::HEALTH_OF).or_else(|| options.get_one::<String>(setting.name)).cloned();
    let said = said.or_else(|| environment(setting.name)).filter(|address| !address.is_empty());
    said.unwrap_or_else(|| setting.default.unwrap_or_default().to_owned())
}

async fn health(listening: &str) -> ExitCode {
    let Ok(address) = listening.parse() else {
        welcome::say(&format!("{listening:?} is no {}\n", settings::LISTEN.unit));
        return ExitCode::FAILURE;
    };
    match probe::ask(address).await {
        Ok(Said { is_well, body }) => {
            welcome::say(&format!("{body}\n"));
            if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            welcome::say(&format!("Nobody answers at {listening}: {error}\n"));
            ExitCode::FAILURE
        }
    }
}
