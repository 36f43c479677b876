//! A response sent while it arrives, to one of those who read the same fetch. The client's pace is its own: nothing
//! here makes another reader, or the fetch, wait.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use cnn_core::fields::Fields;
use cnn_core::repository::{FillError, FillPart, FillReader};

use super::client::Client;
use super::reply::Delimited;
use crate::http1::chunked::{self, CHUNK_END, ChunkStart};
use crate::http1::io::Gone;
use crate::limits::PART_BYTES_MAX;

/// Why a body was not sent to its end.
#[derive(Debug)]
pub(super) enum Broken {
    /// The client went away or took nothing for too long.
    Client(io::Error),
    /// The response will never be whole.
    Origin(FillError),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Client(error)
    }
}

impl Client {
    /// Sends the head that was put together and the body after it, as its parts arrive.
    pub(super) async fn send_arriving(
        &mut self,
        reader: &mut FillReader,
        delimited: Delimited,
    ) -> Result<(), Broken> {
        // What has come with the head already goes out with it.
        let first = poll_fn(|cx| Poll::Ready(reader.poll_part(cx, PART_BYTES_MAX))).await;
        let mut part = match first {
            Poll::Ready(part) => part,
            Poll::Pending => {
                self.send_head_with(b"").await?;
                self.out.clear();
                self.next_part(reader).await?
            }
        };
        loop {
            match part {
                FillPart::Bytes(bytes) => self.send_part(&bytes, delimited).await?,
                FillPart::End(trailers) => return Ok(self.send_end(trailers, delimited).await?),
                FillPart::Failed(error) => {
                    // What was promised must be seen to be missing: the connection is closed without an end.
                    self.send_head_with(b"").await?;
                    return Err(Broken::Origin(error));
                }
            }
            self.out.clear();
            part = self.next_part(reader).await?;
        }
    }

    /// Sends what is put together already, then a part of the body.
    async fn send_part(&mut self, bytes: &Bytes, delimited: Delimited) -> io::Result<()> {
        if delimited != Delimited::Chunked {
            return self.send_head_with(bytes).await;
        }
        let Self { connection, out, patience, .. } = self;
        let start = ChunkStart::new(bytes.len());
        let mut slices = [&out[..], start.as_bytes(), bytes, CHUNK_END].map(IoSlice::new);
        connection.write_all(&mut slices, patience.send).await
    }

    async fn send_end(&mut self, trailers: Option<Arc<Fields>>, delimited: Delimited) -> io::Result<()> {
        if delimited == Delimited::Chunked {
            chunked::write_last_chunk(&mut self.out, trailers.as_deref().unwrap_or(&Fields::new()));
        }
        if self.out.is_empty() { Ok(()) } else { self.send_head_with(b"").await }
    }

    /// Waits for the next part, or for the client to break the connection.
    async fn next_part(&mut self, reader: &mut FillReader) -> Result<FillPart, Broken> {
        poll_fn(|cx| {
            if let Poll::Ready(part) = reader.poll_part(cx, PART_BYTES_MAX) {
                return Poll::Ready(Ok(part));
            }
            self.poll_reset(cx).map(|error| Err(Broken::Client(error)))
        })
        .await
    }

    /// Ready when the client has broken the connection. One that only closed its side may still read.
    pub(super) fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        match self.connection.split().0.poll_gone(cx) {
            Poll::Ready(Gone::Reset) => Poll::Ready(io::ErrorKind::ConnectionReset.into()),
            Poll::Ready(Gone::HalfClosed) | Poll::Pending => Poll::Pending,
        }
    }
}
