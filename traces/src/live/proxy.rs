//! A proxy under comparison, as the command line names it: `NAME=http://HOST:PORT`.

use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// A proxy under comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// What reports call it.
    pub name: String,
    /// Where it takes requests.
    pub address: SocketAddr,
    /// Its process; found by its listening socket if not told.
    pub pid: Option<u32>,
}

/// Why a text names no proxy.
#[derive(Debug, thiserror::Error)]
pub enum BadProxy {
    /// No name, or no URL.
    #[error("`{0}` is not NAME=http://HOST:PORT, like squid=http://127.0.0.1:3129")]
    Form(String),
    /// Another scheme than http.
    #[error("`{0}`: only http:// to the proxy itself is spoken")]
    Scheme(String),
    /// A host that has no address.
    #[error("`{0}`: {1}")]
    Host(String, std::io::Error),
}

impl FromStr for Proxy {
    type Err = BadProxy;

    fn from_str(text: &str) -> Result<Self, BadProxy> {
        let form = || BadProxy::Form(text.to_owned());
        let (name, url) = text.split_once('=').ok_or_else(form)?;
        let (scheme, authority) = url.split_once("://").ok_or_else(form)?;
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(BadProxy::Scheme(text.to_owned()));
        }
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let has_port = authority
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0));
        if name.trim().is_empty() || !has_port || authority.contains(['/', '@', '?']) {
            return Err(form());
        }
        let address = authority.to_socket_addrs().map_err(|error| BadProxy::Host(text.to_owned(), error))?;
        // Of several the first of the older version: what listens at `localhost` mostly does there.
        let mut addresses: Vec<_> = address.collect();
        addresses.sort_by_key(SocketAddr::is_ipv6);
        let address = addresses.first().copied().ok_or_else(form)?;
        Ok(Self { name: name.trim().to_owned(), address, pid: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(&str, &str), &str>) {
        match (text.parse::<Proxy>(), expected) {
            (Ok(proxy), Ok((name, address))) => {
                assert_eq!((proxy.name.as_str(), proxy.address.to_string().as_str()), (name, address));
            }
            (Err(error), Err(said)) => assert!(error.to_string().contains(said), "{error}"),
            (seen, expected) => panic!("{text}: {seen:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_proxy_is_a_name_and_a_url() {
        check("cnn=http://127.0.0.1:3128", Ok(("cnn", "127.0.0.1:3128")));
        check("a b=http://[::1]:80/", Ok(("a b", "[::1]:80")));
        check("http://127.0.0.1:3128", Err("is not NAME="));
        check("=http://127.0.0.1:3128", Err("is not NAME="));
        check("a=127.0.0.1:3128", Err("is not NAME="));
        check("a=http://127.0.0.1", Err("is not NAME="));
        check("a=http://127.0.0.1:0", Err("is not NAME="));
        check("a=http://:1", Err("is not NAME="));
        check("a=http://127.0.0.1:1/path", Err("is not NAME="));
        check("a=https://127.0.0.1:3128", Err("only http://"));
    }
}
