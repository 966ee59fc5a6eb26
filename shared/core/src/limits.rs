//! Every number of the product that bounds something, each with its unit and its default.

use std::time::Duration;

use crate::rate::Rate;

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

/// What must be left of a caller's budget of remote bytes for a fetch to begin: nobody knows yet how large it is
/// (Synapse asks for as much).
pub const REMOTE_HEAD_ROOM_BYTES: u64 = MIB;

/// The first wait after a failed remote fetch; each further failure doubles it, up to [`RETRY_MAX`].
pub const RETRY_FIRST: Duration = Duration::from_mins(1);

/// The longest wait after failed remote fetches.
pub const RETRY_MAX: Duration = Duration::from_hours(24);

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
