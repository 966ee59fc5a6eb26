//! What the functions stand on: S3 and DynamoDB, embedded and empty, and a homeserver. No gateway.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use dynamodb_engine::{DynamoDbEngine, Forward, Guard};
use engine_host::{Faults, Policies, Running};
use futures_util::stream;
use media_core::{Clock, Content, Limits, Mxc, Record, State, mxc::random_name, thumbnail::Thumbnail};
use s3_engine::{Durability, ETags, S3Engine};
use serde_json::{Value, json};
use storage::{Key, Settings, Store, blobs::Written, presign::ENTITY_TAG};
use tempfile::TempDir;

use crate::{
    homeserver::Homeserver,
    parameters::Parameters,
    policies::{self, Names},
};

/// The token of the one user there is.
pub const TOKEN: &str = "alice-token";

/// The server whose media this is.
pub const SERVER_NAME: &str = "example.org";

/// Under which name SSM has the homeserver's signing key.
pub const SIGNING_KEY_PARAMETER: &str = "/matrix/signing-key";

/// In Synapse's file format; nobody asks for its public half here.
const SIGNING_KEY: &str = "ed25519 a_1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

const REGION: &str = "eu-central-1";

/// AWS as far as the functions know it: each of them may do what `template.yaml` says.
pub struct Cloud {
    /// What goes wrong between the functions and S3.
    pub s3_faults: Faults,
    /// What goes wrong between the functions and DynamoDB.
    pub dynamodb_faults: Faults,
    /// Which knows [`TOKEN`].
    pub homeserver: Homeserver,
    /// SSM, which has the signing key.
    pub parameters: Parameters,
    /// For looking at what is there.
    pub store: Store,
    /// Of [`Cloud::store`].
    pub settings: Settings,
    /// What each function may do, by its name as the access key.
    pub policies: Policies,
    s3: S3Engine,
    _s3_host: Running,
    _dynamodb: DynamoDbEngine,
    _dynamodb_host: Running,
    folder: TempDir,
    _nothing_refused: policies::NothingRefused,
}

