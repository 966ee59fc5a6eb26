//! What the operator decided, read once: all problems at once, each by name.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    net::SocketAddr,
    num::NonZeroUsize,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use http::{HeaderName, HeaderValue};
use ipnet::IpNet;
use matrix::Front;
use media_core::{
    Legacy, Limits, Neighbours, OwnedServerName, OwnedUserId, Rate, Timestamp, allowance::Rule,
    legacy::Frozen, limits::Rates, mxc::parse_server_name, neighbours::Pattern, refusal::LimitPage,
};
use outbound::Sites;
use storage::{cloudfront::LinkSettings, secrets::SecretPlace};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use url::Url;

use crate::{
    emf,
    scanning::STANDARD_TIME,
    settings::{self, Setting},
};

/// Where Lambda says which function a process is, and that it is one.
const LAMBDA_FUNCTION: &str = "AWS_LAMBDA_FUNCTION_NAME";

pub use storage::secrets::KeyPlace;

/// Everything that can be chosen.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whose media this is.
    pub server_name: OwnedServerName,
    /// Who knows the tokens.
    pub identity: Identity,
    /// Who administers media.
    pub administration: Administration,
    /// Where things are kept.
    pub store: storage::Settings,
    /// Every number.
    pub limits: Limits,
    /// What clients may upload, and how.
    pub uploads: Uploads,
    /// Who is asked whether media may be shown.
    pub scanning: Scanning,
    /// What the old paths that ask for no token still show.
    pub legacy: Legacy,
    /// The header in which a trusted proxy says whom it speaks for.
    pub client_address_header: Option<HeaderName>,
    /// Who stands in front, if only that may ask.
    pub front: Front,
    /// How other servers are spoken to.
    pub federation: Federation,
    /// Whether and how links are previewed.
    pub previews: Previews,
    /// What is written down of the work.
    pub telemetry: Telemetry,
    /// What only the gateway reads.
    pub gateway: Gateway,
}

/// Who knows whose a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The homeserver at this base URL.
    Homeserver(Url),
    /// This list, for development.
    Development(HashMap<String, OwnedUserId>),
}

/// Who administers media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Administration {
    /// These users; `None`: whom the homeserver says.
    pub users: Option<Vec<OwnedUserId>>,
    /// Where the secret is whose bearers are administrators, if there is one.
    pub secret: Option<KeyPlace>,
}

/// What clients may upload, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploads {
    /// Whether they may put bytes straight into the store (MSC3870).
    pub direct: bool,
    /// Types that are not taken: lower case, `*` for any letters.
    pub forbidden_types: Vec<String>,
    /// What becomes of bytes that are banned.
    pub banned: BannedUploads,
    /// Users without rates and limits of their own: `*` for any letters.
    pub unlimited_users: Vec<String>,
    /// Where users read about their limits.
    pub limit_page: Option<LimitPage>,
}

/// What whoever uploads banned bytes is told. What goes straight to S3 is taken either way: nobody has read it by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BannedUploads {
    /// Nothing: they have their name, and nobody sees the bytes (as Synapse does).
    Accept,
    /// That these bytes are not taken.
    Refuse,
}

/// Who is asked whether media may be shown, and what follows when there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanning {
    /// Who; `None` is nobody, and everything is shown.
    pub scanner: Option<ScannerPlace>,
    /// How long a verdict may take.
    pub time: Duration,
    /// What becomes of media without one.
    pub on_failure: OnScanFailure,
    /// Whether every copy of what is hidden is.
    pub bans: bool,
}

/// Where a scanner is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScannerPlace {
    /// It answers HTTP.
    Url(Url),
    /// It is a Lambda function of this name or ARN.
    Function(String),
}

/// What becomes of media without a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnScanFailure {
    /// It is shown.
    Admit,
    /// Nobody gets it until there is a verdict.
    Hold,
}

