//! A gateway in this process, over a data folder of its own.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use engine_host::Faults;
use gateway::{Gateway, Surroundings};
use media_core::{Mxc, Record};
use runtime::{Config, config::KeyPlace};
use tempfile::TempDir;

use crate::{Client, policies};

/// The token of the user that every test server knows.
pub const TOKEN: &str = "alice-token";

/// A second user's.
pub const OTHER_TOKEN: &str = "bob-token";

/// A running gateway and the folder it stands on.
pub struct Server {
    /// The gateway.
    pub gateway: Gateway,
    /// What its clock and its engines' faults are.
    pub surroundings: Surroundings,
    folder: TempDir,
    settings: HashMap<String, String>,
    _nothing_refused: policies::NothingRefused,
}

/// How a server is to be.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    settings: HashMap<String, String>,
    surroundings: Surroundings,
}

impl Setup {
    /// A server named `example.org` that knows two development users and does not wait for the disk.
    #[must_use]
    pub fn new() -> Self {
        let surroundings = Surroundings { clock: media_core::Clock::movable(), ..Surroundings::default() };
        Self { settings: HashMap::new(), surroundings }
            .set("MEDIA_SERVER_NAME", "example.org")
            .set("MEDIA_LISTEN", "127.0.0.1:0")
            .set("MEDIA_FAST", "true")
            .set("MEDIA_DEV_TOKENS", &format!("{TOKEN}=@alice:example.org,{OTHER_TOKEN}=@bob:example.org"))
    }

    /// Sets or, with an empty value, unsets a setting.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Puts faults between it and DynamoDB, too, which costs every call a hop.
    #[must_use]
    pub fn with_dynamodb_faults(mut self) -> Self {
        self.surroundings.dynamodb_faults = Some(Faults::default());
        self
    }

    /// Starts it over a new folder.
    pub async fn start(self) -> Server {
        self.start_over(TempDir::new().expect("a temporary folder")).await
    }

    /// Starts it over a folder that another left behind.
    pub async fn start_over(self, folder: TempDir) -> Server {
        let path = folder.path().to_str().expect("a readable path").to_owned();
        let setup = self.set("MEDIA_DATA_FOLDER", &path);
        let config = setup.config();
        setup.start_as(config, folder).await
    }

    /// Starts it over the engines of another and with its clock: a second gateway of one store.
    pub async fn start_beside(self, other: &Server) -> Server {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().to_str().expect("a readable path").to_owned();
        let mut setup = self.set("MEDIA_DATA_FOLDER", &path);
        setup.surroundings =
            Surroundings { clock: other.surroundings.clock.clone(), ..Surroundings::default() };
        let theirs = &other.gateway.deps().config;
        let mut config = setup.config();
        // Its functions are its own.
        config.store =
            storage::Settings { lambda_endpoint: None, lambda_credentials: None, ..theirs.store.clone() };
        config.federation.signing_key.clone_from(&theirs.federation.signing_key);
        setup.start_as(config, folder).await
    }

    fn config(&self) -> Config {
        Config::read(|name| self.settings.get(name).cloned()).expect("a usable configuration")
    }

    async fn start_as(self, config: Config, folder: TempDir) -> Server {
        log_to_the_test();
        let Self { settings, mut surroundings } = self;
        surroundings.policies.get_or_insert_with(policies::of_the_template);
        let gateway =
            Box::pin(Gateway::start(config, surroundings.clone())).await.expect("a gateway that starts");
        Server { gateway, surroundings, folder, settings, _nothing_refused: policies::NothingRefused }
    }
}

impl Server {
    /// The usual server.
    pub async fn start() -> Self {
        Setup::new().start().await
    }

    /// A second gateway in this process, of the same name, over this one's engines. It must not outlive this one.
    pub async fn beside(&self) -> Self {
        self.setup().start_beside(self).await
    }

    /// How this server was to be, for another that is like it.
    #[must_use]
    pub fn setup(&self) -> Setup {
        Setup { settings: self.settings.clone(), surroundings: self.surroundings.clone() }
    }

