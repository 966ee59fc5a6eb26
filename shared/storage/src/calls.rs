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
use tokio::task::JoinHandle;

tokio::task_local! {
    static OF_THIS_TASK: SdkCalls;
}

/// A ledger of calls by operation name. Clones share it. Every attempt counts, retries too: each is a call on the wire.
#[derive(Clone, Debug, Default)]
pub struct SdkCalls(Arc<Mutex<BTreeMap<String, u64>>>);

impl SdkCalls {
    /// Runs `work` and counts the calls made by it here, besides wherever else they are counted.
    pub fn counting<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        OF_THIS_TASK.scope(self.clone(), Box::pin(work))
    }

    /// Runs `work` in a task of its own, which goes on when the caller goes away. Its calls count where the caller's do.
    pub fn spawn<F>(work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        match OF_THIS_TASK.try_get() {
            Ok(calls) => tokio::spawn(calls.counting(work)),
            Err(_) => tokio::spawn(work),
        }
    }

    /// The calls so far, by the operation's name, such as `GetItem`.
    #[must_use]
    pub fn by_operation(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

/// The interceptor: adds each attempt to the process's ledger and to the current task's, if it has one.
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
        let _ = OF_THIS_TASK.try_with(|calls| calls.count(operation));
        Ok(())
    }
}
