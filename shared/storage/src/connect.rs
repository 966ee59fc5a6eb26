//! The SDK clients: made once at start-up, for AWS or for the embedded engines alike.

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_s3::config::{
    Region, RequestChecksumCalculation, ResponseChecksumValidation, SharedInterceptor, retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::{Builder as HttpBuilder, tls};
use media_core::{Clock, Limits};

use crate::{
    Blobs, Ephemeral, Functions, Records, SdkCalls,
    calls::CountCalls,
    cloudfront::{CloudFront, LinkKey, LinkSettings},
    presign::{Presigner, Window},
};

/// Attempts of one call, the first included.
const ATTEMPTS: u32 = 4;

/// The first pause between two attempts; each further one is twice as long, and all are jittered.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// The longest pause between two attempts.
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

/// How long one attempt may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long one attempt may wait for the first byte of its answer; a part of a large upload is on its way meanwhile.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// Where things are kept. Without endpoints and credentials: AWS, as the environment says.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The AWS region; `None` takes the environment's.
    pub region: Option<String>,
    /// An access key and its secret; `None` takes the credential chain (environment, profile, instance role).
    pub credentials: Option<(String, String)>,
    /// S3's base URL; `None` is AWS.
    pub s3_endpoint: Option<String>,
    /// The base URL that clients reach the bucket under, for signed URLs; `None` is `s3_endpoint`.
    pub s3_public_endpoint: Option<String>,
    /// How links lead to CloudFront; `None` is to S3.
    pub links: Option<LinkSettings>,
    /// DynamoDB's base URL; `None` is AWS.
    pub dynamodb_endpoint: Option<String>,
    /// Lambda's base URL; `None` is AWS.
    pub lambda_endpoint: Option<String>,
    /// An access key and its secret for Lambda alone; `None` takes those of the rest.
    pub lambda_credentials: Option<(String, String)>,
    /// The bucket with every object.
    pub bucket: String,
    /// The durable table.
    pub table: String,
    /// The table of what may be forgotten.
    pub ephemeral_table: String,
    /// The name of the function that brings remote media home.
    pub remote_fetch_function: String,
    /// The name of the function that administrators call, which goes on with its own jobs.
    pub admin_function: String,
}

/// Everything that is kept, behind the verbs of the domain.
#[derive(Clone, Debug)]
pub struct Store {
    /// The bytes.
    pub blobs: Blobs,
    /// What is known of them.
    pub records: Records,
    /// What may be forgotten.
    pub ephemeral: Ephemeral,
    /// The functions that functions wake.
    pub functions: Functions,
    /// How many calls were made so far.
    pub calls: SdkCalls,
}

/// Makes the clients. Opens no connection: the first call does.
pub async fn connect(settings: &Settings, clock: &Clock, limits: &Limits) -> Store {
    connect_sharing(settings, clock, limits, &Shared::default()).await
}

/// What a process has once, in whosever name it speaks to AWS.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    /// The count of its calls.
    pub calls: SdkCalls,
    /// The key that it signs links with.
    pub link_key: LinkKey,
}

/// As [`connect`], where others are connected already.
pub async fn connect_sharing(settings: &Settings, clock: &Clock, limits: &Limits, with: &Shared) -> Store {
    let Shared { calls, link_key } = with.clone();
    let count = SharedInterceptor::new(CountCalls(calls.clone()));
    let shared = shared_config(settings).await;

    let s3 = s3_config(&shared, settings.s3_endpoint.as_ref()).interceptor(count.clone());
    // Signing calls nobody, so it is not counted; and its links lead where clients reach the bucket.
    let public_endpoint = settings.s3_public_endpoint.as_ref().or(settings.s3_endpoint.as_ref());
    let signing = aws_sdk_s3::Client::from_conf(s3_config(&shared, public_endpoint).build());
    let cloudfront = settings.links.clone().map(|links| CloudFront::new(links, calls.clone(), link_key));
    let presigner =
        Presigner::new(signing, settings.bucket.clone(), cloudfront, Window::of(limits), clock.clone());
    let mut dynamodb = aws_sdk_dynamodb::config::Builder::from(&shared).interceptor(count.clone());
    dynamodb.set_endpoint_url(settings.dynamodb_endpoint.clone());
    let dynamodb = aws_sdk_dynamodb::Client::from_conf(dynamodb.build());
    let mut lambda = aws_sdk_lambda::config::Builder::from(&shared).interceptor(count);
    // Nobody's setting, so that what AWS has for it (AWS_ENDPOINT_URL_LAMBDA) says where, unless the gateway does.
    if let Some(endpoint) = &settings.lambda_endpoint {
        lambda = lambda.endpoint_url(endpoint);
    }
    if let Some(credentials) = &settings.lambda_credentials {
        lambda = lambda.credentials_provider(given(credentials));
    }
    let lambda = aws_sdk_lambda::Client::from_conf(lambda.build());
    Store {
        blobs: Blobs::new(
            aws_sdk_s3::Client::from_conf(s3.build()),
            settings.bucket.clone(),
            Arc::new(presigner),
        ),
        records: Records::new(dynamodb.clone(), settings.table.clone()),
        ephemeral: Ephemeral::new(dynamodb, settings.ephemeral_table.clone(), clock.clone()),
        functions: Functions::new(
            lambda,
            settings.remote_fetch_function.clone(),
            settings.admin_function.clone(),
        ),
        calls,
    }
}

fn s3_config(shared: &SdkConfig, endpoint: Option<&String>) -> aws_sdk_s3::config::Builder {
    let mut config = aws_sdk_s3::config::Builder::from(shared)
        // Other engines than AWS know keys better than host names.
        .force_path_style(endpoint.is_some())
        // Checksums are sent where we have one (SHA-256); the SDK's default CRC would make every body chunked.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    config.set_endpoint_url(endpoint.cloned());
    config
}

pub(crate) async fn shared_config(settings: &Settings) -> SdkConfig {
    let http = HttpBuilder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build();
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(LONGEST_BACKOFF);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .retry_config(retries)
        .timeout_config(timeouts);
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(credentials) = &settings.credentials {
        loader = loader.credentials_provider(given(credentials));
    }
    loader.load().await
}

fn given((key, secret): &(String, String)) -> Credentials {
    Credentials::new(key, secret, None, None, "settings")
}
