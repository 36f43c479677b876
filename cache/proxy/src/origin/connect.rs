//! From addresses to a connection: each address is checked, then they are tried one after the other with a head start of
//! a quarter second, IPv6 and IPv4 in turns (RFC 8305, without its sorting: the system's resolver has sorted them).

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;
use core::time::Duration;
use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;

use crate::access::Denied;
use crate::limits::ADDRESSES_MAX;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No address may be connected to.
    #[error("connecting to {address} is not allowed: {}", reason.as_str())]
    Denied {
        /// The first of them.
        address: SocketAddr,
        /// Why.
        reason: Denied,
    },
    /// The last address to fail did so by not answering.
    #[error("{0} did not answer")]
    TimedOut(SocketAddr),
    /// The last address to fail did so for that reason.
    #[error("connecting to {address} failed")]
    Failed {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// The next address is tried when this much time has passed (RFC 8305 section 5) or the last one has failed.
const HEAD_START: Duration = Duration::from_millis(250);

/// Addresses with the families in turns, the first one's first.
pub(super) fn interleave(addresses: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    let is_first_family =
        |address: &&IpAddr| addresses.first().is_some_and(|first| first.is_ipv6() == address.is_ipv6());
    let mut first = addresses.iter().filter(is_first_family);
    let mut second = addresses.iter().filter(|address| !is_first_family(address));
    let mut sorted = Vec::with_capacity(addresses.len().min(ADDRESSES_MAX));
    while sorted.len() < addresses.len().min(ADDRESSES_MAX) {
        let pair = [first.next(), second.next()];
        sorted.extend(pair.into_iter().flatten().map(|address| SocketAddr::new(*address, port)));
    }
    sorted
}

/// Connects to the first of `addresses` that answers, each of which has `patience` to do so.
///
/// # Errors
/// When none may be used or none answers.
pub(super) async fn connect(
    addresses: Vec<SocketAddr>,
    check: &dyn Fn(SocketAddr) -> Result<(), Denied>,
    patience: Duration,
) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let mut failure = None;
    let mut waiting = Vec::with_capacity(addresses.len());
    for address in addresses {
        match check(address) {
            Ok(()) => waiting.push(address),
            Err(reason) => failure = failure.or(Some(ConnectError::Denied { address, reason })),
        }
    }
    match waiting.is_empty() {
        true => Err(failure.unwrap_or_else(no_address)),
        false => first(waiting, |address| try_one(address, patience)).await,
    }
}

/// The first success among attempts for `addresses`, or else the last failure. An attempt begins when the one before has
/// failed or has had its head start; several may be going on at once.
async fn first<T, F: Future<Output = Result<T, ConnectError>>>(
    addresses: Vec<SocketAddr>,
    attempt: impl Fn(SocketAddr) -> F,
) -> Result<T, ConnectError> {
    let mut waiting = addresses.into_iter();
    let mut running = Vec::new();
    let mut failure = None;
    loop {
        match waiting.next() {
            Some(address) => running.push(Box::pin(attempt(address))),
            None if running.is_empty() => return Err(failure.unwrap_or_else(no_address)),
            None => {}
        }
        let outcome = match waiting.len() {
            0 => any(&mut running).await,
            _ => match tokio::time::timeout(HEAD_START, any(&mut running)).await {
                Ok(outcome) => outcome,
                Err(_) => continue,
            },
        };
        match outcome {
            Ok(connected) => return Ok(connected),
            Err(error) => failure = Some(error),
        }
    }
}

async fn try_one(address: SocketAddr, patience: Duration) -> Result<(TcpStream, SocketAddr), ConnectError> {
    match tokio::time::timeout(patience, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => Ok((stream, address)),
        Ok(Err(source)) => Err(ConnectError::Failed { address, source }),
        Err(_) => Err(ConnectError::TimedOut(address)),
    }
}

/// Waits for the first of `running` to be done and takes it out.
async fn any<F: Future>(running: &mut Vec<Pin<Box<F>>>) -> F::Output {
    poll_fn(|cx| {
        for at in 0..running.len() {
            if let Poll::Ready(outcome) = running[at].as_mut().poll(cx) {
                drop(running.swap_remove(at));
                return Poll::Ready(outcome);
            }
        }
        Poll::Pending
    })
    .await
}

