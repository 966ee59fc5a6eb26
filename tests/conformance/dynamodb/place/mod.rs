//! Where a question is asked: an endpoint, a client for it, and a table of the test's own.

mod shapes;
mod values;

use std::{fmt::Debug, sync::Mutex, thread, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        create_table::builders::CreateTableFluentBuilder, delete_item::builders::DeleteItemFluentBuilder,
        put_item::builders::PutItemFluentBuilder, query::builders::QueryFluentBuilder,
        update_item::builders::UpdateItemFluentBuilder,
    },
    types::TableStatus,
};
use aws_smithy_http_client::{Builder as HttpBuilder, tls};
use dynamodb_engine::DynamoDbEngine;

pub(crate) use shapes::{BY_OWNER, definition, indexed, key, simple};
pub(crate) use values::{
    Item, MAIN, bytes, flag, item, item_at, number, set, set_of, text, text_of, texts_of, values,
};

/// How long something may take to come true: a new table on AWS takes a while.
const PATIENCE: Duration = Duration::from_mins(2);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// An endpoint with a table for one test.
pub(crate) struct Place {
    pub(crate) dynamo: Client,
    pub(crate) table: String,
    endpoint: Endpoint,
    /// Runs as long as the test does.
    embedded: Option<DynamoDbEngine>,
    /// What is to be removed from a foreign endpoint.
    guests: Mutex<Vec<String>>,
}

/// Where DynamoDB is and as whom to speak to it.
struct Endpoint {
    url: String,
    access_key: String,
    secret_key: String,
    region: String,
}

impl Place {
    /// A new table with a sort key and an index: of the endpoint in the environment, or of an engine of the test's own.
    pub(crate) async fn open() -> Self {
        Self::shaped(indexed).await
    }

    /// A new table of this shape.
    pub(crate) async fn shaped(
        shape: impl FnOnce(CreateTableFluentBuilder) -> CreateTableFluentBuilder,
    ) -> Self {
        let place = Self::bare();
        place.create(shape(place.dynamo.create_table().table_name(&place.table))).await;
        place
    }

    /// A new table with a sort key and an index in an engine of the test's own, whatever the environment says.
    pub(crate) async fn open_embedded() -> Self {
        let place = Self::embedded(DynamoDbEngine::open(None).expect("the engine opens"));
        place.create(indexed(place.dynamo.create_table().table_name(&place.table))).await;
        place
    }

    /// No table yet, but a name for it.
    pub(crate) fn bare() -> Self {
        match Endpoint::from_environment() {
            Some(endpoint) => Self::at(endpoint, None),
            None => Self::embedded(DynamoDbEngine::open(None).expect("the engine opens")),
        }
    }

    /// No table yet, but a name for it, in this engine, whatever the environment says.
    pub(crate) fn embedded(engine: DynamoDbEngine) -> Self {
        Self::at(Endpoint::of(&engine), Some(engine))
    }

    fn at(endpoint: Endpoint, embedded: Option<DynamoDbEngine>) -> Self {
        let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), "table");
        let table = format!("conformance-{random:x}");
        Self { dynamo: endpoint.client(), table, endpoint, embedded, guests: Mutex::default() }
    }

    /// The engine, where it is embedded.
    pub(crate) fn engine(&self) -> &DynamoDbEngine {
        self.embedded.as_ref().expect("an embedded engine")
    }

    /// Goes on with what `reopen` makes of the engine: the same table, behind another port.
    pub(crate) async fn reopened(
        mut self,
        reopen: impl AsyncFnOnce(DynamoDbEngine) -> DynamoDbEngine,
    ) -> Self {
        let engine = reopen(self.embedded.take().expect("an embedded engine")).await;
        self.endpoint = Endpoint::of(&engine);
        self.dynamo = self.endpoint.client();
        self.embedded = Some(engine);
        self
    }

    /// Makes a table and waits until it is active.
    pub(crate) async fn create(&self, create: CreateTableFluentBuilder) {
        let name = create.get_table_name().clone().expect("a name");
        self.guests.lock().unwrap().push(name.clone());
        create.send().await.expect("a table for the test");
        eventually(async || {
            let described = self.dynamo.describe_table().table_name(&name).send().await.ok()?;
            (described.table?.table_status? == TableStatus::Active).then_some(())
        })
        .await;
    }

    /// A put of an item, to be sent.
    pub(crate) fn putting(&self, item: Item) -> PutItemFluentBuilder {
        self.dynamo.put_item().table_name(&self.table).set_item(Some(item))
    }

    pub(crate) async fn put(&self, item: Item) {
        self.putting(item).send().await.expect("an item is put");
    }

    /// An update of the main item of a partition, to be sent.
    pub(crate) fn updating(&self, pk: &str, expression: &str) -> UpdateItemFluentBuilder {
        let update = self.dynamo.update_item().table_name(&self.table);
        update.key("pk", text(pk)).key("sk", text(MAIN)).update_expression(expression)
    }

    /// A deletion of an item, to be sent.
    pub(crate) fn deleting(&self, pk: &str, sk: &str) -> DeleteItemFluentBuilder {
        self.dynamo.delete_item().table_name(&self.table).key("pk", text(pk)).key("sk", text(sk))
    }

    /// A query of a whole partition, to be sent.
    pub(crate) fn querying(&self, pk: &str) -> QueryFluentBuilder {
        let query = self.dynamo.query().table_name(&self.table).consistent_read(true);
        query.key_condition_expression("pk = :pk").expression_attribute_values(":pk", text(pk))
    }

    /// The main item of a partition as it is now.
    pub(crate) async fn read(&self, pk: &str) -> Option<Item> {
        self.read_at(pk, MAIN).await
    }

    pub(crate) async fn read_at(&self, pk: &str, sk: &str) -> Option<Item> {
        let get = self.dynamo.get_item().table_name(&self.table).consistent_read(true);
        get.key("pk", text(pk)).key("sk", text(sk)).send().await.expect("a read").item
    }
}

