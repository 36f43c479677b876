//! One HTTP/1 connection: a socket, what was read from it and not used yet, and counters. Clients' and origins'
//! connections alike.
//!
//! Everything is a `poll_` function, so that one task can read and write at once; the `async` ones are for waiting on one
//! thing with a deadline, and losing them half-way (`select!`) loses nothing that was read. [`Connection::split`] lends
//! both directions out for when they have different users. It does not answer, route or pool: it has no idea what the
//! messages are for.

mod reading;
mod writing;

use core::future::poll_fn;
use core::mem::MaybeUninit;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io::{self, IoSlice};
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use socket2::SockRef;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

use super::{BadMessage, Body, HeadLimits, Method, RequestHead, ResponseHead};
use reading::Input;
use writing::Output;

pub use reading::Reading;
pub use writing::Writing;

/// A connection that speaks HTTP/1.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    input: Input,
    output: Output,
}

/// Why reading a head or a body failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The message is malformed or too large.
    #[error("refused a message: {0}")]
    Bad(#[from] BadMessage),
    /// The peer closed in the middle of it.
    #[error("the connection was closed in the middle of a message")]
    ClosedEarly,
    /// Nothing came, not even the beginning.
    #[error("waited too long for a message to begin")]
    IdleTimeout,
    /// It began, but did not go on in time.
    #[error("waited too long for a message to go on")]
    Timeout,
    /// The socket failed.
    #[error("reading from the connection failed")]
    Io(#[from] io::Error),
}

impl ReadError {
    /// The reason in words, for metrics and logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Bad(reason) => reason.as_str(),
            Self::ClosedEarly => "closed early",
            Self::IdleTimeout => "idle timeout",
            Self::Timeout => "read timeout",
            Self::Io(_) => "read error",
        }
    }
}

/// How a peer went away while we were not expecting anything from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// It will send nothing any more; it may still read (RFC 9112 section 9.6 lets it), but most have left.
    HalfClosed,
    /// The connection is broken.
    Reset,
}

impl Connection {
    /// Wraps a socket. Small writes are meant: Nagle's algorithm is switched off.
    pub fn new(stream: TcpStream) -> Self {
        // Without it answers are late, not wrong: no reason to refuse a connection.
        stream.set_nodelay(true).ok();
        Self { stream, input: Input::default(), output: Output::default() }
    }

    /// The socket.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The peer's address.
    ///
    /// # Errors
    /// When the socket has none any more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }

    /// Bytes of messages read: heads, bodies and their framing, not what was read ahead.
    pub fn bytes_in(&self) -> u64 {
        self.input.bytes_in
    }

    /// Bytes written.
    pub fn bytes_out(&self) -> u64 {
        self.output.bytes_out
    }

    /// Whether bytes of a next message were read already (pipelining).
    pub fn has_read_ahead(&self) -> bool {
        !self.input.buffer.is_empty()
    }

    /// The bytes that were read already: of a next message, or of one that was refused.
    pub fn read_ahead(&self) -> &[u8] {
        &self.input.buffer
    }

    /// Ends HTTP on this connection: the socket and what was read ahead. For tunnels and upgrades.
    pub fn into_parts(self) -> (TcpStream, BytesMut) {
        (self.stream, self.input.buffer)
    }

    /// Lends out both directions.
    pub fn split(&mut self) -> (Reading<'_>, Writing<'_>) {
        let (read, write) = self.stream.split();
        (
            Reading { stream: read, input: &mut self.input },
            Writing { stream: write, output: &mut self.output },
        )
    }

    /// [`Reading::request`].
    pub async fn read_request(
        &mut self,
        limits: &HeadLimits,
        idle: Duration,
        head: Duration,
    ) -> Result<Option<RequestHead>, ReadError> {
        self.split().0.request(limits, idle, head).await
    }

    /// [`Reading::poll_request`].
    pub fn poll_request(
        &mut self,
        cx: &mut Context<'_>,
        limits: &HeadLimits,
    ) -> Poll<Result<Option<RequestHead>, ReadError>> {
        self.split().0.poll_request(cx, limits)
    }

    /// [`Reading::poll_response`].
    pub fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
        limits: &HeadLimits,
        method: &Method,
    ) -> Poll<Result<ResponseHead, ReadError>> {
        self.split().0.poll_response(cx, limits, method)
    }

    /// [`Reading::piece`].
    pub async fn read_piece(
        &mut self,
        body: &mut Body,
        patience: Duration,
    ) -> Result<Option<Bytes>, ReadError> {
        self.split().0.piece(body, patience).await
    }

    /// [`Reading::poll_piece`].
    pub fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Body,
    ) -> Poll<Result<Option<Bytes>, ReadError>> {
        self.split().0.poll_piece(cx, body)
    }

    /// [`Reading::gone`].
    pub async fn gone(&mut self) -> Gone {
        self.split().0.gone().await
    }

    /// [`Writing::all`].
    pub async fn write_all(&mut self, slices: &mut [IoSlice<'_>], patience: Duration) -> io::Result<()> {
        self.split().1.all(slices, patience).await
    }

    /// [`Writing::poll_some`].
    pub fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.split().1.poll_some(cx, slices)
    }

    /// Whether an idle connection is dead, or alive but with bytes nobody asked for, which is no better.
    pub fn is_stale(&self) -> bool {
        if self.has_read_ahead() || self.input.is_closed {
            return true;
        }
        // Asks the socket and not the runtime, which may not have heard of it yet.
        let mut byte = [MaybeUninit::uninit(); 1];
        let peeked = SockRef::from(&self.stream).peek(&mut byte);
        !matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Breaks the connection off: the peer sees an error, even where a close would be the end of a message.
    pub fn reset(self) {
        // Where it cannot be had, the peer sees a close: no worse than nothing.
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).ok();
    }

    /// Closes so that the peer gets to read the last answer: our side first, then whatever it still sends is read and
    /// thrown away for at most `patience` (RFC 9112 section 9.6). Closing at once with bytes unread would reset the
    /// connection and could take the answer with it.
    pub async fn linger(mut self, patience: Duration) {
        if poll_fn(|cx| Pin::new(&mut self.stream).poll_shutdown(cx)).await.is_ok() {
            self.split().0.drain(patience).await;
        }
    }
}

#[cfg(test)]
mod tests;