/// A resolver gives at least one address, so this is for tests and bugs.
fn no_address() -> ConnectError {
    let address = SocketAddr::from(([0, 0, 0, 0], 0));
    ConnectError::Failed { address, source: io::ErrorKind::AddrNotAvailable.into() }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::http1::testing::{listen, run, run_with_paused_time};

    const PATIENCE: Duration = Duration::from_secs(5);

    /// An address where nobody listens.
    async fn dead() -> SocketAddr {
        listen().await.1
    }

    #[test]
    fn families_take_turns() {
        let v4 = |last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
        let v6 = |last| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last));
        let check = |addresses: &[IpAddr], expected: &[IpAddr]| {
            let sorted: Vec<_> = interleave(addresses, 80).into_iter().map(|address| address.ip()).collect();
            assert_eq!(sorted, expected);
        };
        check(&[], &[]);
        check(&[v4(1), v4(2)], &[v4(1), v4(2)]);
        check(&[v6(1), v6(2), v6(3), v4(1)], &[v6(1), v4(1), v6(2), v6(3)]);
        check(&[v4(1), v6(1), v6(2)], &[v4(1), v6(1), v6(2)]);
        assert_eq!(interleave(&[v4(1); 100], 80).len(), ADDRESSES_MAX);
    }

    #[test]
    fn a_dead_address_is_passed_over() {
        run(async {
            let (_listener, alive) = listen().await;
            let addresses = vec![dead().await, dead().await, alive];
            let (stream, address) = connect(addresses, &|_| Ok(()), PATIENCE).await.expect("connected");
            assert_eq!((stream.peer_addr().expect("connected"), address), (alive, alive));
        });
    }

    /// Tries addresses of which each succeeds or fails after that many milliseconds: which one won, and when.
    #[track_caller]
    fn check_race(attempts: &[(u64, Result<(), ()>)], expected: (Option<usize>, u64)) {
        run_with_paused_time(async {
            let start = tokio::time::Instant::now();
            let addresses =
                (0..attempts.len()).map(|at| SocketAddr::from(([192, 0, 2, 1], at as u16))).collect();
            let outcome = first(addresses, async |address| {
                let (after, outcome) = attempts[usize::from(address.port())];
                tokio::time::sleep(Duration::from_millis(after)).await;
                outcome.map(|()| address).map_err(|()| ConnectError::TimedOut(address))
            });
            let winner = outcome.await.ok().map(|address| usize::from(address.port()));
            assert_eq!((winner, start.elapsed().as_millis() as u64), expected);
        });
    }

    #[test]
    fn each_attempt_has_a_head_start_before_the_next() {
        check_race(&[(100, Ok(())), (0, Ok(()))], (Some(0), 100));
        check_race(&[(1000, Ok(())), (100, Ok(()))], (Some(1), 350));
        check_race(&[(300, Ok(())), (100, Ok(()))], (Some(0), 300));
        check_race(&[(10, Err(())), (100, Ok(()))], (Some(1), 110));
        check_race(&[(9000, Ok(())), (9000, Ok(())), (9000, Ok(())), (1, Ok(()))], (Some(3), 751));
        check_race(&[(1000, Err(())), (10, Err(())), (10, Err(()))], (None, 1000));
        check_race(&[], (None, 0));
    }

    #[test]
    fn when_all_are_dead_the_last_failure_is_told() {
        run(async {
            let addresses = vec![dead().await, dead().await];
            let last = addresses[1];
            let outcome = connect(addresses, &|_| Ok(()), PATIENCE).await;
            assert!(matches!(outcome, Err(ConnectError::Failed { address, .. }) if address == last));
        });
    }

    #[test]
    fn every_address_is_checked_and_a_denied_one_is_never_connected_to() {
        run(async {
            let ((denied_listener, denied), (_listener, alive)) = (listen().await, listen().await);
            let asked = RefCell::new(Vec::new());
            let check = |address| {
                asked.borrow_mut().push(address);
                if address == denied { Err(Denied::Loopback) } else { Ok(()) }
            };
            let (_, address) = connect(vec![denied, alive], &check, PATIENCE).await.expect("connected");
            assert_eq!((address, &*asked.borrow()), (alive, &vec![denied, alive]));
            let outcome = connect(vec![denied], &check, PATIENCE).await;
            assert!(
                matches!(outcome, Err(ConnectError::Denied { address, reason: Denied::Loopback }) if address == denied)
            );
            let accepted = poll_fn(|cx| Poll::Ready(denied_listener.poll_accept(cx).is_ready())).await;
            assert!(!accepted);
        });
    }
}
