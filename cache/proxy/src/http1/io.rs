//! One HTTP/1 connection: a socket, what was read from it and not used yet, and counters. Clients' and origins'
//! connections alike.
//!
//! Everything is a `poll_` function, so that one task can read and write at once; the `async` ones are for waiting on one
//! thing with a deadline. It does not answer, route or pool: it has no idea what the messages are for.

use core::future::{Future, poll_fn};
use core::mem::MaybeUninit;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io::{self, IoSlice};
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

use super::blocks::{self, Block};
use super::deadline::Deadline;
use super::head::{Scan, parse_request, parse_response};
use super::{BadMessage, Body, HeadLimits, Method, RequestHead, ResponseHead};
use crate::limits::LINGER_BYTES_MAX;

/// A connection that speaks HTTP/1.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// Read and not used yet. Without memory while it is empty and nothing comes.
    buffer: BytesMut,
    /// How far `buffer` was searched for the end of a head.
    scan: Scan,
    deadline: Deadline,
    is_read_closed: bool,
    bytes_in: u64,
    bytes_out: u64,
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
        Self {
            stream,
            buffer: BytesMut::new(),
            scan: Scan::default(),
            deadline: Deadline::new(),
            is_read_closed: false,
            bytes_in: 0,
            bytes_out: 0,
        }
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
        self.bytes_in
    }

    /// Bytes written.
    pub fn bytes_out(&self) -> u64 {
        self.bytes_out
    }

    /// Whether bytes of a next message were read already (pipelining).
    pub fn has_read_ahead(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Ends HTTP on this connection: the socket and what was read ahead. For tunnels and upgrades.
    pub fn into_parts(self) -> (TcpStream, BytesMut) {
        (self.stream, self.buffer)
    }

    /// Reads a request head. None: the client closed (or went silent from the start) between two requests.
    ///
    /// # Errors
    /// [`ReadError::IdleTimeout`] if nothing comes for `idle`, [`ReadError::Timeout`] if the head is not all there
    /// `head` after its first byte, and what is wrong with it otherwise.
    pub async fn read_request(
        &mut self,
        limits: &HeadLimits,
        idle: Duration,
        head: Duration,
    ) -> Result<Option<RequestHead>, ReadError> {
        self.deadline.clear();
        let mut has_begun = false;
        poll_fn(|cx| {
            if let Poll::Ready(result) = self.poll_request(cx, limits) {
                return Poll::Ready(result);
            }
            if !has_begun && self.has_read_ahead() {
                has_begun = true;
                self.deadline.set(head);
            }
            self.deadline.set_once(idle);
            let error = if has_begun { ReadError::Timeout } else { ReadError::IdleTimeout };
            self.deadline.poll(cx).map(|()| Err(error))
        })
        .await
    }

    /// [`Self::read_request`] without a deadline.
    pub fn poll_request(
        &mut self,
        cx: &mut Context<'_>,
        limits: &HeadLimits,
    ) -> Poll<Result<Option<RequestHead>, ReadError>> {
        loop {
            if !self.buffer.is_empty()
                && let Some(head) = parse_request(&mut self.buffer, &mut self.scan, limits)?
            {
                self.bytes_in += head.wire_bytes as u64;
                return Poll::Ready(Ok(Some(head)));
            }
            if ready!(self.poll_fill(cx, Block::Head))? == 0 {
                let is_between = self.buffer.is_empty();
                return Poll::Ready(if is_between { Ok(None) } else { Err(ReadError::ClosedEarly) });
            }
        }
    }

    /// Reads the head of a response to `method`.
    ///
    /// # Errors
    /// [`ReadError::ClosedEarly`] also when the peer closes before the first byte.
    pub fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
        limits: &HeadLimits,
        method: &Method,
    ) -> Poll<Result<ResponseHead, ReadError>> {
        loop {
            if !self.buffer.is_empty()
                && let Some(head) = parse_response(&mut self.buffer, &mut self.scan, limits, method)?
            {
                self.bytes_in += head.wire_bytes as u64;
                return Poll::Ready(Ok(head));
            }
            if ready!(self.poll_fill(cx, Block::Body))? == 0 {
                return Poll::Ready(Err(ReadError::ClosedEarly));
            }
        }
    }

    /// Reads the next piece of a body, 1 byte to 64 KiB; none at its end.
    ///
    /// # Errors
    /// [`ReadError::Timeout`] if nothing comes for `patience`.
    pub async fn read_piece(
        &mut self,
        body: &mut Body,
        patience: Duration,
    ) -> Result<Option<Bytes>, ReadError> {
        self.deadline.clear();
        poll_fn(|cx| {
            if let Poll::Ready(result) = self.poll_piece(cx, body) {
                return Poll::Ready(result);
            }
            self.deadline.set_once(patience);
            self.deadline.poll(cx).map(|()| Err(ReadError::Timeout))
        })
        .await
    }

    /// [`Self::read_piece`] without a deadline.
    pub fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Body,
    ) -> Poll<Result<Option<Bytes>, ReadError>> {
        loop {
            let read_ahead = self.buffer.len();
            let piece = body.decode(&mut self.buffer)?;
            self.bytes_in += (read_ahead - self.buffer.len()) as u64;
            if !piece.is_empty() {
                return Poll::Ready(Ok(Some(piece)));
            }
            if body.is_done() {
                return Poll::Ready(Ok(None));
            }
            if ready!(self.poll_fill(cx, block_for(body)))? == 0 {
                return Poll::Ready(if body.close() { Ok(None) } else { Err(ReadError::ClosedEarly) });
            }
        }
    }

    /// Writes all of `slices`, in one system call if the socket takes them.
    ///
    /// # Errors
    /// When the socket fails, and with [`io::ErrorKind::TimedOut`] when it takes nothing for `patience`.
    pub async fn write_all(&mut self, slices: &mut [IoSlice<'_>], patience: Duration) -> io::Result<()> {
        self.deadline.clear();
        let mut left = slices;
        poll_fn(|cx| {
            let written = self.bytes_out;
            let result = self.poll_write_all(cx, &mut left);
            if result.is_ready() {
                return result;
            }
            if self.bytes_out > written {
                self.deadline.clear();
            }
            self.deadline.set_once(patience);
            self.deadline.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
        })
        .await
    }

    /// Writes what the socket takes of `slices` and leaves the rest in it; ready when nothing is left.
    pub fn poll_write_all(
        &mut self,
        cx: &mut Context<'_>,
        slices: &mut &mut [IoSlice<'_>],
    ) -> Poll<io::Result<()>> {
        IoSlice::advance_slices(slices, 0);
        while !slices.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.bytes_out += written as u64;
            IoSlice::advance_slices(slices, written);
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when the peer goes away while nothing is expected from it. What it sends meanwhile is kept, up to the
    /// size of a small buffer; beyond that its going away is not noticed.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<Gone> {
        while self.buffer.len() < Block::Head.bytes() {
            match ready!(self.poll_fill(cx, Block::Head)) {
                Ok(0) => return Poll::Ready(Gone::HalfClosed),
                Ok(_) => {}
                Err(_) => return Poll::Ready(Gone::Reset),
            }
        }
        Poll::Pending
    }

    /// Waits until the peer goes away: [`Self::poll_gone`].
    pub async fn gone(&mut self) -> Gone {
        poll_fn(|cx| self.poll_gone(cx)).await
    }

    /// Whether an idle connection is dead, or alive but with bytes nobody asked for, which is no better.
    pub fn is_stale(&self) -> bool {
        if self.has_read_ahead() || self.is_read_closed {
            return true;
        }
        // Asks the socket and not the runtime, which may not have heard of it yet.
        let mut byte = [MaybeUninit::uninit(); 1];
        let peeked = SockRef::from(&self.stream).peek(&mut byte);
        !matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Closes so that the peer gets to read the last answer: our side first, then whatever it still sends is read and
    /// thrown away for at most `patience` (RFC 9112 section 9.6). Closing at once with bytes unread would reset the
    /// connection and could take the answer with it.
    pub async fn linger(mut self, patience: Duration) {
        let half_closed = poll_fn(|cx| Pin::new(&mut self.stream).poll_shutdown(cx)).await;
        if half_closed.is_err() {
            return;
        }
        self.deadline.set(patience);
        let mut left = LINGER_BYTES_MAX;
        poll_fn(|cx| {
            loop {
                self.buffer.clear();
                match self.poll_fill(cx, Block::Head) {
                    Poll::Ready(Ok(bytes @ 1..)) if bytes < left => left -= bytes,
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return self.deadline.poll(cx),
                }
            }
        })
        .await;
    }

    /// Reads more into the buffer: the number of bytes, 0 when the peer has closed its side.
    fn poll_fill(&mut self, cx: &mut Context<'_>, block: Block) -> Poll<io::Result<usize>> {
        if self.is_read_closed {
            return Poll::Ready(Ok(0));
        }
        let result = self.poll_read(cx, block);
        match result {
            Poll::Ready(Ok(0)) => self.is_read_closed = true,
            Poll::Pending if self.buffer.is_empty() => blocks::give_back(core::mem::take(&mut self.buffer)),
            _ => {}
        }
        result
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, block: Block) -> Poll<io::Result<usize>> {
        ready!(self.stream.poll_read_ready(cx))?;
        if self.buffer.is_empty() && self.buffer.capacity() != block.bytes() {
            blocks::give_back(core::mem::replace(&mut self.buffer, blocks::take(block)));
        } else if self.buffer.capacity() - self.buffer.len() < READ_BYTES_MIN {
            self.buffer.reserve(block.bytes());
        }
        pin!(self.stream.read_buf(&mut self.buffer)).poll(cx)
    }
}

/// Room for less than this is not worth a system call.
const READ_BYTES_MIN: usize = 1024;

/// The block to read the rest of `body` into.
fn block_for(body: &Body) -> Block {
    match body.bytes_left() {
        Some(left @ 0x4000..) if left < Block::Body.bytes() as u64 => Block::Rest(left as usize),
        _ => Block::Body,
    }
}
