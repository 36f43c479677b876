//! A bell that wakes the connections of one worker when it drains, and again when time is up. Each is listed once, for as
//! long as it lives, so that waiting for the next request costs nothing on account of a drain that comes once.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::task::{Poll, Waker};

/// The bell of a worker.
#[derive(Default)]
pub(crate) struct DrainBell {
    has_rung: Cell<bool>,
    is_over: Cell<bool>,
    next: Cell<u64>,
    listeners: RefCell<HashMap<u64, Waker>>,
    /// Who waits for the listeners to leave.
    last: RefCell<Option<Waker>>,
}

/// A place among those the bell wakes.
pub(crate) struct Listening<'a> {
    bell: &'a DrainBell,
    number: u64,
}

impl DrainBell {
    /// Whether the worker drains.
    pub(crate) fn has_rung(&self) -> bool {
        self.has_rung.get()
    }

    /// Lists the calling task, which must stay the same, until the guard is dropped.
    pub(crate) async fn listen(&self) -> Listening<'_> {
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let number = self.next.get();
        self.next.set(number + 1);
        self.listeners.borrow_mut().insert(number, waker);
        Listening { bell: self, number }
    }

    /// The worker drains from now on: wakes everybody.
    pub(crate) fn ring(&self) {
        self.has_rung.set(true);
        self.listeners.borrow().values().for_each(Waker::wake_by_ref);
    }

    /// Time is up: wakes everybody, to leave at once. Ready when they have.
    pub(crate) async fn end(&self) {
        self.is_over.set(true);
        self.ring();
        poll_fn(|cx| {
            if self.listeners.borrow().is_empty() {
                return Poll::Ready(());
            }
            *self.last.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Waits until time is up. Only for a task that listens.
    pub(crate) async fn over(&self) {
        self.until_over(pending::<()>()).await;
    }

    /// What `work` comes to; none when time is up before. Only for a task that listens.
    pub(crate) async fn until_over<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Pending if self.is_over.get() => Poll::Ready(None),
            polled => polled.map(Some),
        })
        .await
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        let mut listeners = self.bell.listeners.borrow_mut();
        listeners.remove(&self.number);
        if listeners.is_empty()
            && let Some(last) = self.bell.last.take()
        {
            last.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn whoever_listens_is_woken_and_whoever_left_is_not() {
        let bell = DrainBell::default();
        let (stays, leaves) = (Arc::<Count>::default(), Arc::<Count>::default());
        let listen = |count: &Arc<Count>| {
            let waker = Waker::from(count.clone());
            match pin!(bell.listen()).as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(listening) => listening,
                Poll::Pending => panic!("listening does not wait"),
            }
        };
        let _staying = listen(&stays);
        drop(listen(&leaves));
        assert!(!bell.has_rung());
        bell.ring();
        assert!(bell.has_rung());
        let woken = |count: &Count| count.0.load(Ordering::Relaxed);
        assert_eq!((woken(&stays), woken(&leaves)), (1, 0));
    }

    #[test]
    fn work_ends_with_the_time_and_leaving_is_waited_for() {
        let bell = DrainBell::default();
        let count = Arc::<Count>::default();
        let waker = Waker::from(count.clone());
        let mut context = Context::from_waker(&waker);
        let mut listen = pin!(bell.listen());
        let Poll::Ready(listening) = listen.as_mut().poll(&mut context) else { panic!("listening waits") };
        let mut work = pin!(bell.until_over(std::future::pending::<()>()));
        assert!(work.as_mut().poll(&mut context).is_pending());
        bell.ring();
        assert!(work.as_mut().poll(&mut context).is_pending(), "a drain lets work go on");
        let mut end = pin!(bell.end());
        assert!(end.as_mut().poll(&mut context).is_pending());
        assert_eq!(work.as_mut().poll(&mut context), Poll::Ready(None));
        let before = count.0.load(Ordering::Relaxed);
        drop(listening);
        assert_eq!(count.0.load(Ordering::Relaxed), before + 1);
        assert!(end.as_mut().poll(&mut context).is_ready());
        let mut done = pin!(bell.until_over(std::future::ready(7)));
        assert_eq!(done.as_mut().poll(&mut context), Poll::Ready(Some(7)), "what is done is done");
    }
}
