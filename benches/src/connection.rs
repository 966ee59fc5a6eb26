//! One keep-alive connection to a server, which carries one request at a time.

use std::{net::SocketAddr, time::Duration};

use bytes::{Buf as _, Bytes, buf::Chain};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header, request::Builder};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::error::RequestError;

/// How long an answer may take, its body included.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(30);

/// Two pieces, so that bodies may share most of their bytes.
pub(crate) type Body = Full<Chain<Bytes, Bytes>>;

/// An open connection, and who asks.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Body>,
    address: SocketAddr,
    host: HeaderValue,
    authorization: Option<HeaderValue>,
}

/// An answer of which the body is read and forgotten.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) location: Option<HeaderValue>,
    pub(crate) size_bytes: u64,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr, token: Option<&str>) -> Result<Self, RequestError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with its sender, which also hears of what goes wrong.
        tokio::spawn(connection);
        let host = HeaderValue::try_from(address.to_string()).map_err(http::Error::from)?;
        let bearer = token.map(|token| HeaderValue::try_from(format!("Bearer {token}")));
        let authorization = bearer.transpose().map_err(http::Error::from)?;
        Ok(Self { sender, address, host, authorization })
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer, RequestError> {
        let request = self.request(Method::GET, path).body(nothing())?;
        self.send_and_drain(request).await
    }

    /// A plain GET, without a token, of what a redirect names. A browser would open a second connection because the host
    /// has another name; here the first one carries it, so that the number of connections is what the table says.
    pub(crate) async fn follow(&mut self, location: &HeaderValue) -> Result<Answer, RequestError> {
        let elsewhere = || RequestError::Location(String::from_utf8_lossy(location.as_bytes()).into_owned());
        let uri = Uri::try_from(location.as_bytes()).map_err(|_| elsewhere())?;
        let (Some(host), Some(target)) = (uri.authority(), uri.path_and_query()) else {
            return Err(elsewhere());
        };
        if host.port_u16() != Some(self.address.port()) {
            return Err(elsewhere());
        }
        let request = Request::get(target.as_str()).header(header::HOST, host.as_str()).body(nothing())?;
        self.send_and_drain(request).await
    }

    pub(crate) async fn post(
        &mut self,
        path: &str,
        content_type: &'static str,
        body: Body,
    ) -> Result<Answer, RequestError> {
        let request =
            self.request(Method::POST, path).header(header::CONTENT_TYPE, content_type).body(body)?;
        self.send_and_drain(request).await
    }

    /// Like [`Self::post`], for the answers that are read: uploads outside the measurements, and logging in.
    pub(crate) async fn post_for_json(
        &mut self,
        path: &str,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<Value, RequestError> {
        let request =
            self.request(Method::POST, path).header(header::CONTENT_TYPE, content_type).body(whole(body))?;
        let reading = async {
            let response = self.send(request).await?;
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            if status != StatusCode::OK {
                return Err(RequestError::Status(status));
            }
            serde_json::from_slice(&body).map_err(|_| RequestError::Json("JSON"))
        };
        tokio::time::timeout(ANSWER_TIME, reading).await.map_err(|_| RequestError::Slow(ANSWER_TIME))?
    }

    pub(crate) async fn post_json(&mut self, path: &str, body: &Value) -> Result<Value, RequestError> {
        self.post_for_json(path, "application/json", body.to_string().into()).await
    }

    fn request(&self, method: Method, path: &str) -> Builder {
        let request = Request::builder().method(method).uri(path).header(header::HOST, self.host.clone());
        match &self.authorization {
            Some(authorization) => request.header(header::AUTHORIZATION, authorization.clone()),
            None => request,
        }
    }

    async fn send_and_drain(&mut self, request: Request<Body>) -> Result<Answer, RequestError> {
        let draining = async {
            let (mut head, mut body) = self.send(request).await?.into_parts();
            let mut size_bytes = 0;
            while let Some(frame) = body.frame().await {
                size_bytes += frame?.data_ref().map_or(0, Bytes::len) as u64;
            }
            Ok(Answer { status: head.status, location: head.headers.remove(header::LOCATION), size_bytes })
        };
        tokio::time::timeout(ANSWER_TIME, draining).await.map_err(|_| RequestError::Slow(ANSWER_TIME))?
    }

    async fn send(&mut self, request: Request<Body>) -> Result<Response<Incoming>, RequestError> {
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }
}

/// A body of one piece.
pub(crate) fn whole(bytes: Bytes) -> Body {
    Full::new(bytes.chain(Bytes::new()))
}

fn nothing() -> Body {
    whole(Bytes::new())
}
