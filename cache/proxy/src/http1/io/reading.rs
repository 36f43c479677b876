//! The reading half of a connection. It has a buffer only while there is something in it: waiting costs no memory.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::tcp::ReadHalf;

use super::{Gone, ReadError};
use crate::http1::blocks::{self, Block};
use crate::http1::deadline::Deadline;
use crate::http1::head::{Scan, parse_request, parse_response};
use crate::http1::{Body, HeadLimits, Method, RequestHead, ResponseHead};
use crate::limits::LINGER_BYTES_MAX;

/// The reading half of a connection.
#[derive(Debug)]
pub struct Reading<'a> {
    pub(super) stream: ReadHalf<'a>,
    pub(super) input: &'a mut Input,
}

/// What is kept of it between uses.
#[derive(Debug, Default)]
pub(super) struct Input {
    /// Read and not used yet. Without memory while it is empty and nothing comes.
    pub(super) buffer: BytesMut,
    /// How far `buffer` was searched for the end of a head.
    scan: Scan,
    deadline: Deadline,
    pub(super) is_closed: bool,
    pub(super) bytes_in: u64,
}

impl Reading<'_> {
    /// Reads a request head. None: the client closed between two requests.
    ///
    /// # Errors
    /// [`ReadError::IdleTimeout`] if nothing comes for `idle`, [`ReadError::Timeout`] if the head is not all there
    /// `head` after its first byte, and what is wrong with it otherwise.
    pub async fn request(
        &mut self,
        limits: &HeadLimits,
        idle: Duration,
        head: Duration,
    ) -> Result<Option<RequestHead>, ReadError> {
        self.input.deadline.clear();
        let mut has_begun = false;
        poll_fn(|cx| {
            if let Poll::Ready(result) = self.poll_request(cx, limits) {
                return Poll::Ready(result);
            }
            if !has_begun && !self.input.buffer.is_empty() {
                has_begun = true;
                self.input.deadline.set(head);
            }
            self.input.deadline.set_once(idle);
            let error = if has_begun { ReadError::Timeout } else { ReadError::IdleTimeout };
            self.input.deadline.poll(cx).map(|()| Err(error))
        })
        .await
    }

    /// [`Self::request`] without a deadline.
    pub fn poll_request(
        &mut self,
        cx: &mut Context<'_>,
        limits: &HeadLimits,
    ) -> Poll<Result<Option<RequestHead>, ReadError>> {
        loop {
            let input = &mut *self.input;
            if !input.buffer.is_empty()
                && let Some(head) = parse_request(&mut input.buffer, &mut input.scan, limits)?
            {
                input.bytes_in += head.wire_bytes as u64;
                return Poll::Ready(Ok(Some(head)));
            }
            if ready!(self.poll_fill(cx, Block::Head))? == 0 {
                let is_between = self.input.buffer.is_empty();
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
            let input = &mut *self.input;
            if !input.buffer.is_empty()
                && let Some(head) = parse_response(&mut input.buffer, &mut input.scan, limits, method)?
            {
                input.bytes_in += head.wire_bytes as u64;
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
    pub async fn piece(&mut self, body: &mut Body, patience: Duration) -> Result<Option<Bytes>, ReadError> {
        self.input.deadline.clear();
        poll_fn(|cx| {
            if let Poll::Ready(result) = self.poll_piece(cx, body) {
                return Poll::Ready(result);
            }
            self.input.deadline.set_once(patience);
            self.input.deadline.poll(cx).map(|()| Err(ReadError::Timeout))
        })
        .await
    }

    /// [`Self::piece`] without a deadline.
    pub fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Body,
    ) -> Poll<Result<Option<Bytes>, ReadError>> {
        loop {
            let buffer = &mut self.input.buffer;
            let read_ahead = buffer.len();
            let piece = body.decode(buffer)?;
            // A piece that takes the buffer over leaves it empty.
            self.input.bytes_in += (read_ahead - self.input.buffer.len()) as u64;
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

    /// Ready when the peer goes away while nothing is expected from it. What it sends meanwhile is kept, up to the
    /// size of a small buffer; beyond that its going away is not noticed.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<Gone> {
        while self.input.buffer.len() < Block::Head.bytes() {
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

    /// Reads and throws away, until the peer closes, `patience` is over, or too much has come.
    pub(super) async fn drain(&mut self, patience: Duration) {
        self.input.deadline.set(patience);
        let mut left = LINGER_BYTES_MAX;
        poll_fn(|cx| {
            loop {
                self.input.buffer.clear();
                match self.poll_fill(cx, Block::Head) {
                    Poll::Ready(Ok(bytes @ 1..)) if bytes < left => left -= bytes,
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return self.input.deadline.poll(cx),
                }
            }
        })
        .await;
    }

    /// Reads more into the buffer: the number of bytes, 0 when the peer has closed its side.
    fn poll_fill(&mut self, cx: &mut Context<'_>, block: Block) -> Poll<io::Result<usize>> {
        if self.input.is_closed {
            return Poll::Ready(Ok(0));
        }
        let result = self.poll_read(cx, block);
        match result {
            Poll::Ready(Ok(0)) => self.input.is_closed = true,
            Poll::Pending if self.input.buffer.is_empty() => {
                blocks::give_back(core::mem::take(&mut self.input.buffer));
            }
            _ => {}
        }
        result
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, block: Block) -> Poll<io::Result<usize>> {
        // Before taking a block: most polls find nothing to read.
        ready!(self.stream.as_ref().poll_read_ready(cx))?;
        let buffer = &mut self.input.buffer;
        if buffer.is_empty() && buffer.capacity() != block.bytes() {
            blocks::give_back(core::mem::replace(buffer, blocks::take(block)));
        } else if buffer.capacity() - buffer.len() < READ_BYTES_MIN {
            // Less than a block, so that a rest at its end moves to its front; more once that is the larger part.
            buffer.reserve(buffer.len().max(block.bytes() / 2));
        }
        pin!(self.stream.read_buf(buffer)).poll(cx)
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
