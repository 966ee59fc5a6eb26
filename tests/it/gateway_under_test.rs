//! The gateway as a process of its own, so that a test can kill it.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    gateway::command::run().await
}
