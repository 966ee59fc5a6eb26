//! What a host chooses when it opens an engine.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use engine_host::Policies;
use http::HeaderMap;

/// The engine's idea of now, in Unix milliseconds.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How often a message is handed out before it counts as dead, unless the host says otherwise.
const DEFAULT_MAX_RECEIVE_COUNT: u32 = 5;

/// Everything there is to choose about an engine.
#[derive(Clone)]
pub struct Options {
    /// Where everything is kept; made if it is not there.
    pub folder: PathBuf,
    /// The access key of whoever may do everything.
    pub access_key: String,
    /// The secret that belongs to it.
    pub secret_key: String,
    /// Who else there is, and what they may do. `None`: nobody.
    pub policies: Option<Policies>,
    /// The region in which the buckets say they are; requests may be signed for any.
    pub region: String,
    /// The domain under which `<bucket>.<domain>` is understood as well as `<domain>/<bucket>`, without a port.
    /// `None`: only the latter.
    pub domain: Option<String>,
    /// Whether an acknowledged write survives a power failure.
    pub durability: Durability,
    /// What an object's ETag is made of.
    pub etags: ETags,
    /// The query parameter of a signed link by which whoever signed it says under which strong ETag the object is read;
    /// it begins with `x-`, since S3 ignores those. `None`: under its own, as with S3.
    pub tag_parameter: Option<&'static str>,
    /// Objects whose key begins with one of these leave a message when they come and go. Empty: none do;
    /// one empty prefix: all do.
    pub notify_prefixes: Vec<String>,
    /// Whether deletions leave a message, too.
    pub notify_removed: bool,
    /// A message handed out this many times and never deleted goes to the dead letters instead of out again.
    pub max_receive_count: u32,
    /// Added to the answers of presigned `GET` and `HEAD` requests for objects, as a CDN's response headers
    /// policy would.
    pub response_headers: HeaderMap,
    /// What time it is, in Unix milliseconds.
    pub now_ms: Clock,
}

impl Options {
    /// An engine over `folder` that is durable, notifies of nothing, and lives by the machine's clock.
    pub fn new(
        folder: impl Into<PathBuf>,
        access_key: impl Into<String>,
        secret_key: impl Into<String>,
    ) -> Self {
        Self {
            folder: folder.into(),
            access_key: access_key.into(),
            secret_key: secret_key.into(),
            policies: None,
            region: "us-east-1".to_owned(),
            domain: None,
            durability: Durability::Durable,
            etags: ETags::Md5,
            tag_parameter: None,
            notify_prefixes: Vec::new(),
            notify_removed: true,
            max_receive_count: DEFAULT_MAX_RECEIVE_COUNT,
            response_headers: HeaderMap::new(),
            now_ms: Arc::new(crate::times::machine_now_ms),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("folder", &self.folder)
            .field("region", &self.region)
            .field("durability", &self.durability)
            .field("notify_prefixes", &self.notify_prefixes)
            .finish_non_exhaustive()
    }
}

/// What an ETag is made of. Either way it changes with the object, which is all that S3 promises of it in general.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ETags {
    /// The MD5 of the bytes, as S3 takes it of objects that it encrypts with keys of its own.
    Md5,
    /// Chance, as good as what S3 says of objects encrypted with a customer's key: no digest of the bytes. Costs
    /// nothing, where an MD5 takes a millisecond and a half for each megabyte.
    Random,
}

/// What "acknowledged" means for a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The bytes, the folder entry and the row have been synced to the disk. Writes that wait at the same time
    /// share the sync of the rows.
    Durable,
    /// The operating system has them: they survive the end of the process, not the end of the power.
    Fast,
}
