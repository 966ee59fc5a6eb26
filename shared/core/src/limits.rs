//! Every number of the product that bounds something, each with its unit and its default.

use std::time::Duration;

use crate::{allowance::Rule, rate::Rate};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// What an operator may choose. The defaults are Synapse's where it has one (`max_upload_size` and the rest).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest upload, in bytes; also what `config` tells clients.
    pub upload_bytes: u64,
    /// The largest upload that goes straight to the store (MSC3870), in bytes. S3 takes 5 GiB at most.
    pub direct_upload_bytes: u64,
    /// What one user may have uploaded in all, in bytes; `None`: as much as they like.
    pub user_bytes: Option<u64>,
    /// Media ids that one user may have created and not filled.
    pub pending_uploads: u32,
    /// What is otherwise for some users; the first rule that names one is theirs.
    pub users: Vec<Rule>,
    /// How long a media id without bytes waits for them (MSC2246 recommends 24 hours).
    pub reservation_life: Duration,
    /// How often one caller may ask for what.
    pub rates: Rates,
    /// The largest file fetched from another server, in bytes.
    pub remote_bytes: u64,
    /// A picture with this many pixels or more is not thumbnailed (Synapse refuses at `>=`, too).
    pub image_pixels: u64,
    /// A picture whose file is larger than this many bytes is not thumbnailed.
    pub image_bytes: u64,
    /// Pictures decoded at the same time in one process.
    pub concurrent_thumbnails: usize,
    /// How long one thumbnail request, or one arrival, may spend on making pictures.
    pub thumbnail_time: Duration,
    /// Uploads received at the same time in one process; each holds up to [`PART_BYTES`] × 3.
    pub concurrent_uploads: usize,
    /// How long a whole remote fetch may take, from discovery to the last byte.
    pub remote_time: Duration,
    /// How long an answer about a token is believed.
    pub token_cache: Duration,
    /// Signed URLs are the same for everyone who asks within this window.
    pub url_window: Duration,
    /// A signed URL lives at least this long after it was given out.
    pub url_min_life: Duration,
    /// How long a reader waits for media that is on its way when it does not say (`timeout_ms`).
    pub wait_default: Duration,
    /// The longest a reader may ask to wait.
    pub wait_max: Duration,
}

/// How often one caller may ask; `None`: as often as they like. A caller is a user, or an address where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Media ids created.
    pub create: Option<Rate>,
    /// Uploads.
    pub upload: Option<Rate>,
    /// Downloads and thumbnails.
    pub read: Option<Rate>,
    /// Bytes fetched from other servers.
    pub remote_bytes: Option<Rate>,
}

/// Synapse's: `rc_media_create`, and `remote_media_download_per_second` with its burst. The rest costs a write on every
/// request, so that an operator has to want it.
impl Default for Rates {
    fn default() -> Self {
        Self {
            create: Rate::new(10, 50),
            upload: None,
            read: None,
            remote_bytes: Rate::new(87 * KIB, 500 * MIB),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            upload_bytes: 100 * MIB,
            direct_upload_bytes: 100 * MIB,
            user_bytes: None,
            pending_uploads: 5,
            users: Vec::new(),
            reservation_life: Duration::from_hours(24),
            rates: Rates::default(),
            remote_bytes: 100 * MIB,
            image_pixels: 32 * MIB,
            image_bytes: 50 * MIB,
            concurrent_thumbnails: 2,
            thumbnail_time: Duration::from_secs(20),
            concurrent_uploads: 64,
            remote_time: Duration::from_mins(2),
            token_cache: Duration::from_mins(1),
            url_window: Duration::from_mins(10),
            url_min_life: Duration::from_mins(5),
            wait_default: Duration::from_secs(20),
            wait_max: Duration::from_mins(1),
        }
    }
}

/// Up to this many bytes an upload is one `PutObject`; a longer one becomes a multipart upload of parts this long.
pub const PART_BYTES: usize = 8 * 1024 * 1024;

/// The most bytes of an answer that a function streams (Lambda quotas, "Invocation payload": 200 MB since 2025-07-31).
pub const STREAMED_ANSWER_BYTES: u64 = 200 * MIB;

