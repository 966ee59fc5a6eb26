//! What the operator decided, read once: all problems at once, each by name.

use std::{
    collections::HashMap, fmt, net::SocketAddr, num::NonZeroUsize, path::PathBuf, str::FromStr,
    time::Duration,
};

use ipnet::IpNet;
use media_core::{Limits, OwnedServerName, OwnedUserId, mxc::parse_server_name};
use url::Url;

use crate::settings::{self, Setting};

/// Everything that can be chosen.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whose media this is.
    pub server_name: OwnedServerName,
    /// Who knows the tokens.
    pub identity: Identity,
    /// Where things are kept.
    pub store: storage::Settings,
    /// Every number.
    pub limits: Limits,
    /// How other servers are spoken to.
    pub federation: Federation,
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

/// How other servers are spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Federation {
    /// The file with the homeserver's signing key.
    pub signing_key_file: Option<PathBuf>,
    /// A PEM file of further certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// Private networks that may be contacted.
    pub allow_networks: Vec<IpNet>,
    /// How other servers get bytes.
    pub delivery: Delivery,
}

/// How other servers get bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// In the reply: every server understands it.
    Inline,
    /// As a signed link: cheap for us, but Dendrite, for one, does not follow it.
    Redirect,
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
}

/// All that is wrong with a configuration.
#[derive(PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<String>);

impl Config {
    /// Reads every setting through `lookup`, which is the environment, or the gateway's options before it.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let mut read = Reading { lookup: &lookup, problems: Vec::new() };
        let server_name = read.required(&settings::SERVER_NAME, |name| parse_server_name(name).ok());
        let identity = read.identity();
        let limits = read.limits();
        let store = read.store();
        let federation = read.federation();
        let gateway = read.gateway();
        match (server_name, identity, gateway, read.problems) {
            (Some(server_name), Some(identity), Some(gateway), problems) if problems.is_empty() => {
                Ok(Self { server_name, identity, store, limits, federation, gateway })
            }
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

    fn limits(&mut self) -> Limits {
        let seconds = |text: &str| text.parse().ok().filter(|&s| s > 0).map(Duration::from_secs);
        let millis = |text: &str| text.parse().ok().map(Duration::from_millis);
        let count = |text: &str| text.parse().ok().map(NonZeroUsize::get);
        let standard = Limits::default();
        Limits {
            upload_bytes: self.or(&settings::MAX_UPLOAD_BYTES, standard.upload_bytes, number),
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

    fn store(&mut self) -> storage::Settings {
        let url = |text: &str| http_url(text).map(|_| text.trim_end_matches('/').to_owned());
        storage::Settings {
            region: self.said(&settings::REGION),
            credentials: None,
            s3_endpoint: self.optional(&settings::S3_ENDPOINT, url),
            s3_public_endpoint: self.optional(&settings::S3_PUBLIC_ENDPOINT, url),
            dynamodb_endpoint: self.optional(&settings::DYNAMODB_ENDPOINT, url),
            lambda_endpoint: None,
            bucket: self.said(&settings::S3_BUCKET).unwrap_or_default(),
            table: self.said(&settings::TABLE).unwrap_or_default(),
            ephemeral_table: self.said(&settings::EPHEMERAL_TABLE).unwrap_or_default(),
            remote_fetch_function: self.said(&settings::REMOTE_FETCH_FUNCTION).unwrap_or_default(),
        }
    }

    fn federation(&mut self) -> Federation {
        let delivery = |text: &str| match text {
            "inline" => Some(Delivery::Inline),
            "redirect" => Some(Delivery::Redirect),
            _ => None,
        };
        let networks = |text: &str| comma_separated(text).map(|net| net.parse().ok()).collect();
        Federation {
            signing_key_file: self.said(&settings::SIGNING_KEY_FILE).map(PathBuf::from),
            ca_file: self.said(&settings::FEDERATION_CA_FILE).map(PathBuf::from),
            allow_networks: self.or(&settings::FEDERATION_ALLOW_NETWORKS, Vec::new(), networks),
            delivery: self.or(&settings::FEDERATION_DELIVERY, Delivery::Inline, delivery),
        }
    }

    fn gateway(&mut self) -> Option<Gateway> {
        let listen = self.required(&settings::LISTEN, number);
        let public_url = self.optional(&settings::PUBLIC_URL, http_url);
        let data_folder = self.said(&settings::DATA_FOLDER).map(PathBuf::from).unwrap_or_default();
        let fast = self.or(&settings::FAST, false, number);
        Some(Gateway { listen: listen?, public_url, data_folder, fast })
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

fn dev_tokens(text: &str) -> Option<HashMap<String, OwnedUserId>> {
    comma_separated(text)
        .map(|pair| {
            let (token, user) = pair.split_once('=')?;
            let user = user.trim().try_into().ok()?;
            (!token.trim().is_empty()).then(|| (token.trim().to_owned(), user))
        })
        .collect()
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
    }

    #[test]
    fn all_problems_are_told_at_once_and_by_name() {
        let problems = read(&[
            ("MEDIA_SERVER_NAME", "not a name"),
            ("MEDIA_HOMESERVER_URL", "ftp://x"),
            ("MEDIA_MAX_UPLOAD_BYTES", "many"),
            ("MEDIA_CONCURRENT_UPLOADS", "0"),
            ("MEDIA_FEDERATION_ALLOW_NETWORKS", "10.0.0.0/8,nonsense"),
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
            "LISTEN",
        ] {
            let named = problems.iter().filter(|problem| problem.contains(&format!("MEDIA_{name} "))).count();
            assert_eq!(named, 1, "{name} in {problems:?}");
        }
        assert_eq!(problems.len(), 6, "{problems:?}");
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
