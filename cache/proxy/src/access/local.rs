//! Whether an address is one of this machine's, asked of the kernel at the moment it matters: interfaces come and go,
//! and whole networks can be routed to oneself.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// Whether the kernel would deliver to itself what is sent to this address. It lets a socket be bound to such an address
/// and to no other, unless the machine allows binding to any (`ip_nonlocal_bind`); then what counts is which source it
/// chooses for the address, and for one of its own it chooses that one. Nothing is sent. When the kernel cannot be
/// asked, the answer is yes: what is not known is not connected to.
pub(super) fn is_of_this_machine(address: IpAddr) -> bool {
    match UdpSocket::bind((address, 0)) {
        Ok(_) => !may_bind_to_strangers(address) || source_for(address).is_ok_and(|source| source == address),
        Err(error) => !is_nobodys(&error),
    }
}

/// Whether the machine lets a socket be bound to an address that is certainly not its own: one for documentation
/// (RFC 5737, RFC 3849).
fn may_bind_to_strangers(like: IpAddr) -> bool {
    let stranger: IpAddr = match like {
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    UdpSocket::bind((stranger, 0)).is_ok()
}

/// The address that packets to this one would come from.
fn source_for(address: IpAddr) -> io::Result<IpAddr> {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    // Any port would do; 9 is "discard".
    socket.connect((address, 9))?;
    Ok(socket.local_addr()?.ip())
}

/// Whether the error says that the address, or all of its family, is not on this machine.
fn is_nobodys(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no kind of its own.
    const NO_SUCH_FAMILY: i32 = 97;
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(NO_SUCH_FAMILY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_of_this_machine() {
        assert!(is_of_this_machine(Ipv4Addr::LOCALHOST.into()));
        assert!(is_of_this_machine(Ipv4Addr::new(127, 1, 2, 3).into()));
    }

    #[test]
    fn strangers_are_not() {
        // TEST-NET-1 and the documentation prefix are nobody's.
        assert!(!is_of_this_machine(Ipv4Addr::new(192, 0, 2, 1).into()));
        assert!(!is_of_this_machine(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()));
    }

    #[test]
    fn the_address_that_packets_leave_from_is_of_this_machine() {
        // Where there is no route out, there is no such address.
        if let Ok(own) = source_for(Ipv4Addr::new(192, 0, 2, 1).into()) {
            assert!(is_of_this_machine(own), "{own}");
        }
    }
}
