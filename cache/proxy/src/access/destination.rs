//! Where connections may go, decided on the address after resolution (Squid's `to_localhost` and `to_linklocal`, and what
//! else only this machine or its cloud should reach). Private networks are allowed, as in Squid: many a proxy is there
//! to reach them.
//!
//! An IPv6 address that carries an IPv4 address for some gateway to unwrap is judged as both.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use smallvec::SmallVec;

use super::Denied;
use crate::config::Cidr;

/// The rules for destinations.
#[derive(Clone, Debug)]
pub(super) struct Destinations {
    allowed: Box<[Cidr]>,
    own: Box<[SocketAddr]>,
}

impl Destinations {
    pub(super) fn new(allowed: &[Cidr], own: &[SocketAddr]) -> Self {
        let own = own.iter().map(|own| SocketAddr::new(own.ip().to_canonical(), own.port())).collect();
        Self { allowed: allowed.into(), own }
    }

    /// `is_local` tells whether an address is one of this machine's.
    pub(super) fn check(&self, to: SocketAddr, is_local: impl Fn(IpAddr) -> bool) -> Result<(), Denied> {
        self.check_own(to, &is_local)?;
        let outer = to.ip().to_canonical();
        if self.allows(outer) {
            return Ok(());
        }
        for inner in readings(outer) {
            if let Some(denied) = judge(inner).filter(|_| !self.allows(inner)) {
                return Err(denied);
            }
            if is_local(inner) && !self.allows(inner) {
                return Err(Denied::OwnAddress);
            }
        }
        Ok(())
    }

    /// Only whether the address is the proxy's own: that would be a loop, which no rule allows.
    pub(super) fn check_own(&self, to: SocketAddr, is_local: impl Fn(IpAddr) -> bool) -> Result<(), Denied> {
        let ip = to.ip().to_canonical();
        // A connection to no address goes to loopback.
        let mine = || ip.is_unspecified() || ip.is_loopback() || is_local(ip);
        let same = |own: &SocketAddr| {
            own.port() == to.port()
                && (own.ip() == ip
                    || own.ip().is_unspecified() && mine()
                    || own.ip().is_loopback() && ip.is_unspecified())
        };
        if self.own.iter().any(same) { Err(Denied::OwnListener) } else { Ok(()) }
    }

    fn allows(&self, ip: IpAddr) -> bool {
        self.allowed.iter().any(|network| network.contains(ip))
    }
}

/// The address itself and every IPv4 address that it may carry.
fn readings(address: IpAddr) -> SmallVec<[IpAddr; 4]> {
    let mut all = SmallVec::new();
    all.push(address);
    if let IpAddr::V6(v6) = address {
        all.extend(embedded(v6).into_iter().map(IpAddr::V4));
    }
    all
}

/// The IPv4 addresses that gateways and old stacks read out of an IPv6 address.
fn embedded(address: Ipv6Addr) -> SmallVec<[Ipv4Addr; 4]> {
    let o = address.octets();
    let last = Ipv4Addr::new(o[12], o[13], o[14], o[15]);
    let mut all = SmallVec::new();
    match address.segments() {
        // No address and loopback are themselves.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => {}
        // IPv4-mapped (RFC 4291 section 2.5.5.2), IPv4-compatible (2.5.5.1) and IPv4-translated (RFC 2765).
        [0, 0, 0, 0, 0, 0xffff, _, _] | [0, 0, 0, 0, 0, 0, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] => {
            all.push(last)
        }
        // NAT64's well-known prefix (RFC 6052).
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => all.push(last),
        // NAT64's prefix for local use (RFC 8215): any of RFC 6052's layouts from 48 bits. What is zero in one layout
        // belongs to another.
        [0x64, 0xff9b, 1, ..] => {
            let layouts = [
                Ipv4Addr::new(o[6], o[7], o[9], o[10]),
                Ipv4Addr::new(o[7], o[9], o[10], o[11]),
                Ipv4Addr::new(o[9], o[10], o[11], o[12]),
                last,
            ];
            all.extend(layouts.into_iter().filter(|layout| layout.octets()[0] != 0));
        }
        // 6to4 (RFC 3056).
        [0x2002, ..] => all.push(Ipv4Addr::new(o[2], o[3], o[4], o[5])),
        // Teredo (RFC 4380): the server, and the client with its bits turned over.
        [0x2001, 0, ..] => {
            all.push(Ipv4Addr::new(o[4], o[5], o[6], o[7]));
            all.push(Ipv4Addr::from(!u32::from(last)));
        }
        // ISATAP (RFC 5214).
        [_, _, _, _, 0 | 0x200, 0x5efe, _, _] => all.push(last),
        _ => {}
    }
    all
}

/// Where clouds tell their machines credentials and keys: link-local ones by their own name, and those that are not
/// link-local at all.
const METADATA: [IpAddr; 10] = [
    // Amazon, Google, Azure, Oracle and most others; Amazon's containers; Scaleway.
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 42, 42)),
    // Alibaba, Oracle's older one, Azure's host.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // Amazon, Google, Scaleway.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42)),
];

/// Why connections to this address are denied by what it is; none when they are not.
fn judge(address: IpAddr) -> Option<Denied> {
    if METADATA.contains(&address) {
        return Some(Denied::Metadata);
    }
    match address {
        IpAddr::V4(v4) => judge_v4(v4),
        IpAddr::V6(v6) => judge_v6(v6),
    }
}

