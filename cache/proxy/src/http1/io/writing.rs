//! The writing half of a connection: several slices in one system call, and what the socket does not take at once later.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io::{self, IoSlice};

use tokio::io::AsyncWrite;
use tokio::net::tcp::WriteHalf;

use crate::http1::deadline::Deadline;

/// The writing half of a connection.
#[derive(Debug)]
pub struct Writing<'a> {
    pub(super) stream: WriteHalf<'a>,
    pub(super) output: &'a mut Output,
}

/// What is kept of it between uses.
#[derive(Debug, Default)]
pub(super) struct Output {
    deadline: Deadline,
    pub(super) bytes_out: u64,
}

impl Writing<'_> {
    /// Writes all of `slices`, in one system call if the socket takes them.
    ///
    /// # Errors
    /// When the socket fails, and with [`io::ErrorKind::TimedOut`] when it takes nothing for `patience`.
    pub async fn all(&mut self, slices: &mut [IoSlice<'_>], patience: Duration) -> io::Result<()> {
        self.output.deadline.clear();
        let mut left = slices;
        IoSlice::advance_slices(&mut left, 0);
        poll_fn(|cx| {
            while !left.is_empty() {
                let Poll::Ready(written) = self.poll_some(cx, left)? else {
                    self.output.deadline.set_once(patience);
                    return self.output.deadline.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()));
                };
                self.output.deadline.clear();
                IoSlice::advance_slices(&mut left, written);
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Writes what the socket takes of `slices` in one system call: the number of bytes. The slices must not all be
    /// empty.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn poll_some(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.output.bytes_out += written as u64;
        Poll::Ready(Ok(written))
    }

    /// Bytes written on this connection.
    pub fn bytes_out(&self) -> u64 {
        self.output.bytes_out
    }
}
