//! `cargo run -p gateway`: a whole media repository on one machine.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    gateway::command::run().await
}
