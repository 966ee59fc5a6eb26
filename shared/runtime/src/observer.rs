//! Who watches the work: gives it a trace when it begins, and when it has ended writes down what was counted.

use std::{
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use http::HeaderMap;
use media_core::{Clock, Timestamp};
use serde_json::{Map, Value};
use storage::SdkCalls;
use telemetry::{Metric, Trace, Work};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    config::{self, environment},
    emf,
};

/// Where Lambda says to which trace what it hands over belongs; its runtime keeps it up to date.
const X_RAY_VARIABLE: &str = "_X_AMZN_TRACE_ID";

/// Watches the work of one process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Observer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    /// Whose figures are written; `None` when none are.
    source: Option<emf::Source>,
    is_on_lambda: bool,
    is_cold: AtomicBool,
}

impl Observer {
    pub(crate) fn new(config: &config::Telemetry, clock: Clock) -> Self {
        let source = config.metrics.clone();
        Self(Arc::new(Inner {
            clock,
            source,
            is_on_lambda: config.is_on_lambda,
            is_cold: AtomicBool::new(true),
        }))
    }

    /// The work that a request is, in the trace that its headers say or in one of its own.
    pub(crate) fn request(&self, headers: &HeaderMap) -> Work {
        // Several are as good as none (Trace Context, 3.2).
        let said = |name: &str| {
            let mut values = headers.get_all(name).iter();
            values.next().filter(|_| values.next().is_none())?.to_str().ok()
        };
        let trace = said("traceparent").and_then(Trace::parse);
        let trace = trace.or_else(|| said("x-amzn-trace-id").and_then(Trace::parse_x_ray));
        Work::new(trace.unwrap_or_else(|| self.trace()))
    }

    /// Does what an event asks for, in the trace that it says or in one of its own, and writes down what was counted.
    pub fn job<T>(
        &self,
        name: &'static str,
        traceparent: Option<&str>,
        job: impl Future<Output = T>,
    ) -> impl Future<Output = T> {
        let work = Work::new(traceparent.and_then(Trace::parse).unwrap_or_else(|| self.trace()));
        let (calls, started) = (SdkCalls::default(), Instant::now());
        let job = calls.counting(work.run(job));
        async move {
            let done = job.await;
            if self.is_counting() {
                let mut properties = Map::new();
                properties.insert("job".to_owned(), name.into());
                properties.insert("duration_ms".to_owned(), milliseconds(started).into());
                self.ended(&work, &calls, properties, &format!("Did {name}"));
            }
            done
        }
    }

    /// Whether what is counted is written down.
    pub(crate) fn is_counting(&self) -> bool {
        self.0.source.is_some()
    }

    /// Writes the line of work that has ended. It is the log line as well, so it says what every log line says: Lambda
    /// judges by `level` and `timestamp` whether and when a line was written.
    pub(crate) fn ended(
        &self,
        work: &Work,
        calls: &SdkCalls,
        mut properties: Map<String, Value>,
        sentence: &str,
    ) {
        let Some(source) = &self.0.source else { return };
        if self.0.is_cold.swap(false, Ordering::Relaxed) {
            work.count(Metric::ColdStart, 1);
        }
        for (price, count) in calls.by_price() {
            work.count(price, count);
        }
        let at = self.0.clock.now();
        properties.insert("timestamp".to_owned(), rfc3339(at).into());
        properties.insert("level".to_owned(), "INFO".into());
        properties.insert("message".to_owned(), sentence.into());
        properties.insert("trace_id".to_owned(), work.trace().to_string().into());
        properties.insert("sdk_calls".to_owned(), calls.total().into());
        let line = emf::line(source, at, work, properties) + "\n";
        // In one piece, and without a word when nobody reads it: no request fails for its line.
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }

    /// Lambda's trace of this invocation, or a new one.
    fn trace(&self) -> Trace {
        let invocation = self.0.is_on_lambda.then(|| environment(X_RAY_VARIABLE)).flatten();
        invocation.as_deref().and_then(Trace::parse_x_ray).unwrap_or_else(Trace::random)
    }
}

/// Since then, in whole milliseconds.
pub(crate) fn milliseconds(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn rfc3339(at: Timestamp) -> String {
    let nanoseconds = i128::from(at.0) * 1_000_000;
    let moment = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(&Rfc3339).unwrap_or_default()
}
