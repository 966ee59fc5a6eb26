//! One measurement: so many connections, each busy with one request after the other.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::{
    connection::Connection,
    error::{Error, RequestError},
    media::Media,
    operation::Operation,
    process::Process,
    server::Server,
};

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
    /// Processor cores that the server used.
    pub(crate) server_cores: f64,
    /// Processor cores that the benchmark used.
    pub(crate) load_cores: f64,
}

/// When a measurement begins to count, and when it ends.
#[derive(Clone, Copy, Debug)]
struct Window {
    opens: Instant,
    closes: Instant,
}

/// Puts a server under load: first the warm-up, then the time that counts.
pub(crate) async fn measure(
    server: &Server,
    media: &Media,
    operation: Operation,
    connections: u16,
    (warm_up, time): (Duration, Duration),
) -> Result<Measured, Error> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(server.connect().await?);
    }
    let shared = crate::operation::shared_bytes();
    let opens = Instant::now() + warm_up;
    let window = Window { opens, closes: opens + time };
    let mut workers = JoinSet::new();
    for connection in open {
        workers.spawn(work(connection, operation, media.clone(), shared.clone(), window));
    }

    tokio::time::sleep_until(window.opens.into()).await;
    let before = cores_used(server)?;
    tokio::time::sleep_until(window.closes.into()).await;
    let after = cores_used(server)?;

    let mut durations = Vec::new();
    while let Some(worker) = workers.join_next().await {
        let of_one = worker.map_err(std::io::Error::other)?;
        durations.extend(of_one.map_err(|cause| Error::Operation {
            server: server.kind.name(),
            operation: operation.name(),
            cause,
        })?);
    }
    durations.sort_unstable();
    Ok(Measured {
        per_second: f64::from(u32::try_from(durations.len()).unwrap_or(u32::MAX)) / time.as_secs_f64(),
        median: percentile(&durations, 50),
        p99: percentile(&durations, 99),
        server_cores: after.0.saturating_sub(before.0).div_duration_f64(time),
        load_cores: after.1.saturating_sub(before.1).div_duration_f64(time),
    })
}

/// How long each request took that ended within the window.
async fn work(
    mut connection: Connection,
    operation: Operation,
    media: Media,
    shared: Bytes,
    window: Window,
) -> Result<Vec<Duration>, RequestError> {
    let mut durations = Vec::new();
    loop {
        let begun = Instant::now();
        if begun >= window.closes {
            return Ok(durations);
        }
        operation.perform(&mut connection, &media, &shared).await?;
        let ended = Instant::now();
        if ended >= window.opens && ended < window.closes {
            durations.push(ended - begun);
        }
    }
}

/// The server's processor time and the benchmark's own.
fn cores_used(server: &Server) -> Result<(Duration, Duration), Error> {
    Ok((server.child.process().cpu_time()?, Process::This.cpu_time()?))
}

/// Of sorted durations, the one that so many of a hundred do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_durations_that_were_measured() {
        let sorted: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 50), Duration::from_millis(100));
        assert_eq!(percentile(&sorted, 99), Duration::from_millis(198));
        assert_eq!(percentile(&sorted[..1], 99), Duration::from_millis(1));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}
