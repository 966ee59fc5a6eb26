//! The engine as a service, for whoever puts something in front of it: each request goes on over the loopback.

use std::{
    error::Error as StdError,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, Error, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::Service;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Hands requests on to an engine, whose bodies are as they came unless something in front changed them.
#[derive(Debug)]
pub struct Forward<B = Incoming> {
    to: SocketAddr,
    client: Client<HttpConnector, B>,
}

/// Whatever the bodies are: only the way is cloned.
impl<B> Clone for Forward<B> {
    fn clone(&self) -> Self {
        Self { to: self.to, client: self.client.clone() }
    }
}

impl<B> Forward<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    /// Hands requests on to the engine at `to`.
    #[must_use]
    pub fn new(to: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { to, client: Client::builder(TokioExecutor::new()).build(connector) }
    }
}

impl<B> Service<Request<B>> for Forward<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    type Response = Response<Incoming>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, Error>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let uri = Uri::builder().scheme("http").authority(self.to.to_string()).path_and_query(target).build();
        // An address and a target that was one already always make a URI.
        if let Ok(uri) = uri {
            *request.uri_mut() = uri;
        }
        Box::pin(self.client.request(request))
    }
}
