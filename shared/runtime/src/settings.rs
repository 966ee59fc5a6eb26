//! Every setting there is: its name, its unit, its default and what it means. `--help` of the gateway prints this table,
//! [`crate::Config`] reads it, and nothing else reads the environment.

/// One setting, given as an environment variable (or to the gateway as an option: `MEDIA_MAX_UPLOAD_BYTES` is
/// `--max-upload-bytes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// What the value is measured in, or its form, for people.
    pub unit: &'static str,
    /// The value when none is given; `None` when absence means something, as `help` says.
    pub default: Option<&'static str>,
    /// What it does, in a sentence.
    pub help: &'static str,
}

macro_rules! settings {
    ($($(#[$doc:meta])* $ident:ident = $name:literal, $unit:literal, $default:expr, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $ident: Setting = Setting { name: $name, unit: $unit, default: $default, help: $help };
        )*

        /// All of them, in the order in which a person wants to read them.
        pub const ALL: &[Setting] = &[$($ident),*];
    };
}

settings! {
    SERVER_NAME = "MEDIA_SERVER_NAME", "NAME", None,
        "The Matrix server name whose media this is, as in mxc://NAME/…";
    HOMESERVER_URL = "MEDIA_HOMESERVER_URL", "URL", None,
        "Base URL of the homeserver, which is asked whose an access token is";
    DEV_TOKENS = "MEDIA_DEV_TOKENS", "TOKEN=@USER:NAME,…", None,
        "Access tokens for development, instead of a homeserver; refused together with one";
    ADMINS = "MEDIA_ADMINS", "homeserver|@USER:NAME,…", Some("homeserver"),
        "Who administers media: whom the homeserver says (Synapse's administration API), or these users alone";
    ADMIN_SECRET_FILE = "MEDIA_ADMIN_SECRET_FILE", "PATH", None,
        "A secret of 32 characters or more that makes an administrator of whoever sends it as an access token";
    ADMIN_SECRET_PARAMETER = "MEDIA_ADMIN_SECRET_PARAMETER", "NAME", None,
        "The same secret from an SSM parameter (SecureString) instead of a file; or from Secrets Manager, as for signing";
    LISTEN = "MEDIA_LISTEN", "ADDRESS:PORT", Some("127.0.0.1:8008"),
        "Gateway: where it listens";
    PUBLIC_URL = "MEDIA_PUBLIC_URL", "URL", None,
        "Gateway: base URL that clients reach its signed links under; default: http://localhost and its port";
    DATA_FOLDER = "MEDIA_DATA_FOLDER", "PATH", Some("data"),
        "Gateway: folder of the embedded S3 and DynamoDB engines; belongs to one gateway at a time";
    FAST = "MEDIA_FAST", "true|false", Some("false"),
        "Gateway: do not wait for the disk (fsync) before acknowledging; for tests and trials";
    STOP_NOTICE = "MEDIA_STOP_NOTICE_S", "SECONDS", Some("0"),
        "Gateway: how long it goes on serving after it was told to stop, its health saying so to those who balance load";
    DRAIN = "MEDIA_DRAIN_S", "SECONDS", Some("30"),
        "Gateway: how long, after that, what is under way may take to end";
    SIGNING_KEY_FILE = "MEDIA_SIGNING_KEY_FILE", "PATH", None,
        "The homeserver's signing key, in Synapse's file format, for requests to other servers";
    SIGNING_KEY_PARAMETER = "MEDIA_SIGNING_KEY_PARAMETER", "NAME", None,
        "The same key from an SSM parameter (SecureString) instead of a file; \
         or from Secrets Manager, as /aws/reference/secretsmanager/SECRET";
    SSM_ENDPOINT = "MEDIA_SSM_ENDPOINT", "URL", None,
        "Where parameters with keys are asked for; default: AWS";
    FEDERATION_CA_FILE = "MEDIA_FEDERATION_CA_FILE", "PATH", None,
        "PEM file of further certificate authorities trusted for federation and previews, besides the system's";
    FEDERATION_ALLOW_NETWORKS = "MEDIA_FEDERATION_ALLOW_NETWORKS", "CIDR,…", Some(""),
        "Private networks that may be contacted all the same, such as 10.1.0.0/16";
    FEDERATION_ALLOW_SERVERS = "MEDIA_FEDERATION_ALLOW_SERVERS", "NAME,*.NAME,…", Some(""),
        "The only servers whose media is served and who may ask for ours; empty: all";
    FEDERATION_DENY_SERVERS = "MEDIA_FEDERATION_DENY_SERVERS", "NAME,*.NAME,…", Some(""),
        "Servers whose media is not served, even if cached, and who may not ask for ours";
    FEDERATION_NOTARIES = "MEDIA_FEDERATION_NOTARIES", "NAME,…", Some(""),
        "Servers that are believed about the keys of others that cannot be asked themselves";
    FEDERATION_DELIVERY = "MEDIA_FEDERATION_DELIVERY", "inline|redirect", Some("inline"),
        "How other servers get bytes: in the reply, or as a signed link; who turns out not to follow links gets the reply";
    FEDERATION_INLINE_SERVERS = "MEDIA_FEDERATION_INLINE_SERVERS", "NAME,*.NAME,…", Some(""),
        "Servers that get bytes in the reply always";
    FEDERATION_INLINE_BYTES = "MEDIA_FEDERATION_INLINE_BYTES", "BYTES", None,
        "With links: what is larger goes as a link to everybody; default: as large as it may be";
    MAX_UPLOAD_BYTES = "MEDIA_MAX_UPLOAD_BYTES", "BYTES", Some("104857600"),
        "The largest upload; clients are told";
    DIRECT_UPLOADS = "MEDIA_DIRECT_UPLOADS", "true|false", Some("true"),
        "Whether clients that can (MSC3870) upload straight to S3; false where it takes no signed uploads from clients";
    MAX_DIRECT_UPLOAD_BYTES = "MEDIA_MAX_DIRECT_UPLOAD_BYTES", "BYTES", Some("104857600"),
        "The largest upload that goes straight to S3; 5 GiB is what S3 takes";
    MAX_PENDING_UPLOADS = "MEDIA_MAX_PENDING_UPLOADS", "COUNT", Some("5"),
        "Media ids that one user may have created and not filled";
    RESERVATION_LIFE = "MEDIA_RESERVATION_LIFE_S", "SECONDS", Some("86400"),
        "How long a media id that was created waits for its upload";
    USER_QUOTA_BYTES = "MEDIA_USER_QUOTA_BYTES", "BYTES", None,
        "What one user may have uploaded in all; default: as much as they like";
    USER_LIMITS = "MEDIA_USER_LIMITS", "@USER:NAME LIMIT:VALUE …;…", Some(""),
        "What is otherwise for some users, of whom the first rule counts that names them: total:10G (or off), files:5000 (or off), \
         upload:50M, pending:20, and within a time 24h:1G, 30d:8G; * stands for any letters";
    USER_LIMIT_INFO = "MEDIA_USER_LIMIT_INFO_URI", "URL", None,
        "A page about these limits: who has reached one is told M_USER_LIMIT_EXCEEDED and this; default: M_FORBIDDEN";
    USER_LIMIT_UPGRADE = "MEDIA_USER_LIMIT_CAN_UPGRADE", "true|false", Some("false"),
        "Whether users can get more there";
    FORBIDDEN_TYPES = "MEDIA_FORBIDDEN_TYPES", "TYPE,…", Some(""),
        "Media types that may not be uploaded, such as application/x-msdownload or video/*";
    SCANNER = "MEDIA_SCANNER", "URL|FUNCTION", None,
        "Who is asked whether media may be shown: an address, or on AWS a Lambda function; default: nobody";
    SCANNER_TIMEOUT = "MEDIA_SCANNER_TIMEOUT_MS", "MILLISECONDS", Some("30000"),
        "How long the scanner has for a verdict; whoever uploads up to 8 MiB waits for it";
    SCANNER_ON_FAILURE = "MEDIA_SCANNER_ON_FAILURE", "admit|hold", Some("hold"),
        "What becomes of media without a verdict: it is shown; or nobody gets it until there is one";
    SCANNER_BANS = "MEDIA_SCANNER_BANS", "true|false", Some("false"),
        "Whether what the scanner hides is banned: every copy of the same bytes, here and to come";
    BANNED_UPLOADS = "MEDIA_BANNED_UPLOADS", "accept|refuse", Some("accept"),
        "What who uploads bytes that are banned, or hidden by the scanner at once, is told: nothing; or that they are not taken";
    UNLIMITED_USERS = "MEDIA_UNLIMITED_USERS", "@USER:NAME,…", Some(""),
        "Users without rates, quota and pending limit, such as bridges; * stands for any letters";
    RATE_CREATE = "MEDIA_RATE_CREATE", "PER SECOND/BURST|off", Some("10/50"),
        "How often a user may create media ids";
    RATE_UPLOAD = "MEDIA_RATE_UPLOAD", "PER SECOND/BURST|off", Some("off"),
        "How often a user may upload; costs a write on each";
    RATE_READ = "MEDIA_RATE_READ", "PER SECOND/BURST|off", Some("off"),
        "How often a user, or an address without one, may download or ask for a thumbnail; costs a write on each";
    RATE_REMOTE_BYTES = "MEDIA_RATE_REMOTE_BYTES", "PER SECOND/BURST|off", Some("89088/524288000"),
        "How many bytes a user, or an address without one, may have fetched from other servers";
    CLIENT_ADDRESS_HEADER = "MEDIA_CLIENT_ADDRESS_HEADER", "NAME", None,
        "Header whose last address a trusted proxy wrote, such as X-Forwarded-For; default: whoever connects";
    ORIGIN_SECRETS = "MEDIA_ORIGIN_SECRETS", "SECRET,…", Some(""),
        "What whoever stands in front says in the header X-Origin-Secret, one of these; empty: everybody is answered";
    LEGACY_FROZEN_SINCE = "MEDIA_LEGACY_FROZEN_SINCE", "always|RFC 3339", Some("always"),
        "Media stored since then is hidden on the old paths that ask for no token, such as 2026-11-25T00:00:00Z";
    LEGACY_EXEMPT = "MEDIA_LEGACY_EXEMPT", "MXC,…", Some(""),
        "Media shown on the old paths all the same: the icons of single sign-on";
    MAX_REMOTE_BYTES = "MEDIA_MAX_REMOTE_BYTES", "BYTES", Some("104857600"),
        "The largest file fetched from another server";
    URL_PREVIEWS = "MEDIA_URL_PREVIEWS", "true|false", Some("true"),
        "Whether links are previewed, for which this server visits the pages that its users name";
    MSC4452 = "MEDIA_MSC4452", "true|false", Some("false"),
        "Whether previews that are switched off are refused with 403 M_FORBIDDEN, as MSC4452 has it, instead of 404";
    PREVIEW_ALLOW = "MEDIA_PREVIEW_ALLOW", "SITE,…", Some(""),
        "The only pages that are previewed: example.org, *.example.org or example.org/news/*, where * stands for any letters; \
         empty: all";
    PREVIEW_DENY = "MEDIA_PREVIEW_DENY", "SITE,…", Some(""),
        "What is never fetched for a preview, pages and pictures, also where a redirect leads to it";
    PREVIEW_ALLOW_NETWORKS = "MEDIA_PREVIEW_ALLOW_NETWORKS", "CIDR,…", Some(""),
        "Private networks whose pages may be previewed all the same; their pictures can then be read by every user";
    PREVIEW_LANGUAGES = "MEDIA_PREVIEW_LANGUAGES", "LANGUAGE,…", Some("en"),
        "In which languages pages are asked for, as Accept-Language has them, for clients that do not say";
    MAX_IMAGE_PIXELS = "MEDIA_MAX_IMAGE_PIXELS", "PIXELS", Some("33554432"),
        "A picture with this many pixels or more gets no thumbnails";
    MAX_IMAGE_BYTES = "MEDIA_MAX_IMAGE_BYTES", "BYTES", Some("52428800"),
        "A picture with a larger file gets no thumbnails";
    CONCURRENT_UPLOADS = "MEDIA_CONCURRENT_UPLOADS", "COUNT", Some("64"),
        "Uploads received at the same time in one process; each holds up to 24 MiB";
    CONCURRENT_THUMBNAILS = "MEDIA_CONCURRENT_THUMBNAILS", "COUNT", Some("2"),
        "Pictures decoded at the same time in one process";
    THUMBNAIL_TIME = "MEDIA_THUMBNAIL_TIME_S", "SECONDS", Some("20"),
        "How long one request or arrival may spend on making thumbnails";
    REMOTE_TIME = "MEDIA_REMOTE_TIME_S", "SECONDS", Some("120"),
        "How long fetching one file from another server may take";
    TOKEN_CACHE = "MEDIA_TOKEN_CACHE_S", "SECONDS", Some("60"),
        "How long the homeserver's answer about a token is believed: a revoked token lives on this long";
    URL_WINDOW = "MEDIA_URL_WINDOW_S", "SECONDS", Some("600"),
        "Within a window of this length everybody gets the same signed link, so that browsers can cache";
    URL_MIN_LIFE = "MEDIA_URL_MIN_LIFE_S", "SECONDS", Some("300"),
        "A signed link lives at least this long, and at most this plus the window";
    DELIVERY = "MEDIA_DELIVERY", "presigned|cloudfront", Some("presigned"),
        "Where links lead: to S3, or to CloudFront in front of it";
    LINK_URL = "MEDIA_LINK_URL", "URL", None,
        "With cloudfront: what links begin with, such as `https://d111111abcdef8.cloudfront.net`";
    LINK_KEY_ID = "MEDIA_LINK_KEY_ID", "ID", None,
        "With cloudfront: the id of the public key by which CloudFront knows our links";
    LINK_KEY_FILE = "MEDIA_LINK_KEY_FILE", "PATH", None,
        "With cloudfront: the private key that signs links, P-256 in PEM";
    LINK_KEY_PARAMETER = "MEDIA_LINK_KEY_PARAMETER", "NAME", None,
        "The same key from an SSM parameter (SecureString) instead of a file; or from Secrets Manager, as for signing";
    WAIT_DEFAULT = "MEDIA_WAIT_DEFAULT_MS", "MILLISECONDS", Some("20000"),
        "How long a reader waits for media that is on its way when it does not say";
    WAIT_MAX = "MEDIA_WAIT_MAX_MS", "MILLISECONDS", Some("60000"),
        "The longest a reader may ask to wait";
    REGION = "MEDIA_REGION", "NAME", None,
        "AWS region; default: the environment's";
    S3_ENDPOINT = "MEDIA_S3_ENDPOINT", "URL", None,
        "S3 of another provider; default: AWS for functions, the embedded engine for the gateway";
    S3_PUBLIC_ENDPOINT = "MEDIA_S3_PUBLIC_ENDPOINT", "URL", None,
        "The same S3 as clients reach it, for signed links; default: as MEDIA_S3_ENDPOINT";
    S3_BUCKET = "MEDIA_S3_BUCKET", "NAME", Some("media"),
        "The bucket with every object";
    DYNAMODB_ENDPOINT = "MEDIA_DYNAMODB_ENDPOINT", "URL", None,
        "DynamoDB of another provider; default: AWS for functions, the embedded engine for the gateway";
    TABLE = "MEDIA_TABLE", "NAME", Some("media"),
        "The durable table";
    EPHEMERAL_TABLE = "MEDIA_EPHEMERAL_TABLE", "NAME", Some("ephemeral"),
        "The table of what may be forgotten";
    REMOTE_FETCH_FUNCTION = "MEDIA_REMOTE_FETCH_FUNCTION", "NAME", Some("remote-fetch"),
        "The Lambda function that fetches from other servers";
    METRICS = "MEDIA_METRICS", "emf|off", None,
        "Whether the line of each request is written for CloudWatch, which makes metrics of it (embedded metric format, on \
         standard output); default: emf on Lambda, off elsewhere";
    METRICS_SERVICE = "MEDIA_METRICS_SERVICE", "NAME", Some("media"),
        "The dimension service of these metrics, by which one deployment is told from another";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_name_of_its_own_and_says_what_it_does() {
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), ALL.len());
        for setting in ALL {
            assert!(setting.name.starts_with("MEDIA_"), "{}", setting.name);
            assert!(!setting.unit.is_empty() && !setting.help.is_empty(), "{}", setting.name);
        }
    }
}
