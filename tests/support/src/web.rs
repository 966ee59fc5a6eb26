//! A web site on the loopback that answers as it is told and remembers who asked for what.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, StatusCode};
use tokio::{net::TcpListener, sync::Semaphore};

/// A web site.
#[derive(Clone, Debug)]
pub struct Web {
    address: SocketAddr,
    pages: Arc<Mutex<HashMap<String, Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// Somebody who asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// For which path.
    pub path: String,
    /// With which headers.
    pub headers: HeaderMap,
}

#[derive(Clone, Debug)]
struct Answer {
    status: StatusCode,
    headers: Vec<(String, String)>,
    body: Bytes,
    end: End,
    held: Arc<Semaphore>,
}

/// How a body ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// As bodies do.
    Usual,
    /// It is repeated for ever.
    Never,
    /// More is promised and does not come, nor does the end.
    Silence,
    /// The connection breaks.
    Broken,
}

impl Web {
    /// An empty site at 127.0.0.1.
    pub async fn start() -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST).await
    }

    /// An empty site at an address of the loopback.
    pub async fn start_at(ip: Ipv4Addr) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.expect("a loopback port");
        let address = listener.local_addr().expect("an address");
        let web = Self { address, pages: Arc::default(), asked: Arc::default() };
        let routes = Router::new().fallback(answer).with_state(web.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        web
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The URL of a path, with another name for the host.
    #[must_use]
    pub fn url_at(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.address.port())
    }

    /// From now on there is an HTML page at `path`.
    pub fn page(&self, path: &str, html: impl Into<Bytes>) {
        self.answers(path, 200, &[("content-type", "text/html; charset=utf-8")], html);
    }

    /// From now on this is the answer at `path`.
    pub fn answers(&self, path: &str, status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) {
        let status = StatusCode::from_u16(status).expect("a status");
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let held = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let answer = Answer { status, headers, body: body.into(), end: End::Usual, held };
        self.lock().insert(path.to_owned(), answer);
    }

    /// From now on the answer at `path` is repeated without an end.
    pub fn never_ends(&self, path: &str) {
        self.ends(path, End::Never);
    }

    /// From now on whoever asks for `path` gets the answer and waits for more.
    pub fn falls_silent(&self, path: &str) {
        self.ends(path, End::Silence);
    }

    /// From now on the connection breaks behind the answer at `path`, of which more was promised.
    pub fn breaks_off(&self, path: &str) {
        self.ends(path, End::Broken);
    }

    fn ends(&self, path: &str, end: End) {
        self.lock().get_mut(path).expect("an answer at this path").end = end;
    }

    /// From now on whoever asks for `path` has to wait until a permit is added to what comes back.
    #[must_use]
    pub fn holds(&self, path: &str) -> Arc<Semaphore> {
        let held = Arc::new(Semaphore::new(0));
        self.lock().get_mut(path).expect("an answer at this path").held = Arc::clone(&held);
        held
    }

    /// Everybody who asked, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often a path was asked for.
    #[must_use]
    pub fn times_asked(&self, path: &str) -> usize {
        self.asked().iter().filter(|asked| asked.path == path).count()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Answer>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(State(web): State<Web>, request: Request) -> Response {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let asked = Asked { path: path.clone(), headers: request.headers().clone() };
    web.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    let found = web.lock().get(&path).cloned();
    let Some(Answer { mut status, headers, mut body, end, held }) = found else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if let Some(from) = last_bytes(request.headers()).and_then(|bytes| body.len().checked_sub(bytes)) {
        (status, body) = (StatusCode::PARTIAL_CONTENT, body.slice(from..));
    }
    // Nobody closes it; a permit is given back for the next.
    drop(held.acquire().await);
    let once = stream::once(std::future::ready(Ok::<_, std::io::Error>(body.clone())));
    let body = match end {
        End::Usual => Body::from(body),
        End::Never => Body::from_stream(stream::iter(std::iter::repeat_with(move || {
            Ok::<_, std::io::Error>(body.clone())
        }))),
        End::Silence => Body::from_stream(once.chain(stream::pending())),
        End::Broken => {
            // Not before what came before it has left.
            let broken = async {
                tokio::task::yield_now().await;
                Err(std::io::Error::other("broken"))
            };
            Body::from_stream(once.chain(stream::once(broken)))
        }
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(body).expect("an answer")
}

/// How many of the last bytes somebody asks for; other ranges are not known here.
fn last_bytes(headers: &HeaderMap) -> Option<usize> {
    headers.get(http::header::RANGE)?.to_str().ok()?.strip_prefix("bytes=-")?.parse().ok()
}
