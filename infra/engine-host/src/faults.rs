//! What goes wrong between the functions and an engine, when a test says so.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use http::{Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{Either, Full};
use tokio::sync::{mpsc, oneshot, watch};
use tower::{Service, ServiceExt as _};

/// Rules that a test sets while an engine runs. Clones share them; without a rule a request costs one atomic load.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    active: AtomicBool,
    rules: Mutex<Rules>,
}

#[derive(Debug, Default)]
struct Rules {
    faults: Vec<Armed>,
    seen: Vec<String>,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    met: usize,
}

/// One thing that goes wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The operation that it happens to, such as `PutItem` or `PutObject`; `None` is every one.
    pub operation: Option<String>,
    /// To which of the matching calls.
    pub when: When,
    /// What happens.
    pub effect: Effect,
}

/// Which of the matching calls something happens to, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Every one.
    Always,
    /// This one alone: a passing fault.
    Nth(usize),
    /// This one and all that follow: to whoever calls, the same as a crash of their own.
    From(usize),
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Effect {
    /// The call waits until the watched value is true.
    Wait(watch::Receiver<bool>),
    /// The call waits for its turn: whoever listens here is handed what lets it go on.
    Turn(mpsc::Sender<oneshot::Sender<()>>),
    /// `500`: the engine failed before it did anything.
    Fail,
    /// `503 SlowDown` of S3, `400 ProvisionedThroughputExceededException` of DynamoDB.
    Throttle,
    /// The connection breaks before the call took effect.
    CutBefore,
    /// The call takes effect, and the connection breaks before anybody learns of it.
    CutAfter,
}

/// The connection is to break here.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut, as a test wished")]
pub struct Cut;

impl Faults {
    /// Sets one more rule, and begins to note every operation.
    pub fn inject(&self, fault: Fault) {
        self.rules().faults.push(Armed { fault, met: 0 });
        self.0.active.store(true, Ordering::SeqCst);
    }

    /// Begins to note every operation, without a fault.
    pub fn watch(&self) {
        self.0.active.store(true, Ordering::SeqCst);
    }

    /// Forgets all rules and notes.
    pub fn clear(&self) {
        self.0.active.store(false, Ordering::SeqCst);
        *self.rules() = Rules::default();
    }

    /// The operations since the first rule, in order.
    #[must_use]
    pub fn seen(&self) -> Vec<String> {
        self.rules().seen.clone()
    }

