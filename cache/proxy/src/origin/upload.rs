//! The way of a request to its origin: head and body written piece by piece as the client sends them, while the response
//! may already be coming back.

use core::task::{Context, Poll};
use std::io::{self, IoSlice};

use bytes::Bytes;
use cnn_core::fields::Fields;

use crate::http1::chunked::{CHUNK_END, ChunkStart, write_last_chunk};
use crate::http1::io::{ReadError, Reading};
use crate::http1::{Body, BodyLength, Connection};

/// Where the body of a request comes from.
pub trait BodySource {
    /// The next piece, never empty; none at the end.
    ///
    /// # Errors
    /// When it will not come: the exchange is given up.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ReadError>>;

    /// Its trailer fields, once the end was reached.
    fn trailers(&self) -> Option<&Fields>;
}

/// No body.
#[derive(Clone, Copy, Debug)]
pub struct NoBody;

/// A client's body, as it arrives.
#[derive(Debug)]
pub struct ClientBody<'a> {
    /// The client's connection.
    pub reading: Reading<'a>,
    /// What is left of the body.
    pub body: &'a mut Body,
}

/// A request on its way.
#[derive(Debug)]
pub(super) struct Upload<B> {
    head: Bytes,
    source: B,
    length: BodyLength,
    staged: Staged,
    // Content bytes taken from the source.
    taken: u64,
    is_ended: bool,
}

/// What is being written: up to four parts in a row.
#[derive(Debug, Default)]
struct Staged {
    head: Bytes,
    start: Option<ChunkStart>,
    piece: Bytes,
    end: Bytes,
    written: usize,
}

/// What an upload waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pumped {
    /// Nothing: all is written.
    Done,
    /// The next piece of the body.
    Source,
    /// The origin to take more.
    Origin,
    /// Nothing: the origin takes no more. It may have answered before.
    Broken,
}

impl<B: BodySource> Upload<B> {
    pub(super) fn new(head: Bytes, length: BodyLength, source: B) -> Self {
        let staged = Staged { head: head.clone(), ..Staged::default() };
        Self { head, source, length, staged, taken: 0, is_ended: length.is_empty() }
    }

    /// Whether nothing of the body was taken, so that the request can be sent again.
    pub(super) fn can_restart(&self) -> bool {
        self.taken == 0
    }

    /// Starts again on a fresh connection. Nothing of the body may have been taken.
    pub(super) fn restart(&mut self) {
        debug_assert!(self.can_restart(), "the body is partly gone");
        self.staged = Staged { head: self.head.clone(), ..Staged::default() };
        self.is_ended = self.length.is_empty();
    }

    /// Content bytes taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Writes as much as can be had and is taken: what it waits for then.
    ///
    /// # Errors
    /// When the source fails. An origin that takes no more is no error yet: it may have answered before.
    pub(super) fn pump(
        &mut self,
        connection: &mut Connection,
        cx: &mut Context<'_>,
    ) -> Result<Pumped, ReadError> {
        loop {
            // The first piece goes out together with the head, if it is there already.
            let has_more = self.staged.has_room() && !self.is_ended && self.stage(cx)?;
            if self.staged.is_empty() {
                if self.is_ended {
                    return Ok(Pumped::Done);
                }
                if !has_more {
                    return Ok(Pumped::Source);
                }
            }
            match self.staged.poll_write(connection, cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Ok(Pumped::Broken),
                Poll::Pending => return Ok(Pumped::Origin),
            }
        }
    }

    /// Stages the next piece or the end, if the source has it.
    fn stage(&mut self, cx: &mut Context<'_>) -> Result<bool, ReadError> {
        let piece = match self.source.poll_piece(cx) {
            Poll::Pending => return Ok(false),
            Poll::Ready(piece) => piece?,
        };
        let is_chunked = self.length == BodyLength::Chunked;
        match piece {
            Some(piece) => {
                self.taken += piece.len() as u64;
                if is_chunked {
                    self.staged.start = Some(ChunkStart::new(piece.len()));
                    self.staged.end = Bytes::from_static(CHUNK_END);
                }
                self.staged.piece = piece;
            }
            None => {
                self.is_ended = true;
                if is_chunked {
                    self.staged.end = self.last_chunk();
                }
            }
        }
        if let BodyLength::Length(length) = self.length {
            if self.taken > length || self.is_ended && self.taken < length {
                return Err(ReadError::ClosedEarly);
            }
            self.is_ended = self.taken == length;
        }
        Ok(true)
    }

    fn last_chunk(&self) -> Bytes {
        let mut last = Vec::new();
        write_last_chunk(&mut last, self.source.trailers().unwrap_or(&Fields::new()));
        last.into()
    }
}

impl Staged {
    fn len(&self) -> usize {
        let start = self.start.as_ref().map_or(0, |start| start.as_bytes().len());
        self.head.len() + start + self.piece.len() + self.end.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether nothing but perhaps the head is staged.
    fn has_room(&self) -> bool {
        self.piece.is_empty() && self.end.is_empty()
    }

    /// Ready when all is written; then it is empty.
    fn poll_write(&mut self, connection: &mut Connection, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.len() {
            let start = self.start.as_ref().map_or(&[][..], ChunkStart::as_bytes);
            let mut slices = [&self.head[..], start, &self.piece, &self.end].map(IoSlice::new);
            let mut left = &mut slices[..];
            IoSlice::advance_slices(&mut left, self.written);
            match connection.poll_write(cx, left) {
                Poll::Ready(Ok(written)) => self.written += written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        *self = Self::default();
        Poll::Ready(Ok(()))
    }
}

impl BodySource for NoBody {
    fn poll_piece(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ReadError>> {
        Poll::Ready(Ok(None))
    }

    fn trailers(&self) -> Option<&Fields> {
        None
    }
}

impl BodySource for ClientBody<'_> {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ReadError>> {
        self.reading.poll_piece(cx, self.body)
    }

    fn trailers(&self) -> Option<&Fields> {
        Some(self.body.trailers())
    }
}
