//! Addresses, networks and origins as operators write them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

use super::spelling::{Misspelt, Spelled, serde_as_spelled};

/// An address to listen on: `127.0.0.1:3128`, `[::1]:3128`, or as in Squid's `http_port` a bare port, which means that
/// port on every address of this machine. Port 0 lets the system choose one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listen(pub SocketAddr);

impl Spelled for Listen {
    const EXPECTED: &'static str = "an address and port such as `127.0.0.1:3128`";

    fn from_integer(number: u64) -> Option<Self> {
        u16::try_from(number).ok().map(Self::everywhere)
    }
}

impl Listen {
    /// That port on every address; the IPv6 wildcard takes IPv4 connections too.
    fn everywhere(port: u16) -> Self {
        Self(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port))
    }
}

impl FromStr for Listen {
    type Err = Misspelt;

    fn from_str(text: &str) -> Result<Self, Misspelt> {
        let trimmed = text.trim();
        if let Ok(address) = trimmed.parse() {
            return Ok(Self(address));
        }
        let wrong = |reason| Misspelt::new::<Self>(text, reason);
        if trimmed.parse::<IpAddr>().is_ok() {
            return Err(wrong("the port is missing"));
        }
        let port = |digits: &str| digits.parse::<u16>().map_err(|_| wrong(""));
        match trimmed.split_once(':') {
            None => port(trimmed).map(Self::everywhere),
            Some(("", digits)) => port(digits).map(Self::everywhere),
            Some(("localhost", digits)) => {
                Ok(Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port(digits)?)))
            }
            Some((host, digits)) if !host.contains(':') && digits.parse::<u16>().is_ok() => {
                Err(wrong("names are not looked up here, only addresses"))
            }
            Some(_) => Err(wrong("")),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// A network: `10.0.0.0/8`, `fc00::/7`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr(pub IpNet);

impl Cidr {
    /// Whether the address lies in this network. IPv4-mapped IPv6 addresses are for the caller to unwrap.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// A network written in our own source.
    pub(crate) fn known(text: &str) -> Self {
        text.parse().expect("networks in the source are tested")
    }
}

impl Spelled for Cidr {
    const EXPECTED: &'static str = "a network such as `10.0.0.0/8` or `fc00::/7`";
}

impl FromStr for Cidr {
    type Err = Misspelt;

    /// Bits beyond the prefix are dropped, as Squid drops them.
    fn from_str(text: &str) -> Result<Self, Misspelt> {
        let trimmed = text.trim();
        if let Ok(address) = trimmed.parse::<IpAddr>() {
            return Ok(Self(IpNet::from(address)));
        }
        let network: IpNet = trimmed.parse().map_err(|_| Misspelt::new::<Self>(text, ""))?;
        Ok(Self(network.trunc()))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// The origin a reverse proxy stands in front of: scheme `http`, a host and perhaps a port, nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginUrl {
    // Invariant: `host` is what may stand in a URL's host part: a name, an IPv4 address or an IPv6 one in brackets,
    // in lower case.
    host: String,
    port: u16,
}

impl OriginUrl {
    /// The host as in a URL: IPv6 addresses stand in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, 80 when none was given.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as in a `Host` field: the port is left out when it is 80.
    pub fn authority(&self) -> String {
        if self.port == 80 { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

impl Spelled for OriginUrl {
    const EXPECTED: &'static str = "an origin such as `http://192.0.2.7:8080`";
}

impl FromStr for OriginUrl {
    type Err = Misspelt;

    fn from_str(text: &str) -> Result<Self, Misspelt> {
        let wrong = |reason| Misspelt::new::<Self>(text, reason);
        let uri: http::Uri = text.trim().parse().map_err(|_| wrong(""))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(wrong("https to the origin is not supported")),
            Some(_) => return Err(wrong("the scheme must be http")),
            None => return Err(wrong("the scheme is missing")),
        }
        let authority = uri.authority().ok_or_else(|| wrong(""))?;
        if authority.as_str().contains('@') {
            return Err(wrong("a user name has no place in it"));
        }
        if uri.path() != "/" || uri.query().is_some() {
            return Err(wrong("an origin has no path"));
        }
        let host = authority.host().to_ascii_lowercase();
        let port = match authority.port() {
            Some(port) if port.as_u16() == 0 => return Err(wrong("port 0 cannot be connected to")),
            Some(port) => port.as_u16(),
            None if authority.as_str().ends_with(':') => return Err(wrong("the port is missing")),
            None if authority.as_str().len() != host.len() => return Err(wrong("")),
            None => 80,
        };
        if host.is_empty() {
            return Err(wrong("the host is missing"));
        }
        Ok(Self { host, port })
    }
}

impl fmt::Display for OriginUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "http://{}", self.authority())
    }
}

serde_as_spelled!(Listen, Cidr, OriginUrl);

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Spelled>(text: &str, printed: &str) {
        match text.parse::<T>() {
            Ok(value) => assert_eq!(value.to_string(), printed, "{text}"),
            Err(error) => assert_eq!(error.to_string(), format!("`{text}` is not {}{printed}", T::EXPECTED)),
        }
    }

    #[test]
    fn listen_takes_addresses_and_squids_bare_ports() {
        check::<Listen>("127.0.0.1:3128", "127.0.0.1:3128");
        check::<Listen>("[::1]:0", "[::1]:0");
        check::<Listen>("3128", "[::]:3128");
        check::<Listen>(":3128", "[::]:3128");
        check::<Listen>("localhost:3128", "127.0.0.1:3128");
        check::<Listen>("127.0.0.1", ": the port is missing");
        check::<Listen>("::1", ": the port is missing");
        check::<Listen>("proxy.test:3128", ": names are not looked up here, only addresses");
        check::<Listen>("127.0.0.1:99999", "");
        check::<Listen>("", "");
    }

    #[test]
    fn networks_lose_their_host_bits() {
        check::<Cidr>("10.0.0.0/8", "10.0.0.0/8");
        check::<Cidr>("10.1.2.3/8", "10.0.0.0/8");
        check::<Cidr>("192.0.2.1", "192.0.2.1/32");
        check::<Cidr>("fe80::1", "fe80::1/128");
        check::<Cidr>("10.0.0.0/33", "");
        check::<Cidr>("localnet", "");
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        check::<OriginUrl>("http://Origin.Test", "http://origin.test");
        check::<OriginUrl>("http://origin.test:80/", "http://origin.test");
        check::<OriginUrl>("http://127.0.0.1:8080", "http://127.0.0.1:8080");
        check::<OriginUrl>("http://[::1]:8080/", "http://[::1]:8080");
        check::<OriginUrl>("https://origin.test", ": https to the origin is not supported");
        check::<OriginUrl>("ftp://origin.test", ": the scheme must be http");
        check::<OriginUrl>("origin.test", ": the scheme is missing");
        check::<OriginUrl>("http://origin.test/app", ": an origin has no path");
        check::<OriginUrl>("http://origin.test/?a", ": an origin has no path");
        check::<OriginUrl>("http://user@origin.test", ": a user name has no place in it");
        check::<OriginUrl>("http://origin.test:0", ": port 0 cannot be connected to");
        check::<OriginUrl>("http://origin.test:", ": the port is missing");
        check::<OriginUrl>("http://origin.test:99999", "");
        check::<OriginUrl>("http://", "");
    }
}
