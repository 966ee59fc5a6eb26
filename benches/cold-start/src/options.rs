//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Time from the start of each function's process to its first question and to its first answer, and its memory.
#[derive(Debug, Parser)]
#[command(name = "cold-start", version)]
pub(crate) struct Options {
    /// Where `cargo lambda build` left the functions, each in a folder of its name
    #[arg(long, value_name = "PATH", default_value = "target/lambda")]
    pub(crate) functions: PathBuf,

    /// How often each process is started
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) runs: u32,

    /// How many requests one process answers before its memory is looked at
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) requests: u32,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }
}
