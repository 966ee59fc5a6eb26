//! What a piece of work costs: processor time of the whole process, and time on the wall.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// What something cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// In user mode and in the kernel, of all threads: the sum that `getrusage` splits.
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
}

/// Does it, and says what it cost.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let (cpu, wall) = (processor_time(), Instant::now());
    let done = work();
    let wall = wall.elapsed();
    (done, Cost { cpu: processor_time().saturating_sub(cpu), wall })
}

fn processor_time() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(spent).unwrap_or_default()
}
