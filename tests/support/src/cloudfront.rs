//! CloudFront as it stands in front of the bucket: it lets in who comes with a link that the operator's key has signed, and
//! gets the bytes from S3 in its own name.

use std::sync::{Arc, OnceLock};

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use media_core::Clock;
use rcgen::KeyPair;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::net::TcpListener;

use crate::{Server, Setup};

/// The id that it gave the operator's public key.
pub const KEY_ID: &str = "K2JCJMDEHXQW5F";

/// What of a link is the signature, and no part of what was signed.
const SIGNATURE: [&str; 4] = ["Expires", "Signature", "Key-Pair-Id", "Hash-Algorithm"];

/// A distribution on the loopback. Clones share it.
#[derive(Clone)]
pub struct CloudFront(Arc<Inner>);

struct Inner {
    url: String,
    public_key: Vec<u8>,
    private_key: String,
    file: NamedTempFile,
    origin: OnceLock<Origin>,
}

/// What it stands in front of.
struct Origin {
    s3: aws_sdk_s3::Client,
    bucket: String,
    clock: Clock,
}

impl CloudFront {
    /// One that knows a key of the operator's and has no bucket yet.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let key = KeyPair::generate().expect("a key of P-256");
        let file = NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), key.serialize_pem()).expect("a writable file");
        let cloudfront = Self(Arc::new(Inner {
            url: format!("http://{}", listener.local_addr().expect("an address")),
            public_key: key.public_key_raw().to_vec(),
            private_key: key.serialize_pem(),
            file,
            origin: OnceLock::new(),
        }));
        let routes = Router::new().fallback(answer).with_state(cloudfront.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        cloudfront
    }

    /// What its links begin with.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The operator's private key, in PEM.
    #[must_use]
    pub fn private_key(&self) -> &str {
        &self.0.private_key
    }

    /// The same key's file.
    #[must_use]
    pub fn key_file(&self) -> &str {
        self.0.file.path().to_str().expect("a readable path")
    }

    /// A server whose links lead here.
    #[must_use]
    pub fn in_links_of(&self, setup: Setup) -> Setup {
        setup
            .set("MEDIA_DELIVERY", "cloudfront")
            .set("MEDIA_LINK_URL", self.url())
            .set("MEDIA_LINK_KEY_ID", KEY_ID)
            .set("MEDIA_LINK_KEY_FILE", self.key_file())
    }

    /// From now on it stands in front of this server's bucket, and has its time.
    pub fn stands_before(&self, server: &Server) {
        let store = &server.gateway.deps().config.store;
        let clock = server.surroundings.clock.clone();
        let origin = Origin { s3: crate::aws::s3(store), bucket: store.bucket.clone(), clock };
        assert!(self.0.origin.set(origin).is_ok(), "it stands before one bucket only");
    }

    /// Whether a link is good, as far as can be told from the link, the public key and the time.
    fn admits(&self, target: &str, now_s: u64) -> bool {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (signature, rest): (Vec<_>, Vec<_>) = query
            .split('&')
            .partition(|pair| SIGNATURE.iter().any(|name| pair.split('=').next() == Some(*name)));
        let said = |name: &str| {
            let said: Vec<_> =
                signature.iter().filter_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).collect();
            if let [once] = said[..] { Some(once) } else { None }
        };
        let [expires, signed, key, hash] = SIGNATURE.map(said);
        let (Some(expires), Some(signed)) = (expires, signed) else { return false };
        let Ok(expires_s) = expires.parse::<u64>() else { return false };
        let resource = format!("{}{path}?{}", self.0.url, rest.join("&"));
        let policy = [
            r#"{"Statement":[{"Resource":""#,
            &resource,
            r#"","Condition":{"DateLessThan":{"AWS:EpochTime":"#,
            expires,
            "}}}]}",
        ]
        .concat();
        let base64 = signed.replace('-', "+").replace('_', "=").replace('~', "/");
        let Ok(signature) = STANDARD.decode(base64) else { return false };
        let public_key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.0.public_key);
        let is_signed = public_key.verify(policy.as_bytes(), &signature).is_ok();
        is_signed && now_s < expires_s && key == Some(KEY_ID) && hash == Some("SHA256")
    }
}

async fn answer(State(cloudfront): State<CloudFront>, request: Request) -> Response {
    let origin = cloudfront.0.origin.get().expect("a bucket to stand before");
    let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let answer = if cloudfront.admits(&target, origin.clock.now().0 / 1000) {
        origin.get(&target, request.headers()).await
    } else {
        refused(StatusCode::FORBIDDEN)
    };
    shown(answer)
}

impl Origin {
    /// As a request of CloudFront's own: of the query it has what tells copies apart, of the client's headers what makes it
    /// conditional or partial. No token.
    async fn get(&self, target: &str, headers: &HeaderMap) -> Response {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parameter = |wanted: &str| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let said = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let get = self.s3.get_object().bucket(&self.bucket).key(path.trim_start_matches('/'));
        let get = get
            .set_response_cache_control(parameter("response-cache-control"))
            .set_response_content_disposition(parameter("response-content-disposition"))
            .set_response_content_type(parameter("response-content-type"))
            .set_range(said(header::RANGE))
            .set_if_none_match(said(header::IF_NONE_MATCH));
        match get.send().await {
            Ok(object) => handed_on(object).await,
            Err(error) => {
                let status = error.raw_response().map_or(502, |response| response.status().as_u16());
                refused(StatusCode::from_u16(status).expect("a status"))
            }
        }
    }
}

async fn handed_on(object: GetObjectOutput) -> Response {
    let status = if object.content_range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let described = [
        (header::CONTENT_TYPE, object.content_type),
        (header::CONTENT_DISPOSITION, object.content_disposition),
        (header::CACHE_CONTROL, object.cache_control),
        (header::CONTENT_RANGE, object.content_range),
        (header::ETAG, object.e_tag),
        (header::CONTENT_LENGTH, object.content_length.map(|length| length.to_string())),
    ];
    let bytes = object.body.collect().await.expect("an object").into_bytes();
    let mut response = (status, Body::from(bytes)).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    let described = described.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let described = described.map(|(name, value)| (name, HeaderValue::try_from(value).expect("a header")));
    response.headers_mut().extend(described);
    response
}

/// As the pages of `infra/answers.yaml` say it.
fn refused(status: StatusCode) -> Response {
    if status == StatusCode::NOT_MODIFIED {
        return status.into_response();
    }
    let errcode = if status == StatusCode::FORBIDDEN { "M_FORBIDDEN" } else { "M_UNKNOWN" };
    (status, Json(json!({ "errcode": errcode, "error": "This link is no longer good." }))).into_response()
}

/// With the headers of `infra/delivery.yaml`, which a test compares with these.
fn shown(mut response: Response) -> Response {
    response.headers_mut().extend(matrix::respond::content_headers());
    let anybody = (HeaderName::from_static("access-control-allow-origin"), HeaderValue::from_static("*"));
    response.headers_mut().extend([anybody]);
    response
}
