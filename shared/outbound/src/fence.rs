//! No private networks: asked about every address before it is dialled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The IPv4 networks that are not the public internet (IANA's special-purpose registry, RFC 6890 and later).
const FORBIDDEN_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),       // this host
    v4([10, 0, 0, 0], 8),      // private
    v4([100, 64, 0, 0], 10),   // carrier-grade NAT
    v4([127, 0, 0, 0], 8),     // loopback
    v4([169, 254, 0, 0], 16),  // link-local, and the metadata of every cloud
    v4([172, 16, 0, 0], 12),   // private
    v4([192, 0, 0, 0], 24),    // protocol assignments
    v4([192, 0, 2, 0], 24),    // documentation
    v4([192, 88, 99, 0], 24),  // 6to4 relays
    v4([192, 168, 0, 0], 16),  // private
    v4([198, 18, 0, 0], 15),   // benchmarks
    v4([198, 51, 100, 0], 24), // documentation
    v4([203, 0, 113, 0], 24),  // documentation
    v4([224, 0, 0, 0], 4),     // multicast
    v4([240, 0, 0, 0], 4),     // reserved, and broadcast
];

/// Everything but `2000::/3`, the only global unicast there is, and what within it is none or carries an IPv4 address
/// that could be any.
const FORBIDDEN_V6: [Ipv6Net; 7] = [
    // Unspecified, loopback, IPv4-mapped, -compatible and -translated, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), discard.
    v6([0, 0], 3),
    // Segment routing (5f00::/16).
    v6([0x4000, 0], 2),
    // Unique local, link-local, site-local, multicast.
    v6([0x8000, 0], 1),
    // Teredo, ORCHID, benchmarks.
    v6([0x2001, 0], 23),
    // Documentation.
    v6([0x2001, 0x0db8], 32),
    // 6to4.
    v6([0x2002, 0], 16),
    // Documentation (RFC 9637).
    v6([0x3fff, 0], 20),
];

/// NAT64's well-known prefix (RFC 6052), which an operator of an IPv6-only network has to open.
const NAT64: Ipv6Net = v6([0x0064, 0xff9b], 96);

/// Keeps connections out of private networks, except for those that the operator opened.
#[derive(Clone, Debug, Default)]
pub struct Fence {
    allowed: Vec<IpNet>,
}

/// An address that may not be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not an address of the public internet")]
pub struct Fenced(pub IpAddr);

impl Fence {
    /// A fence with gates: addresses in `allowed` pass although they are private.
    #[must_use]
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Says whether this very address may be dialled.
    ///
    /// An IPv4 address in an IPv6 coat never passes by a gate that was opened for it without the coat. Behind an open
    /// NAT64 the address inside counts, too.
    pub fn check(&self, address: IpAddr) -> Result<(), Fenced> {
        let passes = match address {
            IpAddr::V6(v6) if NAT64.contains(&v6) => self.opened(address) && self.passes_v4(inner_v4(v6)),
            IpAddr::V6(v6) => self.opened(address) || !is_forbidden_v6(v6),
            IpAddr::V4(v4) => self.passes_v4(v4),
        };
        if passes { Ok(()) } else { Err(Fenced(address)) }
    }

    fn passes_v4(&self, address: Ipv4Addr) -> bool {
        self.opened(address.into()) || !FORBIDDEN_V4.iter().any(|net| net.contains(&address))
    }

    fn opened(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|net| net.contains(&address))
    }
}

fn is_forbidden_v6(address: Ipv6Addr) -> bool {
    FORBIDDEN_V6.iter().any(|net| net.contains(&address)) || is_isatap(address)
}

/// ISATAP hides an IPv4 address in the interface part, under any prefix (RFC 5214 section 6.1).
fn is_isatap(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    segments[4] & !0x0300 == 0 && segments[5] == 0x5efe
}

fn inner_v4(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

const fn v4([a, b, c, d]: [u8; 4], prefix_bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix_bits)
}

const fn v6([a, b]: [u16; 2], prefix_bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fence: &Fence, address: &str, passes: bool) {
        let ip = address.parse().unwrap();
        assert_eq!(fence.check(ip), if passes { Ok(()) } else { Err(Fenced(ip)) }, "{address}");
    }

    #[test]
    fn the_public_internet_passes() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
            "2a00:1450::1",
            "2001:200::1",
        ] {
            check(&Fence::default(), address, true);
        }
    }

    #[test]
    fn nothing_else_does() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::10.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::a00:1",
            "100::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2600::5efe:10.0.0.1",
            "2600::200:5efe:10.0.0.1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fe80::5efe:10.0.0.1",
            "fec0::1",
            "ff02::1",
        ] {
            check(&Fence::default(), address, false);
        }
    }

    #[test]
    fn the_operator_opens_gates() {
        let fence = Fence::new(vec!["127.0.0.0/8".parse().unwrap(), "fd00::/64".parse().unwrap()]);
        check(&fence, "127.0.0.1", true);
        check(&fence, "fd00::7", true);
        check(&fence, "10.0.0.1", false);
        check(&fence, "fd00:0:0:1::7", false);
        check(&fence, "::ffff:127.0.0.1", false);
    }

    #[test]
    fn behind_nat64_the_address_inside_counts_too() {
        let fence = Fence::new(vec!["64:ff9b::/96".parse().unwrap()]);
        check(&fence, "64:ff9b::8.8.8.8", true);
        check(&fence, "64:ff9b::10.0.0.1", false);
        check(&fence, "64:ff9b::169.254.169.254", false);
    }
}
