//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::Parser;

use crate::operation::Operation;

/// Uploads, downloads and thumbnails per second through the gateway's real port, and the memory that it takes.
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
pub(crate) struct Options {
    /// How long each measurement takes, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,

    /// How long the same load runs before each measurement, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=60))]
    warm_up_seconds: u64,

    /// Numbers of connections to measure with, each kept alive and used by one request at a time
    #[arg(
        long, value_name = "COUNT,…", value_delimiter = ',', default_values_t = [1, 8, 64],
        value_parser = clap::value_parser!(u16).range(1..=1024)
    )]
    pub(crate) connections: Vec<u16>,

    /// Operations to measure; default: all
    #[arg(long, value_name = "OPERATION,…", value_delimiter = ',')]
    only: Vec<Operation>,

    /// A Python interpreter that has Synapse (PyPI: matrix-synapse), which then gets the same requests
    #[arg(long, value_name = "PYTHON")]
    pub(crate) synapse: Option<PathBuf>,

    /// Where the servers' folders are made, which are removed at the end; default: the system's temporary folder
    #[arg(long, value_name = "PATH")]
    pub(crate) folder: Option<PathBuf>,
}

impl Options {
    pub(crate) fn measuring_time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    pub(crate) fn warm_up_time(&self) -> Duration {
        Duration::from_secs(self.warm_up_seconds)
    }

    pub(crate) fn operations(&self) -> Vec<Operation> {
        let chosen = |operation: &Operation| self.only.is_empty() || self.only.contains(operation);
        Operation::ALL.into_iter().filter(chosen).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn without_a_choice_everything_is_measured() {
        let options = Options::parse_from(["bench"]);
        assert_eq!(options.operations(), Operation::ALL);
        assert_eq!(options.connections, [1, 8, 64]);
    }

    #[test]
    fn a_choice_is_measured_in_the_usual_order() {
        let options = Options::parse_from(["bench", "--only", "redirect,upload"]);
        assert_eq!(options.operations(), [Operation::Upload, Operation::Redirect]);
    }
}