impl Drop for Place {
    /// Tables somewhere else are removed; the engine's go by themselves.
    fn drop(&mut self) {
        if self.embedded.is_none() {
            let client = self.endpoint.client();
            let guests = std::mem::take(&mut *self.guests.lock().unwrap());
            let cleaning = thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    for table in guests {
                        let _ = client.delete_table().table_name(table).send().await;
                    }
                });
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
        let named = |name: &str| std::env::var(format!("CONFORMANCE_DYNAMODB_{name}")).ok();
        Some(Self {
            url: named("ENDPOINT")?.trim_end_matches('/').to_owned(),
            access_key: named("ACCESS_KEY").unwrap_or_default(),
            secret_key: named("SECRET_KEY").unwrap_or_default(),
            region: named("REGION").unwrap_or_else(|| "us-east-1".to_owned()),
        })
    }

    fn of(engine: &DynamoDbEngine) -> Self {
        Self {
            url: format!("http://{}", engine.address()),
            access_key: "conformance-key".to_owned(),
            secret_key: "conformance-secret".to_owned(),
            region: "us-east-1".to_owned(),
        }
    }

    fn client(&self) -> Client {
        let credentials = Credentials::new(&self.access_key, &self.secret_key, None, None, "conformance");
        let http = if self.url.starts_with("https:") {
            let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
            HttpBuilder::new().tls_provider(ring).build_https()
        } else {
            HttpBuilder::new().build_http()
        };
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.url)
            .region(Region::new(self.region.clone()))
            .credentials_provider(credentials)
            .retry_config(RetryConfig::disabled())
            .http_client(http);
        Client::from_conf(config.build())
    }
}

/// A client of what answers under this URL, with the access key as the secret.
pub(crate) fn client_at(url: &str, access_key: &str) -> Client {
    let [url, access_key, secret_key] = [url, access_key, access_key].map(str::to_owned);
    Endpoint { url, access_key, secret_key, region: "us-east-1".to_owned() }.client()
}

/// Looks again until there is something to see: on AWS a table, an index and a cheap read come after the write.
pub(crate) async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("it comes true in time")
}

/// Asserts that a request was refused in this way.
#[track_caller]
pub(crate) fn check_refused<T: Debug, E: ProvideErrorMetadata + Debug>(
    answer: Result<T, SdkError<E>>,
    code: &str,
) {
    let error = answer.expect_err("this request is to be refused");
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    assert_eq!((status, error.code()), (400, Some(code)), "{error:?}");
}

/// Asserts that a request was refused as invalid, and for this reason rather than for a slip of the test.
#[track_caller]
pub(crate) fn check_invalid<T: Debug, E: ProvideErrorMetadata + Debug>(
    answer: Result<T, SdkError<E>>,
    because: &str,
) {
    let message = answer.as_ref().err().and_then(|error| error.message()).unwrap_or_default().to_owned();
    check_refused(answer, "ValidationException");
    assert!(message.contains(because), "{because:?} expected: {message}");
}
