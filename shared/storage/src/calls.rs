//! How many calls to AWS each operation makes: counted by an interceptor inside the SDK, shown in every request's log
//! line, and pinned by tests.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeTransmitInterceptorContextRef, dyn_dispatch_hint},
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use telemetry::Metric;
use tokio::task::JoinHandle;

tokio::task_local! {
    static OF_THIS_TASK: Vec<SdkCalls>;
}

/// A ledger of calls by operation name. Clones share it. Every attempt counts, retries too: each is a call on the wire.
#[derive(Clone, Debug, Default)]
pub struct SdkCalls(Arc<Mutex<BTreeMap<String, u64>>>);

impl SdkCalls {
    /// Runs `work` and counts the calls made by it here, besides wherever else they are counted.
    pub fn counting<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        let elsewhere = OF_THIS_TASK.try_with(Clone::clone).unwrap_or_default();
        Self::counting_in([elsewhere, vec![self.clone()]].concat(), work)
    }

    fn counting_in<F: Future>(ledgers: Vec<Self>, work: F) -> impl Future<Output = F::Output> + use<F> {
        OF_THIS_TASK.scope(ledgers, Box::pin(work))
    }

    /// Runs `work` in a task of its own, which goes on when the caller goes away. Its calls count where the caller's do,
    /// and so does whatever else it counts.
    pub fn spawn<F>(work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let ledgers = OF_THIS_TASK.try_with(Clone::clone).unwrap_or_default();
        tokio::spawn(Self::counting_in(ledgers, telemetry::carried(work)))
    }

    /// The calls so far, by the operation's name, such as `GetItem`.
    #[must_use]
    pub fn by_operation(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The calls so far that cost something, by the price that they have.
    #[must_use]
    pub fn by_price(&self) -> BTreeMap<Metric, u64> {
        let mut prices = BTreeMap::new();
        for (operation, calls) in self.by_operation() {
            if let Some(price) = price(&operation) {
                *prices.entry(price).or_default() += calls;
            }
        }
        prices
    }

    /// All calls so far.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    fn count(&self, operation: &str) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match calls.get_mut(operation) {
            Some(calls) => *calls += 1,
            None => drop(calls.insert(operation.to_owned(), 1)),
        }
    }
}

/// What is paid for an operation, as the price lists of S3, DynamoDB and Lambda have it; `None` for what costs nothing.
fn price(operation: &str) -> Option<Metric> {
    Some(match operation {
        "GetObject" | "HeadObject" => Metric::S3Reads,
        "PutObject"
        | "CopyObject"
        | "CreateMultipartUpload"
        | "UploadPart"
        | "UploadPartCopy"
        | "CompleteMultipartUpload"
        | "ListObjectsV2" => Metric::S3Writes,
        "GetItem" | "Query" | "Scan" | "BatchGetItem" => Metric::DynamoDbReads,
        "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" => Metric::DynamoDbWrites,
        "Invoke" => Metric::Invocations,
        _ => return None,
    })
}

/// The interceptor: adds each attempt to the process's ledger and to those of the current task.
#[derive(Debug)]
pub(crate) struct CountCalls(pub SdkCalls);

#[dyn_dispatch_hint]
impl Intercept for CountCalls {
    fn name(&self) -> &'static str {
        "CountCalls"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = config.load::<Metadata>().map_or("?", |metadata| metadata.name());
        self.0.count(operation);
        // Outside a request (an event, a background loop) there is no task's ledger, and that is fine.
        let _ = OF_THIS_TASK.try_with(|ledgers| ledgers.iter().for_each(|calls| calls.count(operation)));
        Ok(())
    }
}