/// How other servers are spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Federation {
    /// Where the homeserver's signing key is, if requests are to be signed.
    pub signing_key: Option<KeyPlace>,
    /// A PEM file of further certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// Private networks that may be contacted.
    pub allow_networks: Vec<IpNet>,
    /// With whom we have to do.
    pub neighbours: Neighbours,
    /// Whom to believe about the keys of servers that cannot be asked themselves.
    pub notaries: Vec<OwnedServerName>,
    /// How other servers get bytes.
    pub delivery: Delivery,
    /// Who gets them in the reply whatever `delivery` says.
    pub inline_servers: Vec<Pattern>,
    /// The most bytes of a reply where `delivery` is by link; `None` is no bound.
    pub inline_bytes: Option<u64>,
}

/// Whether and how links are previewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previews {
    /// Whether they are.
    pub enabled: bool,
    /// Whether clients are refused by MSC4452 where they are not.
    pub msc4452: bool,
    /// Which sites are visited.
    pub sites: Sites,
    /// Private networks whose pages may be previewed.
    pub allow_networks: Vec<IpNet>,
    /// `Accept-Language` for clients that do not say.
    pub languages: HeaderValue,
}

/// How other servers get bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// In the reply: every server understands it.
    Inline,
    /// As a signed link: cheap for us. Who is known not to follow it, such as Dendrite, gets the bytes all the same.
    Redirect,
}

/// What is written down of the work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// Whose figures are written for CloudWatch; `None` writes none.
    pub metrics: Option<emf::Source>,
    /// Whether Lambda runs us, and says to which trace what it hands over belongs.
    pub is_on_lambda: bool,
}

/// What only the gateway reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where clients reach it; `None` is where it listens.
    pub public_url: Option<Url>,
    /// The engines' folder.
    pub data_folder: PathBuf,
    /// Acknowledge without waiting for the disk.
    pub fast: bool,
    /// How long it goes on serving after it was told to stop.
    pub stop_notice: Duration,
    /// How long what is under way may take to end then.
    pub drain: Duration,
}

/// What `functions/admin` is called where there is no Lambda.
const ADMIN: &str = "admin";

/// All that is wrong with a configuration.
#[derive(PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<String>);

impl Config {
    /// Reads every setting through `lookup`, which is the environment, or the gateway's options before it.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let mut read = Reading { lookup: &lookup, ssm_endpoint: None, problems: Vec::new() };
        read.ssm_endpoint = read.optional(&settings::SSM_ENDPOINT, base_url);
        let server_name = read.required(&settings::SERVER_NAME, |name| parse_server_name(name).ok());
        let identity = read.identity();
        let administration = read.administration();
        let limits = read.limits();
        let store = read.store();
        let uploads = read.uploads();
        let scanning = read.scanning();
        let legacy = read.legacy();
        let client_address_header = read.optional(&settings::CLIENT_ADDRESS_HEADER, number);
        let front = read.front();
        let federation = read.federation();
        let previews = read.previews();
        let telemetry = read.telemetry();
        let gateway = read.gateway();
        match (server_name, identity, gateway, read.problems) {
            (Some(server_name), Some(identity), Some(gateway), problems) if problems.is_empty() => Ok(Self {
                server_name,
                identity,
                administration,
                store,
                limits,
                uploads,
                scanning,
                legacy,
                client_address_header,
                front,
                federation,
                previews,
                telemetry,
                gateway,
            }),
            (.., problems) => Err(Problems(problems)),
        }
    }

    /// Reads the environment.
    pub fn from_environment() -> Result<Self, Problems> {
        Self::read(environment)
    }
}

/// The value of an environment variable, if it is there and is text.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one door to the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

struct Reading<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    /// Where parameters with keys are asked for.
    ssm_endpoint: Option<String>,
    problems: Vec<String>,
}

