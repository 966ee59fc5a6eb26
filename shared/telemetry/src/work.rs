//! One piece of work, a request or an event: its ledger and its trace, found by whatever runs under it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tracing::{Instrument as _, Span};

use crate::{Metric, Trace};

tokio::task_local! {
    static CURRENT: Work;
}

/// A piece of work. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Work {
    trace: Trace,
    counted: Arc<[AtomicU64]>,
}

impl Work {
    /// Work that belongs to `trace`, of which nothing is counted yet.
    #[must_use]
    pub fn new(trace: Trace) -> Self {
        Self { trace, counted: Metric::ALL.iter().map(|_| AtomicU64::new(0)).collect() }
    }

    /// To which trace it belongs.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Adds to a figure.
    pub fn count(&self, metric: Metric, by: u64) {
        self.counted[metric as usize].fetch_add(by, Ordering::Relaxed);
    }

    /// What was counted so far, and is not zero.
    #[must_use]
    pub fn counted(&self) -> Vec<(Metric, u64)> {
        let counts = self.counted.iter().map(|count| count.load(Ordering::Relaxed));
        Metric::ALL.iter().copied().zip(counts).filter(|(_, count)| *count > 0).collect()
    }

    /// Runs `task` as this work, or as a part of it: it counts here, and its log lines say the trace.
    pub fn run<F: Future>(&self, task: F) -> impl Future<Output = F::Output> + use<F> {
        let span = tracing::info_span!("work", trace_id = %self.trace);
        CURRENT.scope(self.clone(), Box::pin(task.instrument(span)))
    }
}

/// Adds to a figure of the work that this is done for, if it is done for any.
pub fn count(metric: Metric, by: u64) {
    let _ = CURRENT.try_with(|work| work.count(metric, by));
}

/// The `traceparent` of a call that this work makes; `None` outside of any. For what is ours and for the operator's
/// homeserver alone: other servers are not told by which request of whom they are asked.
#[must_use]
pub fn traceparent() -> Option<String> {
    CURRENT.try_with(|work| work.trace.child()).ok()
}

/// `task`, to be run in a task of its own as part of the work that this is done for.
pub fn carried<F: Future>(task: F) -> impl Future<Output = F::Output> + use<F> {
    let current = CURRENT.try_with(Clone::clone).ok();
    let task = task.instrument(Span::current());
    async move {
        match current {
            Some(work) => CURRENT.scope(work, task).await,
            None => task.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_done_for_a_piece_of_work_counts_there_and_nowhere_else() {
        let (one, two) = (Work::new(Trace::random()), Work::new(Trace::random()));
        count(Metric::Orphans, 1);
        assert_eq!(traceparent(), None);
        let counting = async |by| {
            count(Metric::Orphans, by);
            tokio::spawn(carried(async move { count(Metric::BytesFetched, by) })).await.unwrap();
            Trace::parse(&traceparent().unwrap()).unwrap()
        };
        let traces = tokio::join!(one.run(counting(1)), two.run(counting(2)));
        assert_eq!(traces, (*one.trace(), *two.trace()));
        assert_eq!(one.counted(), [(Metric::BytesFetched, 1), (Metric::Orphans, 1)]);
        assert_eq!(two.counted(), [(Metric::BytesFetched, 2), (Metric::Orphans, 2)]);
    }
}