    /// Puts these faults in front of an engine.
    pub fn layer<S>(&self, engine: S) -> Faulty<S> {
        Faulty { faults: self.clone(), engine }
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Rules> {
        self.0.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn effect_on(&self, request: &Parts) -> Option<Effect> {
        if !self.0.active.load(Ordering::Relaxed) {
            return None;
        }
        let operation = operation(request);
        let mut rules = self.rules();
        rules.seen.push(operation.clone());
        let mut effect = None;
        for armed in &mut rules.faults {
            let Fault { operation: wanted, when, effect: what } = &armed.fault;
            if wanted.as_ref().is_none_or(|wanted| *wanted == operation) {
                armed.met += 1;
                if when.is_now(armed.met) {
                    effect.get_or_insert_with(|| what.clone());
                }
            }
        }
        effect
    }
}

impl When {
    fn is_now(self, call: usize) -> bool {
        match self {
            Self::Always => true,
            Self::Nth(nth) => call == nth,
            Self::From(first) => call >= first,
        }
    }
}

/// An engine with faults in front.
#[derive(Clone, Debug)]
pub struct Faulty<S> {
    faults: Faults,
    engine: S,
}

/// A body of the engine's, or of the fault's.
pub type FaultyBody<B> = Either<B, Full<bytes::Bytes>>;

impl<S, R, B> Service<Request<R>> for Faulty<S>
where
    S: Service<Request<R>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    R: Send + 'static,
{
    type Response = Response<FaultyBody<B>>;
    type Error = Cut;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Cut>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Cut>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<R>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let effect = self.faults.effect_on(&parts);
        let is_dynamodb = target(&parts).is_some();
        let engine = self.engine.clone();
        let request = Request::from_parts(parts, body);
        Box::pin(async move {
            match effect {
                Some(Effect::CutBefore) => return Err(Cut),
                Some(Effect::Fail) => return Ok(failure(is_dynamodb)),
                Some(Effect::Throttle) => return Ok(throttle(is_dynamodb)),
                // A sender that is gone will never release anybody: then the wait is over.
                Some(Effect::Wait(ref released)) => {
                    drop(released.clone().wait_for(|released| *released).await);
                }
                // Nor will whoever does not listen any more.
                Some(Effect::Turn(ref queue)) => {
                    let (go_on, turn) = oneshot::channel();
                    if queue.send(go_on).await.is_ok() {
                        drop(turn.await);
                    }
                }
                Some(Effect::CutAfter) | None => {}
            }
            // An engine that does not answer looks like a cut connection, and is one.
            let response = engine.oneshot(request).await.map_err(|_| Cut)?;
            match effect {
                Some(Effect::CutAfter) => Err(Cut),
                _ => Ok(response.map(Either::Left)),
            }
        })
    }
}

/// The SDK's name of the operation that a request asks for.
///
/// DynamoDB says it in a header; for S3 the method, the query and one header tell the operations apart that the product
/// uses.
fn operation(request: &Parts) -> String {
    if let Some(target) = target(request) {
        return target.rsplit('.').next().unwrap_or_default().to_owned();
    }
    let query = request.uri.query().unwrap_or_default();
    let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    let is_object = request.uri.path().trim_matches('/').contains('/');
    let name = match (&request.method, is_object) {
        (&Method::PUT, true) if has("partNumber") => "UploadPart",
        (&Method::PUT, true) if request.headers.contains_key("x-amz-copy-source") => "CopyObject",
        (&Method::PUT, true) => "PutObject",
        (&Method::PUT, false) => "CreateBucket",
        (&Method::GET, true) => "GetObject",
        (&Method::GET, false) => "ListObjectsV2",
        (&Method::HEAD, true) => "HeadObject",
        (&Method::HEAD, false) => "HeadBucket",
        (&Method::DELETE, true) if has("uploadId") => "AbortMultipartUpload",
        (&Method::DELETE, true) => "DeleteObject",
        (&Method::POST, true) if has("uploads") => "CreateMultipartUpload",
        (&Method::POST, true) if has("uploadId") => "CompleteMultipartUpload",
        (&Method::POST, false) if has("delete") => "DeleteObjects",
        _ => "Other",
    };
    name.to_owned()
}

fn target(request: &Parts) -> Option<&str> {
    request.headers.get("x-amz-target")?.to_str().ok()
}

fn failure<B>(is_dynamodb: bool) -> Response<FaultyBody<B>> {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    if is_dynamodb { json(status, "InternalServerError") } else { xml(status, "InternalError") }
}

fn throttle<B>(is_dynamodb: bool) -> Response<FaultyBody<B>> {
    if is_dynamodb {
        json(StatusCode::BAD_REQUEST, "ProvisionedThroughputExceededException")
    } else {
        xml(StatusCode::SERVICE_UNAVAILABLE, "SlowDown")
    }
}

fn json<B>(status: StatusCode, code: &str) -> Response<FaultyBody<B>> {
    let body =
        format!("{{\"__type\":\"com.amazonaws.dynamodb.v20120810#{code}\",\"message\":\"a test's wish\"}}");
    answer(status, "application/x-amz-json-1.0", body)
}

fn xml<B>(status: StatusCode, code: &str) -> Response<FaultyBody<B>> {
    let body = format!("<Error><Code>{code}</Code><Message>a test's wish</Message></Error>");
    answer(status, "application/xml", body)
}

fn answer<B>(status: StatusCode, content_type: &'static str, body: String) -> Response<FaultyBody<B>> {
    let mut response = Response::new(Either::Right(Full::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        net::TcpListener,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use hyper::body::Incoming;

    use super::*;
    use crate::{Running, serve};

    /// An engine that counts what it did, behind faults, on a socket.
    fn engine(faults: &Faults) -> (Running, Arc<AtomicUsize>) {
        let done = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&done);
        let engine = tower::service_fn(move |_: Request<Incoming>| {
            count.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, Infallible>(Response::new(Full::from("done"))) }
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        (serve("test", listener, faults.layer(engine)).unwrap(), done)
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own client")]
    fn http() -> reqwest::Client {
        // Whoever comes second finds it installed, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder().no_proxy().build().unwrap()
    }

    async fn put(engine: &Running) -> reqwest::Result<u16> {
        let url = format!("http://{}/bucket/key", engine.address());
        Ok(http().put(url).send().await?.status().as_u16())
    }

    fn on_second(operation: &str, effect: Effect) -> Fault {
        Fault { operation: Some(operation.to_owned()), when: When::Nth(2), effect }
    }

    #[tokio::test]
    async fn the_second_call_fails_and_no_other() {
        let faults = Faults::default();
        let (engine, done) = engine(&faults);
        faults.inject(on_second("GetObject", Effect::Fail));
        faults.inject(on_second("PutObject", Effect::Throttle));
        assert_eq!(put(&engine).await.unwrap(), 200);
        assert_eq!(put(&engine).await.unwrap(), 503);
        assert_eq!(put(&engine).await.unwrap(), 200);
        assert_eq!(done.load(Ordering::SeqCst), 2);
        assert_eq!(faults.seen(), ["PutObject"; 3]);
        faults.clear();
        assert_eq!(put(&engine).await.unwrap(), 200);
        engine.stop().await;
    }

    #[tokio::test]
    async fn a_cut_connection_breaks_before_or_after_the_effect() {
        let faults = Faults::default();
        let (engine, done) = engine(&faults);
        faults.inject(Fault { operation: None, when: When::Nth(1), effect: Effect::CutBefore });
        faults.inject(Fault { operation: None, when: When::Nth(2), effect: Effect::CutAfter });
        assert!(put(&engine).await.is_err());
        assert_eq!(done.load(Ordering::SeqCst), 0);
        assert!(put(&engine).await.is_err());
        assert_eq!(done.load(Ordering::SeqCst), 1);
        assert_eq!(put(&engine).await.unwrap(), 200);
    }

    #[tokio::test]
    async fn a_waiting_call_is_released() {
        let faults = Faults::default();
        let (engine, done) = engine(&faults);
        let (release, released) = watch::channel(false);
        faults.inject(Fault { operation: None, when: When::Always, effect: Effect::Wait(released) });
        let waiting = put(&engine);
        tokio::pin!(waiting);
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("it did not wait"),
            () = async { while faults.seen().is_empty() { tokio::task::yield_now().await } } => {}
        }
        assert_eq!(done.load(Ordering::SeqCst), 0);
        release.send(true).unwrap();
        assert_eq!(waiting.await.unwrap(), 200);
    }

    #[tokio::test]
    async fn calls_take_turns_as_whoever_listens_wishes() {
        let faults = Faults::default();
        let (engine, done) = engine(&faults);
        let (queue, mut waiting) = mpsc::channel(2);
        faults.inject(Fault { operation: None, when: When::Always, effect: Effect::Turn(queue) });
        let calls = async { tokio::join!(put(&engine), put(&engine)) };
        let wishes = async {
            let (first, second) = (waiting.recv().await.unwrap(), waiting.recv().await.unwrap());
            assert_eq!(done.load(Ordering::SeqCst), 0);
            second.send(()).unwrap();
            while done.load(Ordering::SeqCst) == 0 {
                tokio::task::yield_now().await;
            }
            first.send(()).unwrap();
        };
        let ((one, two), ()) = tokio::join!(calls, wishes);
        assert_eq!((one.unwrap(), two.unwrap()), (200, 200));
    }

    #[tokio::test]
    async fn stopping_ends_what_is_under_way_first() {
        let faults = Faults::default();
        let (engine, _done) = engine(&faults);
        let address = engine.address();
        let (release, released) = watch::channel(false);
        faults.inject(Fault { operation: None, when: When::Always, effect: Effect::Wait(released) });
        let url = format!("http://{address}/bucket/key");
        let under_way =
            tokio::spawn(async move { http().put(url).send().await.map(|answer| answer.status()) });
        while faults.seen().is_empty() {
            tokio::task::yield_now().await;
        }
        let stopping = tokio::spawn(engine.stop());
        release.send(true).unwrap();
        assert_eq!(under_way.await.unwrap().unwrap(), 200);
        stopping.await.unwrap();
        assert!(std::net::TcpStream::connect(address).is_err());
    }
}