    /// What a process has to find in its environment to be a second gateway of the same name over this one's engines.
    #[must_use]
    pub fn environment_beside(&self) -> Vec<(&'static str, String)> {
        let config = &self.gateway.deps().config;
        let store = &config.store;
        let (key, secret) = store.credentials.clone().expect("embedded engines");
        let url = |url: &Option<String>| url.clone().expect("embedded engines");
        let Some(KeyPlace::File(signing_key)) = &config.federation.signing_key else {
            panic!("a key's file")
        };
        let mut variables = vec![
            ("MEDIA_SERVER_NAME", config.server_name.to_string()),
            ("MEDIA_SIGNING_KEY_FILE", signing_key.to_str().expect("a readable path").to_owned()),
            ("MEDIA_REGION", store.region.clone().expect("embedded engines")),
            ("MEDIA_S3_ENDPOINT", url(&store.s3_endpoint)),
            ("MEDIA_S3_PUBLIC_ENDPOINT", url(&store.s3_public_endpoint)),
            ("MEDIA_DYNAMODB_ENDPOINT", url(&store.dynamodb_endpoint)),
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ];
        for name in ["MEDIA_FEDERATION_CA_FILE", "MEDIA_FEDERATION_ALLOW_NETWORKS"] {
            variables.extend(self.settings.get(name).map(|value| (name, value.clone())));
        }
        variables
    }

    /// Its server name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.gateway.deps().server_name.as_str()
    }

    /// A client with the usual user's token.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&format!("http://{}", self.gateway.address()), Some(TOKEN))
    }

    /// A client without a token.
    #[must_use]
    pub fn stranger(&self) -> Client {
        Client::new(&format!("http://{}", self.gateway.address()), None)
    }

    /// The folder it stands on.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// How many calls to AWS there have been, by operation.
    #[must_use]
    pub fn sdk_calls(&self) -> BTreeMap<String, u64> {
        self.gateway.deps().store.calls.by_operation()
    }

    /// How many calls of one operation there have been.
    #[must_use]
    pub fn sdk_calls_of(&self, operation: &str) -> u64 {
        self.sdk_calls().get(operation).copied().unwrap_or(0)
    }

    /// Stops it and starts it again over the same folder.
    pub async fn restart(self) -> Self {
        let Self { gateway, surroundings, folder, settings, .. } = self;
        gateway.stop().await;
        Setup { settings, surroundings }.start_over(folder).await
    }

    /// Stops it and starts it again over the same folder, with some settings changed.
    pub async fn restart_with(mut self, changed: &[(&str, &str)]) -> Self {
        for (name, value) in changed {
            self.settings.insert((*name).to_owned(), (*value).to_owned());
        }
        self.restart().await
    }

    /// The media that the table notes under a digest, asked past the product.
    pub async fn references_to(&self, digest: &media_core::Sha256) -> Vec<Mxc> {
        crate::aws::references(&self.gateway.deps().config.store, digest).await
    }

    /// How many objects and how many unfinished multipart uploads S3 has, asked past the product.
    pub async fn left_in_s3(&self) -> (usize, usize) {
        let store = &self.gateway.deps().config.store;
        let uploads = crate::aws::s3(store).list_multipart_uploads().bucket(&store.bucket).send().await;
        (self.objects_in_s3().await.len(), uploads.expect("a listing").uploads().len())
    }

    /// The key and the size of every object that S3 has, asked past the product.
    pub async fn objects_in_s3(&self) -> BTreeMap<String, u64> {
        let store = &self.gateway.deps().config.store;
        let listing = crate::aws::s3(store).list_objects_v2().bucket(&store.bucket).send().await;
        let listing = listing.expect("a listing");
        assert_ne!(listing.is_truncated(), Some(true), "more than a test should leave");
        let described = listing.contents().iter().map(|object| {
            let size = object.size().and_then(|bytes| u64::try_from(bytes).ok());
            (object.key().unwrap_or_default().to_owned(), size.unwrap_or_default())
        });
        described.collect()
    }

    /// The partition and the sort key of every item of the durable table, asked past the product.
    pub async fn all_items(&self) -> Vec<(String, String)> {
        crate::aws::all_items(&self.gateway.deps().config.store).await
    }

    /// Every piece of media that the table knows, asked past the product.
    pub async fn all_records(&self) -> Vec<Record> {
        let deps = self.gateway.deps();
        let mut records = Vec::new();
        for mxc in crate::aws::all_media(&deps.config.store).await {
            records.extend(deps.store.records.get_latest(&mxc).await.expect("a table that answers"));
        }
        records
    }

    /// Waits until every usual thumbnail of a picture is there; returns the calls that looking took.
    pub async fn thumbnails_of(&self, mxc: &Mxc) -> Vec<media_core::thumbnail::Thumbnail> {
        let records = &self.gateway.deps().store.records;
        crate::eventually("the usual thumbnails", || async {
            let found = records.get_with_thumbnails(mxc).await.expect("a table that answers")?;
            found.record.picture.map(|_| found.thumbnails)
        })
        .await
    }
}

/// What the gateway says goes where the test's own words go: seen when the test fails.
fn log_to_the_test() {
    // Only the first call in a process wins, which is as it should be.
    let _ = tracing_subscriber::fmt().with_test_writer().with_ansi(false).try_init();
}