impl Cloud {
    /// An empty one.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (key, secret) = (random_name(20), random_name(40));
        let mut options = s3_engine::Options::new(folder.path().join("s3"), &key, &secret);
        REGION.clone_into(&mut options.region);
        options.durability = Durability::Fast;
        options.etags = ETags::Random;
        let names = names();
        let policies = policies::with_names(&names);
        options.policies = Some(policies.clone());
        options.tag_parameter = Some(ENTITY_TAG);
        options.notify_prefixes = vec!["originals/".to_owned(), "remote/".to_owned()];
        let s3 = S3Engine::open(options).expect("an engine");
        let dynamodb = DynamoDbEngine::open(None).expect("an engine");
        let (s3_faults, dynamodb_faults) = (Faults::default(), Faults::default());
        let s3_host =
            engine_host::serve("s3", loopback(), s3_faults.layer(s3.service())).expect("a thread for S3");
        let guard = Guard::new(policies.clone(), &key, Forward::new(dynamodb.address()));
        let guarded = dynamodb_faults.layer(guard);
        let dynamodb_host =
            engine_host::serve("dynamodb", loopback(), guarded).expect("a thread for DynamoDB");
        let homeserver = Homeserver::start().await;
        homeserver.knows(TOKEN, "@alice:example.org");
        let parameters = Parameters::start().await;
        parameters.keeps(SIGNING_KEY_PARAMETER, SIGNING_KEY);
        let settings = Settings {
            region: Some(REGION.to_owned()),
            credentials: Some((key, secret)),
            s3_endpoint: Some(format!("http://{}", s3_host.address())),
            s3_public_endpoint: None,
            links: None,
            dynamodb_endpoint: Some(format!("http://{}", dynamodb_host.address())),
            lambda_endpoint: None,
            lambda_credentials: None,
            bucket: names.bucket,
            table: names.table,
            ephemeral_table: names.ephemeral_table,
            remote_fetch_function: names.remote_fetch_function,
            admin_function: "admin".to_owned(),
        };
        let store = storage::connect(&settings, &Clock::system(), &Limits::default()).await;
        storage::provision::provision(&store).await.expect("a bucket and tables");
        Self {
            s3_faults,
            dynamodb_faults,
            homeserver,
            parameters,
            store,
            settings,
            policies,
            s3,
            _s3_host: s3_host,
            _dynamodb: dynamodb,
            _dynamodb_host: dynamodb_host,
            folder,
            _nothing_refused: policies::NothingRefused,
        }
    }

    /// What S3 told of the objects that landed since the last time, each as SQS hands it over: at least one.
    pub async fn arrivals(&self) -> Value {
        let queue = self.s3.notifications();
        let messages =
            queue.receive(10, Duration::from_mins(10), Duration::from_secs(10)).await.expect("what S3 told");
        assert!(!messages.is_empty(), "S3 told of nothing");
        let records = messages.iter().map(|message| {
            json!({
                "messageId": message.receipt,
                "receiptHandle": message.receipt,
                "body": message.body,
                "attributes": { "ApproximateReceiveCount": "1" },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:ArrivalsQueue",
                "awsRegion": REGION,
            })
        });
        json!({ "Records": records.collect::<Vec<_>>() })
    }

    /// Media of ours that came some other way than through a function: these bytes, or a record that says more.
    pub async fn has(&self, bytes: impl Into<Bytes>, size_bytes: Option<u64>) -> Mxc {
        let mxc = new_name();
        let (key, written) = self.has_object(&mxc, bytes).await;
        let content = Content {
            brought_as: key.clone(),
            object_key: key,
            content_type: "application/octet-stream".to_owned(),
            size_bytes: size_bytes.unwrap_or(written.size_bytes),
            sha256: Some(written.sha256),
            upload_name: Some("large.bin".to_owned()),
        };
        let record = Record {
            mxc: mxc.clone(),
            state: State::Stored(content),
            created_at: Clock::system().now(),
            uploader: None,
            authenticated: false,
            quarantined_by: None,
            protected: false,
            last_access: None,
            picture: None,
        };
        assert!(self.store.records.reserve(&record).await.expect("a record").is_won());
        mxc
    }

    /// An object without a record, and what it is called.
    pub async fn has_object(&self, mxc: &Mxc, bytes: impl Into<Bytes>) -> (String, Written) {
        let body = stream::iter([Ok(bytes.into())]);
        let mut body = storage::Incoming::new(Box::pin(body), u64::MAX, None);
        let key = Key::new_original();
        let written =
            self.store.blobs.put(&key, mxc, "application/octet-stream", &mut body).await.expect("an object");
        (key.to_string(), written)
    }

    /// Cuts the largest blob of S3 off after so many bytes, as a broken disk does.
    pub fn cut_off_the_largest_blob(&self, bytes: u64) {
        let files = files_in(&self.folder.path().join("s3"));
        let largest =
            files.into_iter().max_by_key(|file| file.metadata().expect("a file").len()).expect("a blob");
        std::fs::OpenOptions::new()
            .write(true)
            .open(largest)
            .expect("a blob")
            .set_len(bytes)
            .expect("a shorter one");
    }

    /// What is written down of media that there is.
    pub async fn record(&self, mxc: &Mxc) -> Record {
        self.store.records.get_latest(mxc).await.expect("an answer").expect("a record")
    }

    /// Those of media that there is.
    pub async fn thumbnails(&self, mxc: &Mxc) -> Vec<Thumbnail> {
        self.store.records.get_with_thumbnails(mxc).await.expect("an answer").expect("a record").thumbnails
    }
}

/// A name of ours that nothing has yet.
#[must_use]
pub fn new_name() -> Mxc {
    Mxc::parse(SERVER_NAME, &random_name(24)).expect("a name")
}

/// Other than a gateway's, so that a function has them from the template alone.
fn names() -> Names {
    Names {
        bucket: "media-bucket".to_owned(),
        table: "media-table".to_owned(),
        ephemeral_table: "ephemeral-table".to_owned(),
        remote_fetch_function: "RemoteFetch".to_owned(),
    }
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files_in(&path) } else { vec![path] }).collect()
}

fn loopback() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port")
}
