//! Names to addresses: each name is resolved once, and every address it has passes the fence or none is used.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use hickory_resolver::{
    TokioResolver,
    config::{
        ConnectionConfig, LookupIpStrategy, NameServerConfig, ProtocolConfig, ResolveHosts, ResolverConfig,
        ResolverOpts,
    },
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{Name, RData, RecordType, rdata::SRV},
};
use rand::RngExt as _;

use crate::{
    Fence, SetupError, Unreachable,
    limits::{CACHED_DNS_ANSWERS, DNS_TIME, DNS_TRIES, MAX_ADDRESSES, MAX_SRV_TARGETS},
};

/// Asks the DNS, and the fence about what the DNS says.
pub(crate) struct Resolver {
    dns: TokioResolver,
    fence: Fence,
}

/// What the DNS said, and for how long it is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// At most [`MAX_ADDRESSES`], at least one, all checked.
    pub(crate) addresses: Vec<SocketAddr>,
    /// As the DNS said it.
    pub(crate) valid_for: Duration,
}

/// What is known about a service of a host.
pub(crate) enum Service {
    /// These targets, in the order in which they are to be tried; at most [`MAX_SRV_TARGETS`].
    At(Vec<Target>, Duration),
    /// There is no such record.
    None,
    /// The DNS could not say.
    Unknown,
}

/// Where an SRV record points.
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Resolver {
    /// Asks `name_servers`, or those of the system (and its hosts file) when there are none.
    pub(crate) fn new(name_servers: &[SocketAddr], fence: Fence) -> Result<Self, SetupError> {
        let mut builder = if name_servers.is_empty() {
            TokioResolver::builder_tokio().map_err(|error| SetupError::Dns(error.to_string()))?
        } else {
            let config = ResolverConfig::from_name_servers(name_servers.iter().map(name_server).collect());
            let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            builder.options_mut().use_hosts_file = ResolveHosts::Never;
            builder
        };
        bound(builder.options_mut());
        let dns = builder.build().map_err(|error| SetupError::Dns(error.to_string()))?;
        Ok(Self { dns, fence })
    }

    /// The addresses of `host`, a name or an IP literal without brackets, with `port`.
    ///
    /// One private address among public ones refuses the host: an honest one has no such thing.
    pub(crate) async fn addresses(&self, host: &str, port: u16) -> Result<Resolved, Unreachable> {
        if let Ok(literal) = host.parse::<IpAddr>() {
            self.fence.check(literal)?;
            return Ok(Resolved { addresses: vec![(literal, port).into()], valid_for: Duration::MAX });
        }
        let failed = |error: &dyn std::fmt::Display| {
            Unreachable::Failed(format!("the addresses of {host} cannot be found: {error}"))
        };
        let name = absolute(host).map_err(|error| failed(&error))?;
        let answer = self.dns.lookup_ip(name).await.map_err(|error| failed(&error))?;
        let mut addresses = Vec::new();
        for address in answer.iter() {
            self.fence.check(address)?;
            addresses.push((address, port).into());
        }
        addresses.truncate(MAX_ADDRESSES);
        if addresses.is_empty() {
            return Err(failed(&"there are none"));
        }
        Ok(Resolved { addresses, valid_for: until(answer.valid_until()) })
    }

    /// Where `service` (such as `_matrix-fed._tcp`) of `host` is, by priority and weight (RFC 2782).
    pub(crate) async fn service(&self, service: &str, host: &str) -> Service {
        let Ok(name) = absolute(&format!("{service}.{host}")) else {
            // A name too long to have the record has none.
            return Service::None;
        };
        match self.dns.lookup(name, RecordType::SRV).await {
            Ok(answer) => {
                let records = answer.answers().iter().filter_map(|record| match &record.data {
                    RData::SRV(srv) => Some(srv.clone()),
                    _ => None,
                });
                match in_order(records.collect()) {
                    targets if targets.is_empty() => Service::None,
                    targets => Service::At(targets, until(answer.valid_until())),
                }
            }
            Err(error) if error.is_no_records_found() => Service::None,
            Err(error) => {
                log_unanswered(host, &error);
                Service::Unknown
            }
        }
    }
}

fn log_unanswered(host: &str, error: &NetError) {
    tracing::debug!(host, %error, "The DNS does not say whether a server has SRV records");
}

fn bound(options: &mut ResolverOpts) {
    options.timeout = DNS_TIME;
    options.attempts = DNS_TRIES;
    options.cache_size = CACHED_DNS_ANSWERS;
    // IPv4 first: a Lambda function and many a container have no route for the other.
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ProtocolConfig::Udp, ProtocolConfig::Tcp].map(|protocol| {
        let mut connection = ConnectionConfig::new(protocol);
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

/// The name as it stands, so that no search domain of the machine is ever tried.
fn absolute(host: &str) -> Result<Name, String> {
    let mut name = Name::from_ascii(host).map_err(|error| error.to_string())?;
    name.set_fqdn(true);
    Ok(name)
}

fn until(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}

/// The lowest priority first; within one, by chance, the heavier the likelier.
fn in_order(mut records: Vec<SRV>) -> Vec<Target> {
    // A target of `.` says that the service is decidedly not there.
    records.retain(|record| !record.target.is_root());
    records.truncate(MAX_SRV_TARGETS);
    records.sort_by_key(|record| (record.priority, drawn_lot(record.weight)));
    records
        .into_iter()
        .map(|record| Target {
            host: record.target.to_ascii().trim_end_matches('.').to_owned(),
            port: record.port,
        })
        .collect()
}

/// The smaller the earlier: an exponential variable with the weight as its rate, in whole millionths, which draws
/// the same order as RFC 2782's running sums. Weight 0 comes last.
fn drawn_lot(weight: u16) -> u64 {
    let chance: f64 = rand::rng().random_range(f64::MIN_POSITIVE..1.0);
    let lot = -chance.ln() / f64::from(weight).max(1e-3) * 1e6;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and `as` saturates"
    )]
    {
        lot as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn srv(priority: u16, weight: u16, target: &str) -> SRV {
        SRV::new(priority, weight, 8448, Name::from_ascii(target).unwrap())
    }

    fn hosts(records: Vec<SRV>) -> Vec<String> {
        in_order(records).into_iter().map(|target| target.host).collect()
    }

    #[test]
    fn the_lower_priority_is_tried_first_and_nowhere_never() {
        let records = vec![srv(20, 100, "b.test."), srv(10, 0, "a.test."), srv(0, 0, ".")];
        assert_eq!(hosts(records), ["a.test", "b.test"]);
    }

    #[test]
    fn the_heavier_is_usually_first() {
        let first = |_| hosts(vec![srv(1, 1, "light."), srv(1, 99, "heavy.")]).remove(0);
        let heavy = (0..1000).map(first).filter(|host| host == "heavy").count();
        assert!((900..1000).contains(&heavy), "{heavy}");
    }
}