/// How long a body may pause, on its way in, before it counts as cut off.
pub const BODY_IDLE: Duration = Duration::from_mins(1);

/// Parts of one multipart upload on their way to S3 at the same time.
pub const PARTS_IN_FLIGHT: usize = 2;

/// Parts that S3 allows in one multipart upload.
pub const MAX_PARTS: i32 = 10_000;

/// A thumbnail of at most this many bytes is kept in its record and needs no object.
pub const INLINE_THUMBNAIL_BYTES: usize = 4 * 1024;

/// Memory that decoding one picture may take, in bytes: the decoder's and its result's; the source is not counted.
pub const DECODER_MEMORY_BYTES: usize = 56 * 1024 * 1024;

/// Frames of the longest animation that is thumbnailed as one; of a longer one the first frame has to do.
pub const MAX_FRAMES: u64 = 2_000;

/// Pixels of all frames of an animation, at full size: what is decoded to make a moving thumbnail.
pub const MAX_WATCHED_PIXELS: u64 = 256 * 1024 * 1024;

/// Pixels of all frames of a moving thumbnail: what is encoded. A hundred frames of 640 × 480 are 31 million.
pub const MAX_SHOWN_PIXELS: u64 = 128 * 1024 * 1024;

/// Thumbnails kept for one piece of media. Further shapes are made and served, but not kept, so that a caller who
/// asks for every aspect there is cannot fill the store.
pub const MAX_STORED_THUMBNAILS: usize = 64;

/// The longest file name that is kept, in bytes of UTF-8; the rest is cut off at a character.
pub const MAX_FILE_NAME_BYTES: usize = 255;

/// The longest content type that is kept, in bytes.
pub const MAX_CONTENT_TYPE_BYTES: usize = 255;

/// How far two clocks may differ before a lease counts as expired (Lambda's clocks agree far better).
pub const CLOCK_SKEW: Duration = Duration::from_secs(2);

/// How long a lease on a remote item lives unless its holder renews it: how long readers of a dead fetch wait.
pub const LEASE_LIFE: Duration = Duration::from_secs(15);

/// How often a live holder renews its lease: two renewals may be lost before the lease is.
pub const LEASE_RENEWAL: Duration = Duration::from_secs(5);

/// How long it is remembered that another server was given a link to some media. Whoever asks for the same again within
/// this time did not follow it.
pub const LINK_MEMORY: Duration = Duration::from_mins(10);

/// How long a server that does not follow links gets bytes instead, before it is tried again.
pub const NO_LINKS_MEMORY: Duration = Duration::from_hours(30 * 24);

/// How long one process believes that a server follows links before it looks again what others have learned.
pub const LINKS_BELIEVED: Duration = Duration::from_mins(1);

/// Servers of which one process remembers whether they follow links.
pub const CACHED_PEERS: u64 = 10_000;

/// An object whose record has not appeared after this long has none: its upload died. Retention sweeps it.
pub const ORPHAN_AFTER: Duration = Duration::from_mins(10);

/// How often a step is tried again that others of equal bytes keep disturbing, before it is a fault: whoever disturbs
/// has got further meanwhile, so that more are not expected even of hundreds at once.
pub const BLOB_ATTEMPTS: usize = 64;

/// References to equal bytes that are looked at in one page.
pub const REFERENCES_PAGE: i32 = 100;

/// How many of those who share an object are asked for its thumbnails before new ones are made.
pub const LENDERS: usize = 4;

/// Windows within which one user's uploads may be limited: each has up to [`WINDOW_STEPS`] entries in the user's item.
pub const MAX_WINDOWS: usize = 4;

/// The shortest of them; what is quicker is a rate.
pub const MIN_WINDOW: Duration = Duration::from_mins(1);

/// A window rolls on in steps of this part of its length: so much later than necessary there is room again.
pub const WINDOW_STEPS: u64 = 24;

/// How long it is remembered by name what was counted to a user: longer than any upload takes.
pub const COUNT_MEMORY: Duration = Duration::from_hours(24);

