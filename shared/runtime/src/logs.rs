//! Logs: sentences on a terminal, JSON lines everywhere else.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt};

/// What is logged when `RUST_LOG` says nothing: our own sentences, and of the libraries only warnings. Of dynoxide not even
/// these: it warns of every conditional write that loses, which here is an outcome.
const DEFAULT_FILTER: &str = "info,hyper=warn,aws_config=warn,aws_sdk_s3=warn,aws_sdk_dynamodb=warn,aws_smithy_runtime=warn,aws_smithy_runtime_api=warn,s3s=off,dynoxide=error,hickory_resolver=warn,rustls=warn,reqwest=warn";

/// Whoever reads along follows no trace, and its id would be the longest word of every line.
const TRACES: &str = "telemetry=off";

/// Starts logging to standard error; a second call changes nothing.
///
/// Never logged, by anybody: access tokens, signed URLs, file names, bodies.
pub fn start() {
    let is_terminal = std::io::stderr().is_terminal();
    let mut filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    if let (true, Ok(no_trace)) = (is_terminal, TRACES.parse()) {
        filter = filter.add_directive(no_trace);
    }
    let logs = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Only the first call in a process wins, which is as it should be.
    let _ = if is_terminal {
        logs.with_target(false).try_init().map_err(drop)
    } else {
        logs.json().flatten_event(true).with_current_span(false).try_init().map_err(drop)
    };
}
