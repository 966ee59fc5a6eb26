//! Another server that answers as it is told, byte for byte, over TLS, and remembers what it was asked.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use media_core::{Mxc, OwnedServerName};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
};

use crate::Authority;

/// A server named `localhost:<port>`. What nobody told it to answer it does not know: 404 `M_UNRECOGNIZED`.
///
/// ```ignore
/// let origin = Origin::start(&authority).await;
/// origin.answers("/_matrix/federation/v1/media/download/", Reply::two_parts("Content-Type: text/plain", "hello"));
/// home.client().download(&origin.mxc("abc")).await;
/// assert!(origin.asked()[0].is_signed());
/// ```
pub struct Origin {
    name: OwnedServerName,
    heard: Arc<Heard>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Default)]
struct Heard {
    /// The last that fits is the one that counts.
    script: Mutex<Vec<(String, Reply)>>,
    asked: Mutex<Vec<Asked>>,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The path with its query, byte for byte.
    pub target: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// What goes over the wire in answer, and when.
#[derive(Clone, Debug)]
pub struct Reply(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Bytes(Bytes),
    Wait(Gate),
}

/// Holds the rest of a reply back until it is opened. Clones are one gate.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Origin {
    /// One that `authority` vouches for, on a port of the loopback.
    pub async fn start(authority: &Authority) -> Self {
        let front = authority.front("localhost").await;
        let name = format!("localhost:{}", front.port()).try_into().expect("a server name");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let inside: SocketAddr = listener.local_addr().expect("an address");
        let heard = Arc::<Heard>::default();
        let tasks = [front.pass_on_to(inside), tokio::spawn(listen(listener, heard.clone()))];
        Self { name, heard, tasks }
    }

    /// Its server name.
    #[must_use]
    pub fn name(&self) -> &OwnedServerName {
        &self.name
    }

    /// A URL of its own.
    #[must_use]
    pub fn url(&self, target: &str) -> String {
        format!("https://{}{target}", self.name)
    }

    /// The name of media that it owns.
    #[must_use]
    pub fn mxc(&self, media_id: &str) -> Mxc {
        Mxc::parse(self.name.as_str(), media_id).expect("a name")
    }

    /// From now on this is the answer to every request whose target begins so.
    pub fn answers(&self, target_begins: &str, reply: Reply) {
        locked(&self.heard.script).push((target_begins.to_owned(), reply));
    }

    /// What it was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        locked(&self.heard.asked).clone()
    }

    /// The targets of what it was asked so far.
    #[must_use]
    pub fn targets(&self) -> Vec<String> {
        locked(&self.heard.asked).iter().map(|asked| asked.target.clone()).collect()
    }

    /// Is down from here on: nobody listens on its port.
    pub async fn stop(&mut self) {
        for task in &mut self.tasks {
            task.abort();
            // Its listener is gone when the task has ended, not when it is told to.
            let _ = task.await;
        }
    }
}

impl Asked {
    /// Whether it says who asks (server-server API, "Request authentication").
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.header("authorization").starts_with("X-Matrix ")
    }

    /// A header as text; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Reply {
    /// These bytes and no others, the status line included; then the connection is closed.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self(vec![Piece::Bytes(bytes.into())])
    }

    /// A status, headers as they stand on the wire (one a line), and a body of a said length.
    pub fn new(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let status = StatusCode::from_u16(status).expect("a status");
        let mut head =
            format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        for line in headers.lines().map(str::trim).filter(|line| !line.is_empty()) {
            head.push_str(line);
            head.push_str("\r\n");
        }
        Self::raw([head.as_bytes(), b"\r\n", body].concat())
    }

    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "Content-Type: application/json", body.to_string())
    }

    /// An error of Matrix.
    #[must_use]
    pub fn error(status: u16, errcode: &str) -> Self {
        Self::json(status, &json!({ "errcode": errcode, "error": "As told" }))
    }

    /// Media in two parts, the second with these headers (one a line).
    pub fn two_parts(headers: &str, media: impl AsRef<[u8]>) -> Self {
        let headers = headers.lines().map(str::trim).collect::<Vec<_>>().join("\r\n");
        let start = format!(
            "\r\n--told\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--told\r\n{headers}\r\n\r\n"
        );
        let body = [start.as_bytes(), media.as_ref(), b"\r\n--told--\r\n"].concat();
        Self::new(200, "Content-Type: multipart/mixed; boundary=told", body)
    }

    /// Media behind a link.
    #[must_use]
    pub fn link(to: &str) -> Self {
        Self::two_parts(&format!("Location: {to}"), "")
    }

    /// Nothing at all: the connection is closed.
    #[must_use]
    pub fn hang_up() -> Self {
        Self(Vec::new())
    }

    /// All but the last `bytes` at once, those when the gate opens.
    #[must_use]
    pub fn with_last_bytes_behind(self, bytes: usize, gate: &Gate) -> Self {
        let whole: Vec<u8> = self.0.iter().flat_map(Piece::bytes).copied().collect();
        let mut first = Bytes::from(whole);
        let last = first.split_off(first.len().saturating_sub(bytes));
        Self(vec![Piece::Bytes(first), Piece::Wait(gate.clone()), Piece::Bytes(last)])
    }
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Wait(_) => &[],
        }
    }
}

impl Gate {
    /// A closed one.
    #[must_use]
    pub fn closed() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.0.close();
    }

    async fn pass(&self) {
        // There is never a permit: the wait ends when the semaphore is closed.
        let _ = self.0.acquire().await;
    }
}

async fn listen(listener: TcpListener, heard: Arc<Heard>) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(answer(socket, heard.clone()));
    }
}

/// One request, one answer: whoever asks again connects again. Who hangs up early is not missed.
async fn answer(mut socket: TcpStream, heard: Arc<Heard>) -> std::io::Result<()> {
    let Some(asked) = read(&mut socket).await? else {
        return Ok(());
    };
    let reply = heard.reply_to(&asked.target);
    locked(&heard.asked).push(asked);
    for piece in reply.0 {
        match piece {
            Piece::Bytes(bytes) => socket.write_all(&bytes).await?,
            Piece::Wait(gate) => gate.pass().await,
        }
    }
    socket.shutdown().await
}

/// `None` when the connection was closed before a whole request came.
async fn read(socket: &mut TcpStream) -> std::io::Result<Option<Asked>> {
    let mut came = Vec::new();
    let end = loop {
        if let Some(at) = came.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if socket.read_buf(&mut came).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&came[..end]).into_owned();
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let method = words.next().unwrap_or_default().parse().expect("a method");
    let target = words.next().unwrap_or_default().to_owned();
    let headers: HeaderMap = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| {
            let value = HeaderValue::from_str(value.trim()).expect("a header");
            (name.parse::<HeaderName>().expect("a header's name"), value)
        })
        .collect();
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let length: usize = length.unwrap_or_default();
    let mut body = came.split_off(end + 4);
    while body.len() < length {
        if socket.read_buf(&mut body).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(Asked { method, target, headers, body: body.into() }))
}

impl Heard {
    fn reply_to(&self, target: &str) -> Reply {
        let script = locked(&self.script);
        let told = script.iter().rev().find(|(begins, _)| target.starts_with(begins));
        told.map_or_else(|| Reply::error(404, "M_UNRECOGNIZED"), |(_, reply)| reply.clone())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