impl Reading<'_> {
    fn identity(&mut self) -> Option<Identity> {
        let url = self.optional(&settings::HOMESERVER_URL, http_url);
        let tokens = self.optional(&settings::DEV_TOKENS, dev_tokens);
        let (url_name, tokens_name) = (settings::HOMESERVER_URL.name, settings::DEV_TOKENS.name);
        match (self.said(&settings::HOMESERVER_URL), self.said(&settings::DEV_TOKENS)) {
            (Some(_), None) => url.map(Identity::Homeserver),
            (None, Some(_)) => tokens.map(Identity::Development),
            (Some(_), Some(_)) => {
                self.problem(format!(
                    "{tokens_name} is for development and must not be set together with {url_name}"
                ));
                None
            }
            (None, None) => {
                self.problem(format!("{url_name} is required (or, for development, {tokens_name})"));
                None
            }
        }
    }

    fn administration(&mut self) -> Administration {
        let users = |text: &str| match text {
            "homeserver" => Some(None),
            text => {
                let users = comma_separated(text).map(|user| user.try_into().ok());
                users.collect::<Option<Vec<_>>>().filter(|users| !users.is_empty()).map(Some)
            }
        };
        Administration {
            users: self.or(&settings::ADMINS, None, users),
            secret: self.key(
                &settings::ADMIN_SECRET_FILE,
                &settings::ADMIN_SECRET_PARAMETER,
                "there is one secret for administrators",
            ),
        }
    }

    fn limits(&mut self) -> Limits {
        let seconds = |text: &str| text.parse().ok().filter(|&s| s > 0).map(Duration::from_secs);
        let millis = |text: &str| text.parse().ok().map(Duration::from_millis);
        let count = |text: &str| text.parse().ok().map(NonZeroUsize::get);
        let standard = Limits::default();
        Limits {
            upload_bytes: self.or(&settings::MAX_UPLOAD_BYTES, standard.upload_bytes, number),
            direct_upload_bytes: self.or(
                &settings::MAX_DIRECT_UPLOAD_BYTES,
                standard.direct_upload_bytes,
                number,
            ),
            user_bytes: self.optional(&settings::USER_QUOTA_BYTES, number),
            pending_uploads: self.or(&settings::MAX_PENDING_UPLOADS, standard.pending_uploads, |text| {
                text.parse().ok().filter(|&count| count > 0)
            }),
            users: self.or(&settings::USER_LIMITS, Vec::new(), rules),
            reservation_life: self.or(&settings::RESERVATION_LIFE, standard.reservation_life, seconds),
            rates: Rates {
                create: self.rate(&settings::RATE_CREATE),
                upload: self.rate(&settings::RATE_UPLOAD),
                read: self.rate(&settings::RATE_READ),
                remote_bytes: self.rate(&settings::RATE_REMOTE_BYTES),
            },
            remote_bytes: self.or(&settings::MAX_REMOTE_BYTES, standard.remote_bytes, number),
            image_pixels: self.or(&settings::MAX_IMAGE_PIXELS, standard.image_pixels, number),
            image_bytes: self.or(&settings::MAX_IMAGE_BYTES, standard.image_bytes, number),
            concurrent_thumbnails: self.or(
                &settings::CONCURRENT_THUMBNAILS,
                standard.concurrent_thumbnails,
                count,
            ),
            thumbnail_time: self.or(&settings::THUMBNAIL_TIME, standard.thumbnail_time, seconds),
            concurrent_uploads: self.or(&settings::CONCURRENT_UPLOADS, standard.concurrent_uploads, count),
            remote_time: self.or(&settings::REMOTE_TIME, standard.remote_time, seconds),
            token_cache: self.or(&settings::TOKEN_CACHE, standard.token_cache, |text| {
                text.parse().ok().map(Duration::from_secs)
            }),
            url_window: self.or(&settings::URL_WINDOW, standard.url_window, seconds),
            url_min_life: self.or(&settings::URL_MIN_LIFE, standard.url_min_life, seconds),
            wait_default: self.or(&settings::WAIT_DEFAULT, standard.wait_default, millis),
            wait_max: self.or(&settings::WAIT_MAX, standard.wait_max, millis),
        }
    }

    fn rate(&mut self, setting: &Setting) -> Option<Rate> {
        let rate = |text: &str| if text == "off" { Some(None) } else { text.parse().ok().map(Some) };
        self.optional(setting, rate).flatten()
    }

    fn uploads(&mut self) -> Uploads {
        let list = |text: &str| Some(comma_separated(text).map(ToOwned::to_owned).collect());
        let lower_case = |text: &str| list(&text.to_ascii_lowercase());
        Uploads {
            direct: self.or(&settings::DIRECT_UPLOADS, true, number),
            forbidden_types: self.or(&settings::FORBIDDEN_TYPES, Vec::new(), lower_case),
            banned: self.or(&settings::BANNED_UPLOADS, BannedUploads::Accept, banned_uploads),
            unlimited_users: self.or(&settings::UNLIMITED_USERS, Vec::new(), list),
            limit_page: self.limit_page(),
        }
    }

    fn scanning(&mut self) -> Scanning {
        let on_failure = |text: &str| match text {
            "admit" => Some(OnScanFailure::Admit),
            "hold" => Some(OnScanFailure::Hold),
            _ => None,
        };
        let millis = |text: &str| text.parse().ok().filter(|&ms| ms > 0).map(Duration::from_millis);
        Scanning {
            scanner: self.optional(&settings::SCANNER, scanner),
            time: self.or(&settings::SCANNER_TIMEOUT, STANDARD_TIME, millis),
            on_failure: self.or(&settings::SCANNER_ON_FAILURE, OnScanFailure::Hold, on_failure),
            bans: self.or(&settings::SCANNER_BANS, false, number),
        }
    }

    fn limit_page(&mut self) -> Option<LimitPage> {
        let can_upgrade = self.or(&settings::USER_LIMIT_UPGRADE, false, number);
        let page = self.optional(&settings::USER_LIMIT_INFO, http_url)?;
        Some(LimitPage { info_uri: page.into(), can_upgrade })
    }

    fn legacy(&mut self) -> Legacy {
        let names = |text: &str| comma_separated(text).map(|mxc| mxc.parse().ok()).collect();
        Legacy {
            frozen: self.or(&settings::LEGACY_FROZEN_SINCE, Frozen::Always, frozen),
            exempt: self.or(&settings::LEGACY_EXEMPT, HashSet::new(), names),
        }
    }

    fn front(&mut self) -> Front {
        let secrets = |text: &str| Some(comma_separated(text).map(ToOwned::to_owned).collect());
        Front::new(&self.or::<Vec<String>>(&settings::ORIGIN_SECRETS, Vec::new(), secrets))
    }

    fn store(&mut self) -> storage::Settings {
        storage::Settings {
            region: self.said(&settings::REGION),
            credentials: None,
            s3_endpoint: self.optional(&settings::S3_ENDPOINT, base_url),
            s3_public_endpoint: self.optional(&settings::S3_PUBLIC_ENDPOINT, base_url),
            links: self.links(),
            dynamodb_endpoint: self.optional(&settings::DYNAMODB_ENDPOINT, base_url),
            lambda_endpoint: None,
            lambda_credentials: None,
            bucket: self.said(&settings::S3_BUCKET).unwrap_or_default(),
            table: self.said(&settings::TABLE).unwrap_or_default(),
            ephemeral_table: self.said(&settings::EPHEMERAL_TABLE).unwrap_or_default(),
            remote_fetch_function: self.said(&settings::REMOTE_FETCH_FUNCTION).unwrap_or_default(),
            // A template cannot tell a function its own name; Lambda does.
            admin_function: environment("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| ADMIN.to_owned()),
        }
    }

    /// How links lead to CloudFront, if they do. Of what they would need otherwise nothing is looked at: a deployment may
    /// have a key ready.
    fn links(&mut self) -> Option<LinkSettings> {
        let is_cloudfront = |text: &str| match text {
            "presigned" => Some(false),
            "cloudfront" => Some(true),
            _ => None,
        };
        if !self.or(&settings::DELIVERY, false, is_cloudfront) {
            return None;
        }
        let url = self.required(&settings::LINK_URL, link_url);
        let key_id = self.required(&settings::LINK_KEY_ID, key_id);
        let (file, parameter) = (&settings::LINK_KEY_FILE, &settings::LINK_KEY_PARAMETER);
        let key = self.key(file, parameter, "one key signs links");
        if key.is_none() {
            self.problem(format!("{} is required (or {}): {}", file.name, parameter.name, file.help));
        }
        Some(LinkSettings { url: url?, key_id: key_id?, key: key? })
    }

    fn federation(&mut self) -> Federation {
        let delivery = |text: &str| match text {
            "inline" => Some(Delivery::Inline),
            "redirect" => Some(Delivery::Redirect),
            _ => None,
        };
        let names = |text: &str| comma_separated(text).map(|name| parse_server_name(name).ok()).collect();
        Federation {
            signing_key: self.key(
                &settings::SIGNING_KEY_FILE,
                &settings::SIGNING_KEY_PARAMETER,
                "there is one signing key",
            ),
            ca_file: self.said(&settings::FEDERATION_CA_FILE).map(PathBuf::from),
            allow_networks: self.or(&settings::FEDERATION_ALLOW_NETWORKS, Vec::new(), networks),
            neighbours: Neighbours {
                allowed: self.or(&settings::FEDERATION_ALLOW_SERVERS, Vec::new(), servers),
                denied: self.or(&settings::FEDERATION_DENY_SERVERS, Vec::new(), servers),
            },
            notaries: self.or(&settings::FEDERATION_NOTARIES, Vec::new(), names),
            delivery: self.or(&settings::FEDERATION_DELIVERY, Delivery::Inline, delivery),
            inline_servers: self.or(&settings::FEDERATION_INLINE_SERVERS, Vec::new(), servers),
            inline_bytes: self.optional(&settings::FEDERATION_INLINE_BYTES, number),
        }
    }

    /// Where a key is that lies in a file or in a parameter, and not in both.
    fn key(&mut self, file: &Setting, parameter: &Setting, since: &str) -> Option<KeyPlace> {
        let in_file = self.said(file).map(|file| KeyPlace::File(file.into()));
        let secret = self.said(parameter).map(|parameter| {
            let (region, endpoint) = (self.said(&settings::REGION), self.ssm_endpoint.clone());
            KeyPlace::Secret(SecretPlace { parameter, region, credentials: None, endpoint })
        });
        if in_file.is_some() && secret.is_some() {
            self.problem(format!("{} and {} must not both be set: {since}", file.name, parameter.name));
        }
        in_file.or(secret)
    }

    fn previews(&mut self) -> Previews {
        let english = HeaderValue::from_static("en");
        let sites = |text: &str| comma_separated(text).map(|site| site.parse().ok()).collect();
        Previews {
            enabled: self.or(&settings::URL_PREVIEWS, true, number),
            msc4452: self.or(&settings::MSC4452, false, number),
            sites: Sites {
                allowed: self.or(&settings::PREVIEW_ALLOW, Vec::new(), sites),
                denied: self.or(&settings::PREVIEW_DENY, Vec::new(), sites),
            },
            allow_networks: self.or(&settings::PREVIEW_ALLOW_NETWORKS, Vec::new(), networks),
            languages: self.or(&settings::PREVIEW_LANGUAGES, english, |text| text.parse().ok()),
        }
    }

    /// Off Lambda nobody turns the figures' lines into metrics, unless somebody sees to it that they get to CloudWatch.
    fn telemetry(&mut self) -> Telemetry {
        let function = (self.lookup)(LAMBDA_FUNCTION).filter(|name| !name.is_empty());
        let is_on_lambda = function.is_some();
        let wanted = self.or(&settings::METRICS, is_on_lambda, |text| match text {
            "emf" => Some(true),
            "off" => Some(false),
            _ => None,
        });
        let service = self.said(&settings::METRICS_SERVICE).unwrap_or_default();
        let source = emf::Source { service, function_name: function.unwrap_or_else(|| "gateway".to_owned()) };
        Telemetry { metrics: wanted.then_some(source), is_on_lambda }
    }

    fn gateway(&mut self) -> Option<Gateway> {
        let listen = self.required(&settings::LISTEN, number);
        let public_url = self.optional(&settings::PUBLIC_URL, http_url);
        let data_folder = self.said(&settings::DATA_FOLDER).map(PathBuf::from).unwrap_or_default();
        let fast = self.or(&settings::FAST, false, number);
        let seconds = |text: &str| text.parse().ok().map(Duration::from_secs);
        let stop_notice = self.or(&settings::STOP_NOTICE, Duration::ZERO, seconds);
        let drain = self.or(&settings::DRAIN, Duration::from_secs(30), seconds);
        Some(Gateway { listen: listen?, public_url, data_folder, fast, stop_notice, drain })
    }

    /// What was given, else the default; an empty value counts as none.
    fn said(&self, setting: &Setting) -> Option<String> {
        let given = (self.lookup)(setting.name).filter(|value| !value.is_empty());
        given.or_else(|| setting.default.filter(|value| !value.is_empty()).map(ToOwned::to_owned))
    }

    fn optional<T>(&mut self, setting: &Setting, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let said = self.said(setting)?;
        let parsed = parse(&said);
        if parsed.is_none() {
            self.problem(format!("{} must be {}, which {said:?} is not", setting.name, setting.unit));
        }
        parsed
    }

    fn required<T>(&mut self, setting: &Setting, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        if self.said(setting).is_none() {
            self.problem(format!("{} is required: {}", setting.name, setting.help));
        }
        self.optional(setting, parse)
    }

    fn or<T>(&mut self, setting: &Setting, otherwise: T, parse: impl Fn(&str) -> Option<T>) -> T {
        self.optional(setting, parse).unwrap_or(otherwise)
    }

    fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// `main` prints an error's `Debug`; an operator wants to read sentences.
impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn http_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// As the SDK wants it.
fn base_url(text: &str) -> Option<String> {
    http_url(text).map(|_| text.trim_end_matches('/').to_owned())
}

/// As links begin with it: their own query follows.
fn link_url(text: &str) -> Option<String> {
    let url = http_url(text)?;
    let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    // As written by whoever reads URLs: host names in small letters, as clients say them to CloudFront.
    is_plain.then(|| url.as_str().trim_end_matches('/').to_owned())
}

/// It stands in links as it is.
fn key_id(text: &str) -> Option<String> {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| text.to_owned())
}

