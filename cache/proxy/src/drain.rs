//! A bell that wakes the connections of one worker when it drains. Each is listed once, for as long as it lives, so that
//! waiting for the next request costs nothing on account of a drain that comes once.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// The bell of a worker.
#[derive(Default)]
pub(crate) struct DrainBell {
    has_rung: Cell<bool>,
    next: Cell<u64>,
    listeners: RefCell<HashMap<u64, Waker>>,
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
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.bell.listeners.borrow_mut().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
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
}
