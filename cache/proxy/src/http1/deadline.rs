//! A deadline that moves often and is rarely met. Moving it costs a look at the runtime's clock; the timer behind it is
//! registered once and moved only when it fires early, because registering one per request would cost as much as
//! parsing the request.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use tokio::time::{Instant, Sleep};

/// A deadline for whatever the owner waits for at present.
#[derive(Debug, Default)]
pub struct Deadline {
    at: Option<Instant>,
    // Fires at `at` or before.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// A deadline that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets it to `patience` from now.
    pub fn set(&mut self, patience: Duration) {
        self.at = Some(Instant::now() + patience);
    }

    /// Sets it unless it is set.
    pub fn set_once(&mut self, patience: Duration) {
        if self.at.is_none() {
            self.set(patience);
        }
    }

    /// Waits for nothing any more.
    pub fn clear(&mut self) {
        self.at = None;
    }

    /// Ready when it has passed, then not set any more; never ready while it is not set.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if timer.deadline() > at {
            timer.as_mut().reset(at);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= at {
                self.at = None;
                return Poll::Ready(());
            }
            timer.as_mut().reset(at);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use core::future::poll_fn;

    use super::*;
    use crate::http1::testing::run_with_paused_time;

    #[test]
    fn it_fires_when_it_was_last_set_to() {
        run_with_paused_time(async {
            let start = Instant::now();
            let mut deadline = Deadline::new();
            for (patience, expected) in [(10, 10), (3, 13), (20, 33)] {
                deadline.set(Duration::from_secs(patience));
                poll_fn(|cx| deadline.poll(cx)).await;
                assert_eq!(start.elapsed().as_secs(), expected);
            }
            deadline.set(Duration::from_secs(10));
            assert!(poll_fn(|cx| Poll::Ready(deadline.poll(cx))).await.is_pending());
            deadline.set(Duration::from_secs(60));
            assert!(poll_fn(|cx| Poll::Ready(deadline.poll(cx))).await.is_pending());
            deadline.set(Duration::from_secs(1));
            poll_fn(|cx| deadline.poll(cx)).await;
            assert_eq!(start.elapsed().as_secs(), 34);
        });
    }

    #[test]
    fn it_never_fires_when_it_is_not_set() {
        run_with_paused_time(async {
            let mut deadline = Deadline::new();
            deadline.set(Duration::from_secs(1));
            deadline.clear();
            let waiting = tokio::time::timeout(Duration::from_secs(100), poll_fn(|cx| deadline.poll(cx)));
            assert!(waiting.await.is_err());
        });
    }
}
