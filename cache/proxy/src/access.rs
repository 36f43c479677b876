//! Who may ask for what, in the order of Squid's default `http_access`: unsafe ports are refused, then CONNECT to ports
//! that are not for TLS, then clients that are not ours, then destinations that only this machine or its cloud should
//! reach. The last is decided on the address a connection is about to be made to, never on a name: names change their
//! addresses between two looks at them.
//!
//! Rules are values; a reload makes new ones. Names, URLs, users and passwords are not looked at here.

mod clients;
mod destination;
mod local;
mod ports;

use std::net::{IpAddr, SocketAddr};

use crate::config::Config;
use clients::Clients;
use destination::Destinations;

pub use ports::PortSet;

/// What a request wants of the port it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A response.
    Response,
    /// A tunnel (CONNECT).
    Tunnel,
}

/// The rules in force.
#[derive(Clone, Debug)]
pub struct Access {
    safe_ports: PortSet,
    connect_ports: PortSet,
    clients: Clients,
    destinations: Destinations,
}

impl Access {
    /// The rules of a configuration. `own` are the addresses this proxy listens on, as bound: its clients' and the
    /// metrics'. No rule opens these as a destination.
    pub fn new(config: &Config, own: &[SocketAddr]) -> Self {
        Self {
            safe_ports: config.safe_ports.clone(),
            connect_ports: config.connect_ports.clone(),
            clients: Clients::new(&config.clients),
            destinations: Destinations::new(&config.allow_destination, own),
        }
    }

    /// Whether a client may ask for that port. Comes before the name is looked up.
    pub fn request(&self, client: IpAddr, wanted: Wanted, port: u16) -> Result<(), Denied> {
        if !self.safe_ports.contains(port) {
            return Err(Denied::UnsafePort);
        }
        if wanted == Wanted::Tunnel && !self.connect_ports.contains(port) {
            return Err(Denied::ConnectPort);
        }
        self.client(client)
    }

    /// Whether a client may ask for anything: all there is to decide for a reverse proxy, whose one origin and port are
    /// the operator's choice.
    pub fn client(&self, client: IpAddr) -> Result<(), Denied> {
        if self.clients.contain(client) { Ok(()) } else { Err(Denied::Client) }
    }

    /// Whether a connection to this address may be made for a client. Comes after the name was looked up, and the
    /// connection must then be made to this very address.
    pub fn destination(&self, address: SocketAddr) -> Result<(), Denied> {
        self.destinations.check(address, local::is_of_this_machine)
    }

    /// Whether a connection to this address of the origin that the operator named may be made: anywhere but to the
    /// proxy itself.
    pub fn chosen_origin(&self, address: SocketAddr) -> Result<(), Denied> {
        self.destinations.check_own(address, local::is_of_this_machine)
    }
}

/// Why a request was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Denied {
    /// The port is not in `safe_ports`.
    UnsafePort,
    /// CONNECT to a port that is not in `connect_ports`.
    ConnectPort,
    /// The client is in none of the networks of `clients`.
    Client,
    /// The destination is loopback.
    Loopback,
    /// The destination is no address at all (`0.0.0.0/8`, `::`), which systems take for themselves.
    Unspecified,
    /// The destination is link-local.
    LinkLocal,
    /// The destination is where a cloud tells its machines their secrets.
    Metadata,
    /// The destination is a group.
    Multicast,
    /// The destination is broadcast or reserved.
    Reserved,
    /// The destination is an address of this machine.
    OwnAddress,
    /// The destination is the proxy itself.
    OwnListener,
}

impl Denied {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::UnsafePort,
        Self::ConnectPort,
        Self::Client,
        Self::Loopback,
        Self::Unspecified,
        Self::LinkLocal,
        Self::Metadata,
        Self::Multicast,
        Self::Reserved,
        Self::OwnAddress,
        Self::OwnListener,
    ];

    /// The word for it in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnsafePort => "unsafe_port",
            Self::ConnectPort => "connect_port",
            Self::Client => "client",
            Self::Loopback => "loopback",
            Self::Unspecified => "unspecified",
            Self::LinkLocal => "link_local",
            Self::Metadata => "metadata",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
            Self::OwnAddress => "own_address",
            Self::OwnListener => "own_listener",
        }
    }

    /// What the client is told. It does not say which addresses a name has.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::UnsafePort => "The port is not one this proxy connects to.",
            Self::ConnectPort => "This proxy does not open tunnels to that port.",
            Self::Client => "Your address is not allowed to use this proxy.",
            _ => "The destination is not one this proxy connects to.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(change: impl Fn(&mut Config)) -> Access {
        let mut config = Config::default();
        change(&mut config);
        Access::new(&config, &[([127, 0, 0, 1], 3128).into()])
    }

    /// The decision on a request from `client`, by Squid's default rules.
    fn check(client: &str, wanted: Wanted, port: u16, decision: Result<(), Denied>) {
        let access = access(|_| {});
        assert_eq!(access.request(client.parse().unwrap(), wanted, port), decision, "{client} {port}");
    }

    #[test]
    fn ports_come_before_clients() {
        check("192.0.2.1", Wanted::Response, 25, Err(Denied::UnsafePort));
        check("192.0.2.1", Wanted::Tunnel, 8080, Err(Denied::ConnectPort));
        check("192.0.2.1", Wanted::Tunnel, 443, Err(Denied::Client));
        check("192.0.2.1", Wanted::Response, 80, Err(Denied::Client));
    }

    #[test]
    fn tunnels_go_to_443_and_requests_to_safe_ports() {
        check("127.0.0.1", Wanted::Tunnel, 443, Ok(()));
        check("127.0.0.1", Wanted::Tunnel, 22, Err(Denied::UnsafePort));
        check("127.0.0.1", Wanted::Tunnel, 80, Err(Denied::ConnectPort));
        check("127.0.0.1", Wanted::Response, 80, Ok(()));
        check("127.0.0.1", Wanted::Response, 8080, Ok(()));
        check("127.0.0.1", Wanted::Response, 0, Err(Denied::UnsafePort));
    }

    #[test]
    fn local_networks_are_clients_by_default_and_strangers_are_not() {
        for client in
            ["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.0.1", "::1", "fd00::1", "::ffff:10.0.0.1"]
        {
            check(client, Wanted::Response, 80, Ok(()));
        }
        for client in ["8.8.8.8", "172.32.0.1", "2001:db8::1", "::ffff:8.8.8.8"] {
            check(client, Wanted::Response, 80, Err(Denied::Client));
        }
    }

    #[test]
    fn reasons_have_words_of_their_own() {
        let words: std::collections::HashSet<_> = Denied::ALL.iter().map(|denied| denied.as_str()).collect();
        assert_eq!(words.len(), Denied::ALL.len());
    }

    #[test]
    fn an_operators_origin_may_be_anywhere_but_here() {
        let access = access(|_| {});
        assert_eq!(access.chosen_origin(([127, 0, 0, 1], 8080).into()), Ok(()));
        assert_eq!(access.chosen_origin(([127, 0, 0, 1], 3128).into()), Err(Denied::OwnListener));
    }
}
