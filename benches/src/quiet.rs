//! Waits until the servers have done what the last measurement left them to do, so that the next one begins alike.

use std::time::{Duration, Instant};

use crate::{error::Error, page_cache, server::Server};

/// How long the servers are watched before they count as quiet.
const WATCH_TIME: Duration = Duration::from_millis(200);

/// Processor time of one server within [`WATCH_TIME`] that is no work: two ticks of Linux's clock.
const IDLE_TIME: Duration = Duration::from_millis(20);

/// The longest wait for quiet; whoever is still busy then disturbs what follows.
const QUIET_LIMIT: Duration = Duration::from_secs(30);

/// Returns how long they still worked.
pub(crate) async fn wait(servers: &[Server]) -> Result<Duration, Error> {
    let started = Instant::now();
    let mut worked = Duration::ZERO;
    while worked < QUIET_LIMIT {
        let before = cpu_times(servers)?;
        tokio::time::sleep(WATCH_TIME).await;
        let after = cpu_times(servers)?;
        if before.iter().zip(&after).all(|(before, after)| after.saturating_sub(*before) <= IDLE_TIME) {
            break;
        }
        worked = started.elapsed();
    }
    page_cache::empty().await?;
    Ok(worked)
}

fn cpu_times(servers: &[Server]) -> Result<Vec<Duration>, Error> {
    servers.iter().map(|server| Ok(server.child.process().cpu_time()?)).collect()
}