fn dev_tokens(text: &str) -> Option<HashMap<String, OwnedUserId>> {
    comma_separated(text)
        .map(|pair| {
            let (token, user) = pair.split_once('=')?;
            let user = user.trim().try_into().ok()?;
            (!token.trim().is_empty()).then(|| (token.trim().to_owned(), user))
        })
        .collect()
}

/// Rules stand between semicolons, which no user's name has.
fn rules(text: &str) -> Option<Vec<Rule>> {
    text.split(';').map(str::trim).filter(|rule| !rule.is_empty()).map(|rule| rule.parse().ok()).collect()
}

/// A function's name or ARN has no slash, and every address has.
fn scanner(text: &str) -> Option<ScannerPlace> {
    if text.contains('/') {
        return http_url(text).map(ScannerPlace::Url);
    }
    let is_name = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_:$".contains(&byte));
    is_name.then(|| ScannerPlace::Function(text.to_owned()))
}

fn banned_uploads(text: &str) -> Option<BannedUploads> {
    match text {
        "accept" => Some(BannedUploads::Accept),
        "refuse" => Some(BannedUploads::Refuse),
        _ => None,
    }
}

fn frozen(text: &str) -> Option<Frozen> {
    if text == "always" {
        return Some(Frozen::Always);
    }
    let since = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let since_ms = u64::try_from(since.unix_timestamp_nanos() / 1_000_000).ok()?;
    Some(Frozen::Since(Timestamp(since_ms)))
}