/// How many of these names are remembered. An upload that is slower than so many later ones of its user may be missing
/// in a recount that comes just then, until the next.
pub const MAX_REMEMBERED_COUNTS: usize = 64;

/// How often counting to a user is tried again whom others count to at the same moment.
pub const COUNT_ATTEMPTS: usize = 128;

/// Of how many pieces of media a recount looks at the records in one page. DynamoDB reads 100 items at once at most.
pub const RECOUNT_PAGE: i32 = 100;

/// Up to this many bytes are scanned while whoever brings them waits; what is larger is scanned when it has landed.
pub const SCANNED_AT_ONCE_BYTES: u64 = 8 * MIB;

/// How much longer than a scanner has for its verdict the link lives that it is given.
pub const SCAN_LINK_SPARE: Duration = Duration::from_mins(1);

/// Deletions of one deletion's thumbnails that are under way at the same time.
pub const DELETIONS_IN_FLIGHT: usize = 8;

/// What nobody needs any more is swept after this long: no upload, no fetch and no signed link lives that long.
pub const RUBBISH_AFTER: Duration = Duration::from_hours(24);

/// What must be left of a caller's budget of remote bytes for a fetch to begin: nobody knows yet how large it is
/// (Synapse asks for as much).
pub const REMOTE_HEAD_ROOM_BYTES: u64 = MIB;

/// The first wait after a failed remote fetch; each further failure doubles it, up to [`RETRY_MAX`].
pub const RETRY_FIRST: Duration = Duration::from_mins(1);

/// The longest wait after failed remote fetches.
pub const RETRY_MAX: Duration = Duration::from_hours(24);

/// Days without anybody asking for it after which the picture of a preview may be deleted (Synapse's).
pub const PREVIEW_PICTURE_DAYS: u64 = 2;

/// The first look again at a record that is on its way; each further look waits twice as long, up to [`POLL_MAX`].
pub const POLL_FIRST: Duration = Duration::from_millis(100);

/// The longest wait between two looks at a record that is on its way.
pub const POLL_MAX: Duration = Duration::from_secs(1);

/// How long a refused token is remembered as refused.
pub const REFUSED_TOKEN_CACHE: Duration = Duration::from_secs(5);

/// Tokens remembered in one process.
pub const CACHED_TOKENS: u64 = 10_000;

/// The longest access token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 4 * 1024;

/// Entries of a list that an administrator gets when they do not say (Synapse's default for `limit`).
pub const LIST_DEFAULT: u64 = 100;

/// The most entries of one page of such a list. Who asks for more gets as many, and the token of the next page.
pub const LIST_MAX: u64 = 1_000;

/// How deep a list may be read that is not in the order of the index (`from` and `limit` together): so many entries of
/// the ranking are held in memory, some 200 bytes each.
pub const RANKED_MAX: u64 = 100_000;

/// Groups (users, servers) that are counted in one pass over the table; more of them take more passes. Each costs some
/// 200 bytes of memory.
pub const COUNTED_AT_ONCE: usize = 50_000;

/// Items that one page of a scan reads at most. DynamoDB ends a page at one megabyte, whichever comes first.
pub const SCAN_PAGE: i32 = 1_000;

/// Media that a job handles at the same time.
pub const JOB_CONCURRENCY: usize = 8;

/// How long a call that starts a job stays with it before it answers and leaves the rest to others.
pub const JOB_CALL_TIME: Duration = Duration::from_secs(20);

/// A job that nobody has worked on for this long is taken up again by whoever looks at it.
pub const JOB_STALLED_AFTER: Duration = Duration::from_mins(2);

/// How long a job is remembered after its last step.
pub const JOB_MEMORY: Duration = Duration::from_hours(30 * 24);

/// Jobs that are listed: the latest.
pub const LISTED_JOBS: usize = 100;

/// Names of deleted media that one answer says; all of them are counted.
pub const NAMED_IN_ANSWER: usize = 10_000;

/// Changes in one page of the feed of quarantines (Synapse's page).
pub const QUARANTINE_CHANGES_PAGE: i32 = 100;

/// Answers about who is an administrator that are remembered in one process.
pub const CACHED_ADMINISTRATORS: u64 = 1_000;
