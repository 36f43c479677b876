//! Tunnels (RFC 9110 section 9.3.6): bytes both ways until both ends have closed or nothing has moved for too long.
//! It does not look at the bytes. Used for CONNECT and, after a 101, for upgraded connections.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::time::Duration;

use bytes::BytesMut;
use cnn_core::fields::Fields;
use cnn_core::rfc9111::target::Authority;
use cnn_core::time::Tick;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::client::Client;
use super::own::Refusal;
use super::record::{Account, After, Line};
use crate::http1::Version;
use crate::limits::{LINGER, TUNNEL_BUFFER_BYTES};
use crate::log::{Ending, ResultCode};
use crate::origin::{FetchError, Origin};
use crate::worker::Worker;

/// A tunnel that was asked for and may be opened.
pub(super) struct WantedTunnel {
    pub(super) authority: Authority,
    pub(super) fields: Fields,
    pub(super) version: Version,
    pub(super) started: Tick,
}

impl Client {
    /// Opens a tunnel and carries bytes until it ends; the connection ends with it.
    pub(super) async fn tunnel(mut self, wanted: WantedTunnel) {
        let origin = Origin::new(wanted.authority.host(), wanted.authority.port());
        let worker = self.worker.clone();
        let (upstream, peer) = match worker.drain.until_over(worker.origins.connect(&origin)).await {
            Some(Ok(connected)) => connected,
            Some(Err(error)) => return self.refuse_tunnel(&wanted, &error).await,
            None => return self.record_line(&wanted.line(), &Account::gone(ResultCode::Tunnel), 0),
        };
        // As on the client's side: what is meant to go out goes out. Without it a tunnel is slower, not wrong.
        upstream.set_nodelay(true).ok();
        let sent_before = self.connection.bytes_out();
        self.out.clear();
        self.out.extend_from_slice(b"HTTP/1.1 200 Connection established\r\n\r\n");
        let mut account = Account {
            status: 200,
            hierarchy: self.hierarchy(),
            peer: Some(peer.ip()),
            ..Account::gone(ResultCode::Tunnel)
        };
        let is_open = self.send_head_with(b"").await.is_ok();
        let mut bytes = self.connection.bytes_out() - sent_before;
        let Self { connection, worker, address, patience, is_monitored, .. } = self;
        if is_open {
            account.outcome.ending = Ending::Complete;
            // What the client sent before it had our word belongs to the tunnel.
            let client = End::from(connection.into_parts());
            let origin = End::from((upstream, BytesMut::new()));
            bytes += worker.carry(client, origin, patience.tunnel_idle).await.to_client;
        }
        let now = worker.record(address, &wanted.line(), &account, bytes);
        if is_monitored {
            worker.mirror(&wanted.line(), &account, bytes, now);
        }
    }

    async fn refuse_tunnel(mut self, wanted: &WantedTunnel, error: &FetchError) {
        let peer = error.unreached().map(|address| address.ip());
        let after = self.refuse_connect(wanted, Refusal::from(error), peer).await;
        if let After::Linger = after {
            self.connection.linger(LINGER).await;
        }
    }
}

impl Client {
    /// Carries bytes of whatever protocol the client and the origin have changed to.
    pub(super) async fn carry_upgraded(self, origin: (TcpStream, BytesMut)) {
        let client = End::from(self.connection.into_parts());
        self.worker.carry(client, End::from(origin), self.patience.tunnel_idle).await;
    }
}

impl Worker {
    /// [`join`], counted.
    async fn carry(&self, client: End, origin: End, idle: Duration) -> Carried {
        self.metrics().tunnels_opened.increment();
        let carried = join(client, origin, idle, self.drain.over()).await;
        let metrics = self.metrics();
        metrics.tunnels_closed.increment();
        metrics.received_bytes.add(carried.to_origin);
        metrics.origin_sent_bytes.add(carried.to_origin);
        metrics.origin_received_bytes.add(carried.to_client);
        carried
    }
}

impl WantedTunnel {
    pub(super) fn line(&self) -> Line<'_> {
        Line {
            method: b"CONNECT",
            url: self.authority.as_str().as_bytes(),
            version: Some(self.version),
            referer: self.fields.first("referer").unwrap_or_default(),
            user_agent: self.fields.first("user-agent").unwrap_or_default(),
            started: self.started,
        }
    }
}

/// One end of a tunnel.
struct End {
    stream: TcpStream,
    /// What came from it before there was a tunnel.
    early: BytesMut,
}

impl From<(TcpStream, BytesMut)> for End {
    fn from((stream, early): (TcpStream, BytesMut)) -> Self {
        Self { stream, early }
    }
}

/// What a tunnel carried until it ended, however it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Bytes from the origin to the client.
    pub(crate) to_client: u64,
    /// Bytes from the client to the origin.
    pub(crate) to_origin: u64,
}

/// Joins two connections. A close of one end is passed on as a half-close, so that the other direction can finish; an
/// error of either ends both, as does `idle` without a byte in either direction, and what is waited for with `until`.
async fn join(mut client: End, mut origin: End, idle: Duration, until: impl Future<Output = ()>) -> Carried {
    let to_client = Cell::new(0);
    let to_origin = Cell::new(0);
    let (client_read, client_write) = client.stream.split();
    let (origin_read, origin_write) = origin.stream.split();
    let both = async {
        tokio::try_join!(
            copy(&origin.early, origin_read, client_write, &to_client),
            copy(&client.early, client_read, origin_write, &to_origin),
        )
    };
    let silence = async {
        let mut seen = (0, 0);
        loop {
            tokio::time::sleep(idle).await;
            let carried = (to_client.get(), to_origin.get());
            if carried == seen {
                return;
            }
            seen = carried;
        }
    };
    tokio::select! {
        // However the copying ended, what was carried is what there is to say.
        _ = both => {}
        () = silence => {}
        () = until => {}
    }
    Carried { to_client: to_client.get(), to_origin: to_origin.get() }
}

async fn copy(
    early: &[u8],
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    carried: &Cell<u64>,
) -> io::Result<()> {
    to.write_all(early).await?;
    carried.set(early.len() as u64);
    let mut buffer = vec![0; TUNNEL_BUFFER_BYTES];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
        carried.set(carried.get() + length as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    async fn pair(early: &str) -> (TcpStream, End) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let outside = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let inside = listener.accept().await.unwrap().0;
        (outside, End::from((inside, early.into())))
    }

    #[tokio::test]
    async fn bytes_and_half_closes_pass_both_ways() {
        let ((mut client, near), (mut origin, far)) = (pair("early ").await, pair("").await);
        let tunnel = join(near, far, Duration::from_secs(60), pending());
        let ends = async {
            client.write_all(b"question").await.unwrap();
            client.shutdown().await.unwrap();
            let mut asked = String::new();
            origin.read_to_string(&mut asked).await.unwrap();
            origin.write_all(b"the answer").await.unwrap();
            origin.shutdown().await.unwrap();
            let mut answered = String::new();
            client.read_to_string(&mut answered).await.unwrap();
            (asked, answered)
        };
        let (carried, (asked, answered)) = tokio::join!(tunnel, ends);
        assert_eq!((asked.as_str(), answered.as_str()), ("early question", "the answer"));
        assert_eq!(carried, Carried { to_client: 10, to_origin: 14 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_tunnel_ends() {
        let ((_client, near), (_origin, far)) = (pair("").await, pair("").await);
        let carried = join(near, far, Duration::from_secs(60), pending()).await;
        assert_eq!(carried, Carried::default());
    }
}
