//! What is counted and traced of each piece of work, wherever it happens.
//!
//! A request or an event is a [`Work`]: one ledger, one trace. Whatever runs under it says [`count`] and need not know who
//! listens; `runtime` writes the ledger down when the work has ended. Outside of any work counting does nothing.
//!
//! Own, and small. The facade `metrics` with its exporter for CloudWatch (`metrics_cloudwatch_embedded`, Apache-2.0,
//! maintained) was looked at: its recorder is one for the whole process, so that of two requests at the same time, as
//! every gateway has them, neither would have figures of its own; and the counts of calls are here already, by task.

pub mod metric;
pub mod trace;
mod work;

pub use metric::{Metric, Unit};
pub use trace::Trace;
pub use work::{Work, carried, count, traceparent};
