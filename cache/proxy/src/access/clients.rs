//! Which clients may use the proxy: networks, as in Squid's `acl localnet src`.

use std::net::IpAddr;

use crate::config::Cidr;

/// The networks that clients come from.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    networks: Box<[Cidr]>,
}

impl Clients {
    pub(super) fn new(networks: &[Cidr]) -> Self {
        Self { networks: networks.into() }
    }

    /// Whether the client is in one of them. On a socket for both families IPv4 clients come IPv4-mapped.
    pub(super) fn contain(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        self.networks.iter().any(|network| network.contains(client))
    }
}
