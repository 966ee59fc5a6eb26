//! What the policies of `template.yaml` allow beyond what the tests made use of: run after all of them, silent when there is
//! nothing to say.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use support::policies;

fn main() -> ExitCode {
    let complaints = policies::complaints();
    for complaint in &complaints {
        // Who cannot read it learns from the status.
        let _ = writeln!(io::stderr(), "{complaint}");
    }
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
