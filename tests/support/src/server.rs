//! A gateway in this process, over a data folder of its own.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use engine_host::Faults;
use gateway::{Gateway, Surroundings};
use media_core::{Mxc, Record};
use runtime::Config;
use tempfile::TempDir;

use crate::Client;

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
        let settings = self.set("MEDIA_DATA_FOLDER", &path);
        let Self { settings, surroundings } = settings;
        log_to_the_test();
        let config = Config::read(|name| settings.get(name).cloned()).expect("a usable configuration");
        let gateway =
            Box::pin(Gateway::start(config, surroundings.clone())).await.expect("a gateway that starts");
        Server { gateway, surroundings, folder, settings }
    }
}

impl Server {
    /// The usual server.
    pub async fn start() -> Self {
        Setup::new().start().await
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

    /// Stops it and starts it again over the same folder.
    pub async fn restart(self) -> Self {
        let Self { gateway, surroundings, folder, settings } = self;
        gateway.stop().await;
        Setup { settings, surroundings }.start_over(folder).await
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