fn servers(list: &str) -> Option<Vec<Pattern>> {
    comma_separated(list).map(|pattern| pattern.parse().ok()).collect()
}

fn networks(text: &str) -> Option<Vec<IpNet>> {
    comma_separated(text).map(|net| net.parse().ok()).collect()
}

fn comma_separated(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Config, Problems> {
        let map: HashMap<_, _> = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::read(|name| map.get(name).cloned())
    }

    #[test]
    fn the_table_of_settings_says_the_limits_real_defaults() {
        let config =
            read(&[("MEDIA_SERVER_NAME", "example.org"), ("MEDIA_DEV_TOKENS", "t=@a:example.org")]).unwrap();
        assert_eq!(config.limits, Limits::default());
        assert_eq!(config.legacy, Legacy::default());
    }

    #[test]
    fn rates_are_switched_off_by_their_word_and_the_freeze_has_a_date() {
        let user = [("MEDIA_SERVER_NAME", "example.org"), ("MEDIA_DEV_TOKENS", "t=@a:example.org")];
        let said = [
            ("MEDIA_RATE_CREATE", "off"),
            ("MEDIA_RATE_READ", "20/100"),
            ("MEDIA_LEGACY_FROZEN_SINCE", "1970-01-01T01:00:01+01:00"),
            ("MEDIA_LEGACY_EXEMPT", "mxc://example.org/google, mxc://example.org/github"),
        ];
        let config = read(&[&user[..], &said].concat()).unwrap();
        assert_eq!((config.limits.rates.create, config.limits.rates.read), (None, Rate::new(20, 100)));
        assert_eq!(config.legacy.frozen, Frozen::Since(Timestamp(1_000)));
        assert_eq!(config.legacy.exempt.len(), 2);
        for (name, nonsense) in [
            ("MEDIA_RATE_CREATE", "fast"),
            ("MEDIA_LEGACY_FROZEN_SINCE", "yesterday"),
            ("MEDIA_LEGACY_EXEMPT", "example.org/a"),
            ("MEDIA_CLIENT_ADDRESS_HEADER", "X Forwarded"),
        ] {
            let problems = read(&[&user[..], &[(name, nonsense)]].concat()).unwrap_err();
            assert!(problems.0[0].starts_with(name), "{problems}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once_and_by_name() {
        let problems = read(&[
            ("MEDIA_SERVER_NAME", "not a name"),
            ("MEDIA_HOMESERVER_URL", "ftp://x"),
            ("MEDIA_MAX_UPLOAD_BYTES", "many"),
            ("MEDIA_CONCURRENT_UPLOADS", "0"),
            ("MEDIA_FEDERATION_ALLOW_NETWORKS", "10.0.0.0/8,nonsense"),
            ("MEDIA_FEDERATION_ALLOW_SERVERS", "*.example.org, *"),
            ("MEDIA_FEDERATION_DENY_SERVERS", "a b"),
            ("MEDIA_FEDERATION_INLINE_SERVERS", "*.*.org"),
            ("MEDIA_FEDERATION_NOTARIES", "matrix.org,not a name"),
            ("MEDIA_USER_LIMITS", "* total:1G; @a:example.org 24h"),
            ("MEDIA_USER_LIMIT_INFO_URI", "plans"),
            ("MEDIA_SCANNER", "scan://x"),
            ("MEDIA_SCANNER_ON_FAILURE", "shrug"),
            ("MEDIA_PREVIEW_DENY", "example.org, ftp://example.org"),
            ("MEDIA_LISTEN", "8008"),
        ])
        .unwrap_err()
        .0;
        for name in [
            "SERVER_NAME",
            "HOMESERVER_URL",
            "MAX_UPLOAD_BYTES",
            "CONCURRENT_UPLOADS",
            "FEDERATION_ALLOW_NETWORKS",
            "FEDERATION_ALLOW_SERVERS",
            "FEDERATION_DENY_SERVERS",
            "FEDERATION_INLINE_SERVERS",
            "FEDERATION_NOTARIES",
            "USER_LIMITS",
            "USER_LIMIT_INFO_URI",
            "SCANNER",
            "SCANNER_ON_FAILURE",
            "PREVIEW_DENY",
            "LISTEN",
        ] {
            let named = problems.iter().filter(|problem| problem.contains(&format!("MEDIA_{name} "))).count();
            assert_eq!(named, 1, "{name} in {problems:?}");
        }
        assert_eq!(problems.len(), 15, "{problems:?}");
    }

    #[test]
    fn the_signing_key_has_one_place() {
        let with = |more: &[(&str, &str)]| {
            let server = [("MEDIA_SERVER_NAME", "example.org"), ("MEDIA_DEV_TOKENS", "t=@a:example.org")];
            read(&[&server, more].concat()).map(|config| config.federation.signing_key)
        };
        let (file, parameter) = (("MEDIA_SIGNING_KEY_FILE", "key"), ("MEDIA_SIGNING_KEY_PARAMETER", "/key"));
        assert_eq!(with(&[]), Ok(None));
        assert_eq!(with(&[file]), Ok(Some(KeyPlace::File("key".into()))));
        let secret = |region: Option<&str>, endpoint: Option<&str>| SecretPlace {
            parameter: "/key".to_owned(),
            region: region.map(ToOwned::to_owned),
            credentials: None,
            endpoint: endpoint.map(ToOwned::to_owned),
        };
        assert_eq!(with(&[parameter]), Ok(Some(KeyPlace::Secret(secret(None, None)))));
        let there = [parameter, ("MEDIA_REGION", "eu-west-1"), ("MEDIA_SSM_ENDPOINT", "http://x/")];
        assert_eq!(with(&there), Ok(Some(KeyPlace::Secret(secret(Some("eu-west-1"), Some("http://x"))))));
        let problems = with(&[file, parameter]).unwrap_err().0;
        assert!(problems[0].contains(file.0) && problems[0].contains(parameter.0), "{problems:?}");
    }

    #[test]
    fn links_to_cloudfront_need_a_url_an_id_and_one_key() {
        let with = |more: &[(&str, &str)]| {
            let server = [("MEDIA_SERVER_NAME", "example.org"), ("MEDIA_DEV_TOKENS", "t=@a:example.org")];
            read(&[&server, more].concat()).map(|config| config.store.links)
        };
        let cloudfront = ("MEDIA_DELIVERY", "cloudfront");
        let (url, id) =
            (("MEDIA_LINK_URL", "https://D1.cloudfront.net/"), ("MEDIA_LINK_KEY_ID", "K2JCJMDEHXQW5F"));
        let (file, parameter) =
            (("MEDIA_LINK_KEY_FILE", "links.pem"), ("MEDIA_LINK_KEY_PARAMETER", "/links/1"));
        let links = |key: KeyPlace| {
            let (url, key_id) = ("https://d1.cloudfront.net".to_owned(), id.1.to_owned());
            Ok(Some(LinkSettings { url, key_id, key }))
        };
        assert_eq!(with(&[cloudfront, url, id, file]), links(KeyPlace::File("links.pem".into())));
        let endpoint = ("MEDIA_SSM_ENDPOINT", "http://x");
        let place = SecretPlace {
            parameter: "/links/1".to_owned(),
            endpoint: Some("http://x".to_owned()),
            ..SecretPlace::default()
        };
        assert_eq!(with(&[cloudfront, url, id, parameter, endpoint]), links(KeyPlace::Secret(place)));

        // As the template says it where links lead to S3: with a key that is not needed, or with nothing.
        for presigned in ["presigned", ""] {
            let empty =
                [("MEDIA_DELIVERY", presigned), ("MEDIA_LINK_URL", ""), ("MEDIA_LINK_KEY_ID", ""), parameter];
            assert_eq!(with(&empty), Ok(None));
        }

        for (said, problems) in [
            (&[cloudfront][..], &["MEDIA_LINK_URL", "MEDIA_LINK_KEY_ID", "MEDIA_LINK_KEY_FILE"][..]),
            (&[cloudfront, url, file, ("MEDIA_LINK_KEY_ID", "K2 4")], &["MEDIA_LINK_KEY_ID"]),
            (&[cloudfront, id, file, ("MEDIA_LINK_URL", "https://x/?a=b")], &["MEDIA_LINK_URL"]),
            (&[cloudfront, url, id, file, parameter], &["MEDIA_LINK_KEY_FILE and MEDIA_LINK_KEY_PARAMETER"]),
            (&[("MEDIA_DELIVERY", "carrier pigeon")], &["MEDIA_DELIVERY"]),
        ] {
            let told = with(said).unwrap_err().0;
            let named = told.iter().zip(problems).all(|(told, problem)| told.starts_with(problem));
            assert!(named && told.len() == problems.len(), "{told:?}");
        }
    }

    #[test]
    fn development_tokens_are_refused_beside_a_homeserver() {
        let server = ("MEDIA_SERVER_NAME", "example.org");
        let tokens = ("MEDIA_DEV_TOKENS", "a=@a:example.org, b=@b:example.org");
        let homeserver = ("MEDIA_HOMESERVER_URL", "https://matrix.example.org");
        let Identity::Development(map) = read(&[server, tokens]).unwrap().identity else {
            panic!("a homeserver?")
        };
        assert_eq!(map["b"].as_str(), "@b:example.org");
        assert!(read(&[server, homeserver]).is_ok());
        assert!(read(&[server, tokens, homeserver]).is_err());
        assert!(read(&[server]).is_err());
        assert!(read(&[server, ("MEDIA_DEV_TOKENS", "nonsense")]).is_err());
    }
}
