//! Where a question is asked: an endpoint, a client for it, and a bucket of the test's own.

mod embedded;
mod signing;

use std::fmt::Debug;
use std::thread;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_smithy_http_client::{Builder as HttpBuilder, tls};

pub(crate) use embedded::{Embedded, options};
pub(crate) use signing::{Signing, ago};

/// How long the links of these tests are good for.
const LINK_LIFETIME: std::time::Duration = std::time::Duration::from_mins(5);

/// An endpoint with a bucket for one test.
pub(crate) struct Place {
    pub(crate) s3: Client,
    pub(crate) http: reqwest::Client,
    pub(crate) endpoint: Endpoint,
    pub(crate) bucket: String,
    /// Runs as long as the test does.
    embedded: Option<Embedded>,
}

/// Where S3 is and as whom to speak to it.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) url: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) region: String,
}

impl Place {
    /// A new bucket: of the endpoint in the environment, or of an engine of the test's own.
    pub(crate) async fn open() -> Self {
        match Endpoint::from_environment() {
            Some(endpoint) => Self::at(endpoint, None).await,
            None => Self::embedded(Embedded::start(|_| {})).await,
        }
    }

    /// A new bucket of this engine, whatever the environment says.
    pub(crate) async fn embedded(embedded: Embedded) -> Self {
        Self::at(embedded.endpoint.clone(), Some(embedded)).await
    }

    async fn at(endpoint: Endpoint, embedded: Option<Embedded>) -> Self {
        let s3 = endpoint.client();
        let random: u128 = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), "bucket").into();
        let bucket = format!("conformance-{random:x}");
        s3.create_bucket().bucket(&bucket).send().await.expect("a bucket for the test");
        Self { s3, http: http_client(), endpoint, bucket, embedded }
    }

    /// The engine, where it is embedded.
    pub(crate) fn engine(&self) -> &Embedded {
        self.embedded.as_ref().expect("an embedded engine")
    }

    pub(crate) async fn put(&self, key: &str, body: impl Into<Vec<u8>>) -> PutObjectOutput {
        let put = self.s3.put_object().bucket(&self.bucket).key(key).body(body.into().into());
        put.send().await.expect("an object is put")
    }

    pub(crate) async fn read(&self, key: &str) -> Vec<u8> {
        let got =
            self.s3.get_object().bucket(&self.bucket).key(key).send().await.expect("an object is there");
        got.body.collect().await.expect("its bytes come").to_vec()
    }

    pub(crate) async fn exists(&self, key: &str) -> bool {
        self.s3.head_object().bucket(&self.bucket).key(key).send().await.is_ok()
    }

    /// A link to read an object with.
    pub(crate) async fn link(&self, key: &str) -> String {
        let get = self.s3.get_object().bucket(&self.bucket).key(key);
        get.presigned(link_config()).await.expect("a link").uri().to_owned()
    }

    /// The path-style address of an object, without any signature.
    pub(crate) fn url(&self, key: &str) -> String {
        format!("{}/{}/{key}", self.endpoint.url, self.bucket)
    }
}

impl Drop for Place {
    /// A bucket somewhere else is removed with all that is in it; the engine's folder goes by itself.
    fn drop(&mut self) {
        if self.embedded.is_none() {
            let (client, bucket) = (self.endpoint.client(), self.bucket.clone());
            let cleaning = thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(remove_bucket(&client, &bucket));
            });
            let _ = cleaning.join();
        }
    }
}

impl Endpoint {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tests' own settings; the product's are read elsewhere"
    )]
    fn from_environment() -> Option<Self> {
        let named = |name: &str| std::env::var(format!("CONFORMANCE_S3_{name}")).ok();
        Some(Self {
            url: named("ENDPOINT")?.trim_end_matches('/').to_owned(),
            access_key: named("ACCESS_KEY").unwrap_or_default(),
            secret_key: named("SECRET_KEY").unwrap_or_default(),
            region: named("REGION").unwrap_or_else(|| "us-east-1".to_owned()),
        })
    }

    pub(crate) fn client(&self) -> Client {
        let credentials = Credentials::new(&self.access_key, &self.secret_key, None, None, "conformance");
        let http = if self.url.starts_with("https:") {
            let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
            HttpBuilder::new().tls_provider(ring).build_https()
        } else {
            HttpBuilder::new().build_http()
        };
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.url)
            .region(Region::new(self.region.clone()))
            .credentials_provider(credentials)
            .force_path_style(true)
            .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
            .http_client(http);
        Client::from_conf(config.build())
    }

    /// The host and port.
    pub(crate) fn authority(&self) -> &str {
        self.url.split_once("://").map_or(self.url.as_str(), |(_, authority)| authority)
    }
}

pub(crate) fn link_config() -> PresigningConfig {
    PresigningConfig::expires_in(LINK_LIFETIME).unwrap()
}

/// The status and the error code with which a request was refused.
#[track_caller]
pub(crate) fn refusal<T: Debug, E: ProvideErrorMetadata + Debug>(
    answer: Result<T, SdkError<E>>,
) -> (u16, String) {
    let error = answer.expect_err("this request is to be refused");
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    (status, error.code().unwrap_or_default().to_owned())
}

/// Asserts that a request was refused in this way.
#[track_caller]
pub(crate) fn check_refused<T: Debug, E: ProvideErrorMetadata + Debug>(
    answer: Result<T, SdkError<E>>,
    status: u16,
    code: &str,
) {
    assert_eq!(refusal(answer), (status, code.to_owned()));
}

/// Asserts that a plain HTTP request was refused in this way.
#[track_caller]
pub(crate) fn check_body_says(body: &str, code: &str) {
    assert!(body.contains(&format!("<Code>{code}</Code>")), "{code} expected: {body}");
}

/// Bytes that differ from one to the next and never repeat soon.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

#[expect(clippy::disallowed_methods, reason = "the tests speak to a server of their own, on loopback")]
fn http_client() -> reqwest::Client {
    // Whoever comes second finds it installed, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().expect("an HTTP client")
}

async fn remove_bucket(client: &Client, bucket: &str) {
    while let Ok(page) = client.list_objects_v2().bucket(bucket).send().await {
        for object in page.contents() {
            let _ = client.delete_object().bucket(bucket).key(object.key().unwrap_or_default()).send().await;
        }
        if page.is_truncated() != Some(true) {
            break;
        }
    }
    let uploads = client.list_multipart_uploads().bucket(bucket).send().await;
    for upload in uploads
        .iter()
        .flat_map(aws_sdk_s3::operation::list_multipart_uploads::ListMultipartUploadsOutput::uploads)
    {
        let abort = client.abort_multipart_upload().bucket(bucket).set_key(upload.key.clone());
        let _ = abort.set_upload_id(upload.upload_id.clone()).send().await;
    }
    let _ = client.delete_bucket().bucket(bucket).send().await;
}
