//! The gateway as a process of its own, so that a test can kill it; each function may do what `template.yaml` says.

use std::process::ExitCode;

use gateway::{Surroundings, command};
use support::policies;

#[tokio::main]
async fn main() -> ExitCode {
    let policies = Some(policies::of_the_template());
    command::run_in(Surroundings { policies, ..Surroundings::default() }).await
}
