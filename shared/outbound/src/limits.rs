//! Every number here that bounds what others can make us do, each with its unit.

use std::time::Duration;

/// How long a connection may take to be made, TLS handshake included.
pub const CONNECT_TIME: Duration = Duration::from_secs(10);

/// How long another server may be silent, before its answer or within it. Longer than [`ORIGIN_WAIT`], during which an
/// origin is silent by our own wish.
pub const IDLE_TIME: Duration = Duration::from_secs(30);

/// How long an origin is asked to wait for media that is not uploaded yet (`timeout_ms`; Synapse's default).
pub const ORIGIN_WAIT: Duration = Duration::from_secs(20);

/// How long a server's keys may take to come, discovery included.
pub const KEY_FETCH_TIME: Duration = Duration::from_secs(15);

/// How long all notaries together may take to say what a server's keys are that could not be asked itself.
pub const NOTARY_TIME: Duration = Duration::from_secs(15);

/// The first look again at what another process of ours is asking; each further look waits twice as long, up to
/// [`ASKED_POLL_MAX`].
pub const ASKED_POLL_FIRST: Duration = Duration::from_millis(50);

/// The longest wait between two such looks.
pub const ASKED_POLL_MAX: Duration = Duration::from_secs(1);

/// How long a `.well-known` may take to come, redirects included.
pub const WELL_KNOWN_TIME: Duration = Duration::from_secs(10);

/// How long the homeserver may take to say whose token it is.
pub const WHOAMI_TIME: Duration = Duration::from_secs(10);

/// How long one try at a DNS question may take; there are [`DNS_TRIES`].
pub const DNS_TIME: Duration = Duration::from_secs(3);

/// How often a DNS question is asked before it counts as unanswered.
pub const DNS_TRIES: usize = 2;

/// DNS answers remembered in one process.
pub const CACHED_DNS_ANSWERS: u64 = 4_096;

/// Addresses tried of one host.
pub const MAX_ADDRESSES: usize = 16;

/// SRV records looked at for one server.
pub const MAX_SRV_TARGETS: usize = 8;

/// Redirects followed from one URL.
pub const MAX_REDIRECTS: usize = 5;

/// The longest URL that is followed, in bytes.
pub const MAX_URL_BYTES: usize = 8 * 1024;

/// The largest `.well-known` reply, in bytes (Synapse's limit).
pub const MAX_WELL_KNOWN_BYTES: usize = 50 * 1024;

/// The largest reply with a server's keys, in bytes.
pub const MAX_KEYS_BYTES: usize = 64 * 1024;

/// The largest reply of a notary, in bytes: it may hold several documents.
pub const MAX_NOTARY_BYTES: usize = 256 * 1024;

/// The largest reply of the homeserver about a token, in bytes.
pub const MAX_WHOAMI_BYTES: usize = 64 * 1024;

/// How much of an error's body is read to find its `errcode`, in bytes.
pub const MAX_ERROR_BYTES: usize = 64 * 1024;

/// The longest multipart boundary, in bytes. RFC 2046 allows 70; some senders are generous.
pub const MAX_BOUNDARY_BYTES: usize = 200;

/// What may stand before the first delimiter of a multipart body, in bytes.
pub const MAX_PREAMBLE_BYTES: usize = 4 * 1024;

/// The headers of one part, in bytes.
pub const MAX_PART_HEADER_BYTES: usize = 16 * 1024;

/// The JSON part before the media, in bytes. Today it is always `{}`.
pub const MAX_JSON_PART_BYTES: usize = 64 * 1024;

/// Blanks allowed after a delimiter, on its line, in bytes (RFC 2046 calls them transport padding).
pub const MAX_PADDING_BYTES: usize = 64;

/// How long a delegation is believed that names no time (server-server API, "Resolving server names").
pub const WELL_KNOWN_LIFE: Duration = Duration::from_hours(24);

/// The shortest time for which a delegation is believed, whatever its headers say (Synapse's floor).
pub const WELL_KNOWN_MIN_LIFE: Duration = Duration::from_mins(5);

/// The longest (server-server API, "Resolving server names").
pub const WELL_KNOWN_MAX_LIFE: Duration = Duration::from_hours(48);

/// By how much of its life, as a share, a delegation may be forgotten early (Synapse's jitter, to this side only).
pub const WELL_KNOWN_JITTER: f64 = 0.1;

/// How long the first failure to find a delegation is remembered; each further one doubles it, up to
/// [`WELL_KNOWN_FAILURE_MAX`].
pub const WELL_KNOWN_FAILURE_FIRST: Duration = Duration::from_mins(2);

/// The longest that a missing delegation is remembered (server-server API, "Resolving server names").
pub const WELL_KNOWN_FAILURE_MAX: Duration = Duration::from_hours(1);

/// The longest that a server's addresses are believed, whatever the DNS says.
pub const DESTINATION_MAX_LIFE: Duration = Duration::from_mins(5);

/// The shortest.
pub const DESTINATION_MIN_LIFE: Duration = Duration::from_secs(30);

/// How long a server is remembered that could not be found, or whose SRV records could not be had.
pub const DESTINATION_FAILURE_LIFE: Duration = Duration::from_secs(30);

/// Servers whose addresses, delegation or keys are remembered in one process.
pub const CACHED_SERVERS: u64 = 10_000;

/// Connection pools kept in one process, each to one set of addresses.
pub const CACHED_CLIENTS: u64 = 256;

/// How long a pool of connections is kept that nobody uses.
pub const CLIENT_IDLE: Duration = Duration::from_mins(5);

/// How long an idle connection is kept open.
pub const CONNECTION_IDLE: Duration = Duration::from_secs(30);

/// Idle connections kept to one server.
pub const IDLE_CONNECTIONS: usize = 4;

/// The longest that a server's keys are believed (server-server API, "Publishing keys").
pub const KEY_MAX_LIFE: Duration = Duration::from_hours(7 * 24);

/// How long a server is left alone after its first failure; each further one in a row doubles it, up to [`REST_MAX`].
/// Both are jittered by a quarter.
pub const REST_FIRST: Duration = Duration::from_secs(30);

/// The longest that a server is left alone.
pub const REST_MAX: Duration = Duration::from_hours(1);

/// How long one process goes on believing that a server is not to be left alone, without looking again.
pub const REST_BELIEVED: Duration = Duration::from_mins(1);

/// How often at most an origin is asked again because a request names a key that it has not published.
pub const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_mins(1);

/// How long it is remembered that an origin's keys could not be had.
pub const KEY_FAILURE_LIFE: Duration = Duration::from_mins(1);

/// Key fetches at the same time in one process: anybody can cause one by naming an origin.
pub const CONCURRENT_KEY_FETCHES: usize = 32;

/// Signatures looked at in one request.
pub const MAX_SIGNATURES: usize = 4;

/// The longest `Authorization` header that is taken apart, in bytes.
pub const MAX_AUTHORIZATION_BYTES: usize = 8 * 1024;

/// How long the homeserver may take to list the media of a room: it reads all the room's events.
pub const ROOM_MEDIA_TIME: Duration = Duration::from_mins(1);

/// The largest such list, in bytes: some 200 000 names.
pub const MAX_ROOM_MEDIA_BYTES: usize = 16 * 1024 * 1024;

/// The longest verdict of a scanner, in bytes.
pub const MAX_VERDICT_BYTES: usize = 64 * 1024;

/// How often a scanner is asked whose connection breaks before it answers.
pub const SCANNER_ATTEMPTS: usize = 2;
