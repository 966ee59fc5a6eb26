//! A Matrix client that follows no redirect by itself, so that tests see each answer.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use media_core::Mxc;
use serde_json::Value;

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Client {
    base: String,
    token: Option<String>,
    http: reqwest::Client,
}

/// One answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The bytes.
    pub body: Bytes,
}

impl Client {
    /// A client of the server at `base`.
    #[must_use]
    pub fn new(base: &str, token: Option<&str>) -> Self {
        Self { base: base.to_owned(), token: token.map(ToOwned::to_owned), http: plain_http() }
    }

    /// The same client with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same client of another server; of whatever a whole URL names, when `base` is empty.
    #[must_use]
    pub fn with_base(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// A request that the test finishes itself.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// `GET` of a path.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// Uploads and returns the name.
    pub async fn upload(&self, bytes: impl Into<reqwest::Body>, content_type: &str, name: &str) -> Mxc {
        let answer = self.try_upload(bytes, content_type, name).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()["content_uri"].as_str().expect("a content_uri").parse().expect("an mxc:// URI")
    }

    /// Uploads and returns whatever came back.
    pub async fn try_upload(
        &self,
        bytes: impl Into<reqwest::Body>,
        content_type: &str,
        name: &str,
    ) -> Answer {
        let upload = self
            .request(Method::POST, "/_matrix/media/v3/upload")
            .query(&[("filename", name)])
            .header("content-type", content_type)
            .body(bytes);
        Answer::of(upload).await
    }

    /// Creates a name and returns it with the whole reply.
    pub async fn create(&self) -> (Mxc, Value) {
        let reply = self.try_create().await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        let reply = reply.json();
        (reply["content_uri"].as_str().expect("a content_uri").parse().expect("an mxc:// URI"), reply)
    }

    /// Asks for a name, without a body as complement does it, and returns whatever came back.
    pub async fn try_create(&self) -> Answer {
        Answer::of(self.request(Method::POST, "/_matrix/media/v1/create")).await
    }

    /// Brings the bytes for a name that was created.
    pub async fn put(
        &self,
        mxc: &Mxc,
        bytes: impl Into<reqwest::Body>,
        content_type: &str,
        name: &str,
    ) -> Answer {
        let path = format!("/_matrix/media/v3/upload/{}/{}", mxc.origin, mxc.media_id);
        let put = self.request(Method::PUT, &path).query(&[("filename", name)]);
        Answer::of(put.header("content-type", content_type).body(bytes)).await
    }

    /// Says that the bytes for a name went straight to S3, as the clients of mautrix do.
    pub async fn complete(&self, mxc: &Mxc, name: &str) -> Answer {
        let path = format!(
            "/_matrix/media/unstable/com.beeper.msc3870/upload/{}/{}/complete",
            mxc.origin, mxc.media_id
        );
        Answer::of(self.request(Method::POST, &path).query(&[("filename", name)])).await
    }

    /// The old, unauthenticated download's own answer, with further parameters.
    pub async fn legacy_download(&self, mxc: &Mxc, query: &str) -> Answer {
        self.get(&format!("/_matrix/media/v3/download/{}/{}?{query}", mxc.origin, mxc.media_id)).await
    }

    /// The download endpoint's own answer.
    pub async fn download(&self, mxc: &Mxc) -> Answer {
        self.get(&format!("/_matrix/client/v1/media/download/{}/{}", mxc.origin, mxc.media_id)).await
    }

    /// The same, of whoever waits this long for media that is on its way.
    pub async fn download_waiting(&self, mxc: &Mxc, wait_ms: u64) -> Answer {
        let path = format!("/_matrix/client/v1/media/download/{}/{}", mxc.origin, mxc.media_id);
        self.get(&format!("{path}?timeout_ms={wait_ms}")).await
    }

    /// The thumbnail endpoint's own answer.
    pub async fn thumbnail(&self, mxc: &Mxc, query: &str) -> Answer {
        self.get(&format!("/_matrix/client/v1/media/thumbnail/{}/{}?{query}", mxc.origin, mxc.media_id)).await
    }

    /// Where an answer leads in the end: itself, or what a plain GET without a token finds behind its redirect.
    pub async fn follow(&self, answer: Answer) -> Answer {
        match answer.location() {
            Some(location) if answer.status == StatusCode::TEMPORARY_REDIRECT => {
                Answer::of(self.http.get(location)).await
            }
            _ => answer,
        }
    }
}

impl Answer {
    /// Sends a request and reads its answer.
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        Self::try_of(request).await.expect("an answer")
    }

    /// Sends a request that may break.
    pub async fn try_of(request: reqwest::RequestBuilder) -> reqwest::Result<Self> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Self { status, headers, body: response.bytes().await? })
    }

    /// A header as text; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Where a redirect leads.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.headers.get("location").and_then(|value| value.to_str().ok())
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// `403 M_FORBIDDEN`, for comparing refusals; checks what every refusal must carry.
    #[must_use]
    pub fn refusal(&self) -> String {
        let json = self.json();
        assert!(json["error"].as_str().is_some_and(|error| !error.is_empty()), "no sentence: {self:?}");
        assert_eq!(self.header("access-control-allow-origin"), "*", "no CORS: {self:?}");
        assert_eq!(self.header("content-type"), "application/json");
        format!("{} {}", self.status.as_u16(), json["errcode"].as_str().unwrap_or("?"))
    }
}

/// A plain HTTP client of the tests' own, outside the product's fence.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the tests are not the product: they talk to it")]
pub fn plain_http() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tls_backend_preconfigured(crate::authority::no_roots())
        .build()
        .expect("an HTTP client")
}
