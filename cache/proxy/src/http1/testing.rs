//! What tests of the wire need: runtimes and pairs of sockets on the loopback.

use core::future::Future;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

use super::Connection;

/// Runs a test with the real clock.
pub(crate) fn run(test: impl Future<Output = ()>) {
    Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test);
}

/// Runs a test with a clock that jumps to the next deadline whenever everybody waits.
pub(crate) fn run_with_paused_time(test: impl Future<Output = ()>) {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().expect("a runtime").block_on(test);
}

/// A listener and its address.
pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// A connection of ours, accepted, and the peer's end of it.
pub(crate) async fn pair() -> (Connection, TcpStream) {
    let (listener, address) = listen().await;
    let (peer, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    (Connection::new(accepted.expect("a connection").0), peer.expect("a connection"))
}
