//! Our side of `benches/imaging`: the pipeline as a child process, to be timed or to have its instructions counted.

mod clock;
mod error;
mod protocol;
mod runner;
mod work;

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;

use crate::{error::Error, work::Work};

#[derive(Parser)]
#[command(about)]
enum Command {
    /// Answers requests, one JSON object a line, until there are no more.
    Answer,
    /// Does one thing to one file, once, for a tool that counts instructions.
    Once {
        /// What to do.
        work: Work,
        /// The picture.
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    match obey(&Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed pipe is nobody's fault.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn obey(command: &Command) -> Result<(), Error> {
    match command {
        Command::Answer => runner::answer(io::stdin().lock(), io::stdout().lock()),
        Command::Once { work, file } => {
            let source = fs::read(file)?;
            let made = work::counted(*work, &source)?;
            writeln!(io::stdout(), "{}", made.len())?;
            Ok(())
        }
    }
}