fn judge_v4(address: Ipv4Addr) -> Option<Denied> {
    match address.octets() {
        [0, ..] => Some(Denied::Unspecified),
        [127, ..] => Some(Denied::Loopback),
        [169, 254, ..] => Some(Denied::LinkLocal),
        [224..=239, ..] => Some(Denied::Multicast),
        [240..=255, ..] => Some(Denied::Reserved),
        _ => None,
    }
}

fn judge_v6(address: Ipv6Addr) -> Option<Denied> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some(Denied::Unspecified),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(Denied::Loopback),
        [first, ..] if first & 0xffc0 == 0xfe80 => Some(Denied::LinkLocal),
        [first, ..] if first & 0xff00 == 0xff00 => Some(Denied::Multicast),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The machine of these tests has two addresses beside loopback.
    fn is_local(address: IpAddr) -> bool {
        ["198.51.100.7", "2001:db8::7"].iter().any(|own| address == own.parse::<IpAddr>().unwrap())
    }

    fn decide(allowed: &[&str], to: &str) -> Result<(), Denied> {
        let allowed: Vec<Cidr> = allowed.iter().map(|network| network.parse().unwrap()).collect();
        let own = ["127.0.0.1:3128", "[::]:3129", "198.51.100.7:9301"].map(|own| own.parse().unwrap());
        let to = match to.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::new(ip, 80),
            Err(_) => to.parse().unwrap(),
        };
        Destinations::new(&allowed, &own).check(to, is_local)
    }

    fn check_denied(to: &str, reason: Denied) {
        assert_eq!(decide(&[], to), Err(reason), "{to}");
    }

    fn check_allowed(allowed: &[&str], to: &str) {
        assert_eq!(decide(allowed, to), Ok(()), "{to} with {allowed:?}");
    }

    #[test]
    fn the_world_and_private_networks_are_allowed() {
        for to in [
            "93.184.216.34",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "2606:4700::1",
            "fd00::1",
        ] {
            check_allowed(&[], to);
        }
    }

    #[test]
    fn what_only_this_machine_should_reach_is_denied() {
        for to in ["127.0.0.1", "127.255.255.254", "::1"] {
            check_denied(to, Denied::Loopback);
        }
        for to in ["0.0.0.0", "0.1.2.3", "::"] {
            check_denied(to, Denied::Unspecified);
        }
        for to in ["169.254.0.1", "fe80::1", "febf::1"] {
            check_denied(to, Denied::LinkLocal);
        }
        for to in ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"] {
            check_denied(to, Denied::Multicast);
        }
        for to in ["240.0.0.1", "255.255.255.255"] {
            check_denied(to, Denied::Reserved);
        }
    }

    #[test]
    fn metadata_is_denied_even_where_it_is_not_link_local() {
        for to in ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"] {
            check_denied(to, Denied::Metadata);
        }
    }

    #[test]
    fn addresses_of_this_machine_are_denied() {
        check_denied("198.51.100.7", Denied::OwnAddress);
        check_denied("2001:db8::7", Denied::OwnAddress);
        check_allowed(&["198.51.100.0/24"], "198.51.100.7");
    }

    #[test]
    fn carried_addresses_are_judged_as_what_they_are() {
        for to in [
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::127.0.0.1",
            "64:ff9b:1:7f00:0:100::",
            "64:ff9b:1:7f:0:1::",
            "64:ff9b:1:0:7f:0:100:0",
            "2002:7f00:1::",
            "2001:0:808:808::80ff:fffe",
            "2001:0:7f00:1::f7f7:f7f7",
            "2001:db8::5efe:127.0.0.1",
            "2001:db8::200:5efe:127.0.0.1",
        ] {
            check_denied(to, Denied::Loopback);
        }
        check_denied("::ffff:169.254.169.254", Denied::Metadata);
        check_denied("64:ff9b::a9fe:a9fe", Denied::Metadata);
        check_denied("::ffff:198.51.100.7", Denied::OwnAddress);
        check_denied("2002:c633:6407::1", Denied::OwnAddress);
    }

    #[test]
    fn carried_addresses_of_the_world_are_allowed() {
        for to in [
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "64:ff9b:1::8.8.8.8",
            "2002:808:808::1",
            "64:ff9b:1:808:8:800::",
        ] {
            check_allowed(&[], to);
        }
    }

    #[test]
    fn the_operator_opens_networks_by_either_form() {
        check_allowed(&["127.0.0.0/8"], "127.0.0.1");
        check_allowed(&["127.0.0.0/8"], "::ffff:127.0.0.1");
        check_allowed(&["127.0.0.0/8"], "64:ff9b::127.0.0.1");
        check_allowed(&["64:ff9b::/96"], "64:ff9b::127.0.0.1");
        check_allowed(&["::1"], "::1");
        check_allowed(&["169.254.169.254"], "169.254.169.254");
        assert_eq!(decide(&["127.0.0.0/8"], "::1"), Err(Denied::Loopback));
        assert_eq!(decide(&["10.0.0.0/8"], "127.0.0.1"), Err(Denied::Loopback));
    }

    #[test]
    fn no_rule_opens_the_proxy_itself() {
        let all = ["0.0.0.0/0", "::/0"];
        for to in [
            "127.0.0.1:3128",
            "0.0.0.0:3128",
            "[::ffff:127.0.0.1]:3128",
            "127.0.0.1:3129",
            "[::1]:3129",
            "[::]:3129",
            "198.51.100.7:3129",
            "[2001:db8::7]:3129",
            "198.51.100.7:9301",
        ] {
            assert_eq!(decide(&all, to), Err(Denied::OwnListener), "{to}");
        }
        for to in ["127.0.0.2:3128", "8.8.8.8:3129", "127.0.0.1:9301"] {
            check_allowed(&all, to);
        }
    }
}
