//! Listening sockets: one per worker and address, sharing the port (`SO_REUSEPORT`), so that the kernel spreads
//! connections over the workers and a connection stays on its core. It does not accept; `worker` does.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::limits::LISTEN_BACKLOG;

/// One socket per worker on each of the addresses: the outer list is by worker. Port 0 is chosen by the system once
/// per address and then shared, and the addresses really bound are returned next to the sockets.
///
/// # Errors
/// When an address cannot be bound; the error names it.
pub(crate) fn bind(
    addresses: &[SocketAddr],
    workers: usize,
) -> Result<(Vec<Vec<TcpListener>>, Vec<SocketAddr>), BindError> {
    let mut by_worker: Vec<Vec<TcpListener>> = (0..workers).map(|_| Vec::new()).collect();
    let mut bound = Vec::new();
    for &asked in addresses {
        let mut address = asked;
        probe(asked).map_err(|source| BindError { address: asked, source })?;
        for sockets in &mut by_worker {
            let socket = listen(address).map_err(|source| BindError { address: asked, source })?;
            address = socket.local_addr().map_err(|source| BindError { address: asked, source })?;
            sockets.push(socket);
        }
        bound.push(address);
    }
    Ok((by_worker, bound))
}

/// One socket on an address, for a listener with one thread.
pub(crate) fn bind_one(address: SocketAddr) -> Result<TcpListener, BindError> {
    probe(address).and_then(|()| listen(address)).map_err(|source| BindError { address, source })
}

/// An address could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    /// The address as configured.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

/// Fails when somebody listens there already. `SO_REUSEPORT` alone would let a second proxy of the same user share the
/// port unnoticed, each answering half of the connections.
fn probe(address: SocketAddr) -> io::Result<()> {
    if address.port() == 0 {
        return Ok(());
    }
    socket(address)?.bind(&address.into())
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // The wildcard means every address of this machine, of both families; any other address means itself.
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    Ok(socket)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(LISTEN_BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_a_port_the_system_chose() {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let (sockets, bound) = bind(&[address], 3).unwrap();
        assert_ne!(bound[0].port(), 0);
        assert!(sockets.iter().all(|own| own[0].local_addr().unwrap() == bound[0]));
    }

    #[test]
    fn a_port_somebody_listens_on_is_refused() {
        let (_held, bound) = bind(&[SocketAddr::from(([127, 0, 0, 1], 0))], 1).unwrap();
        let error = bind(&bound, 1).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn an_address_of_another_machine_is_named_in_the_error() {
        let error = bind(&["192.0.2.1:1".parse().unwrap()], 1).unwrap_err();
        assert!(error.to_string().starts_with("cannot listen on 192.0.2.1:1: "), "{error}");
    }
}
