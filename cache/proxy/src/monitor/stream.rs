//! The mirrored stream: from the workers to the threads of monitors.
//!
//! ```text
//!   worker: a request is over --> nothing attached: one relaxed load, no more
//!                             --> a tap per monitor: push into this worker's queue of it, or lose and count
//!   monitor's thread: swap each queue for an empty one
//! ```
//!
//! A queue is behind a lock that only the worker and the monitor's thread share, for a push or a swap: neither ever waits
//! for the other's work. Each monitor has its own, so that a slow one takes nothing from another.

use std::cell::RefCell;
use std::mem;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::Thread;

use cnn_core::monitor::{Records, Request};
use parking_lot::Mutex;

use super::limits::{WAITING_MAX, WAKE_AT};

/// Where workers' records go.
#[derive(Default)]
pub(crate) struct Stream {
    /// 0 while nothing is attached; otherwise another number after each change.
    state: AtomicU64,
    /// Guards the taps there are; workers copy them when `state` has changed.
    taps: Mutex<Taps>,
}

#[derive(Default)]
struct Taps {
    changes: u64,
    taps: Vec<Arc<Tap>>,
}

/// The queues of one monitor.
pub(crate) struct Tap {
    queues: Box<[Queue]>,
    lost: AtomicU64,
    /// The monitor's thread, once it runs.
    thread: OnceLock<Thread>,
}

/// The records of one worker, on cache lines of their own.
#[repr(align(128))]
#[derive(Default)]
struct Queue(Mutex<Records>);

/// A worker's end of the stream.
pub(crate) struct WorkerStream {
    stream: Arc<Stream>,
    worker: usize,
    /// The taps as they were at that state.
    seen: RefCell<(u64, Vec<Arc<Tap>>)>,
}

impl Stream {
    /// The end of a worker, counted from 0.
    pub(crate) fn worker(self: &Arc<Self>, worker: usize) -> WorkerStream {
        WorkerStream { stream: Arc::clone(self), worker, seen: RefCell::default() }
    }

    /// Begins to fill a tap.
    pub(super) fn add(&self, tap: &Arc<Tap>) {
        self.change(|taps| taps.push(Arc::clone(tap)));
    }

    /// Stops filling it. A worker that is pushing at this moment may push one more.
    pub(super) fn remove(&self, tap: &Arc<Tap>) {
        self.change(|taps| taps.retain(|other| !Arc::ptr_eq(other, tap)));
        tap.queues.iter().for_each(|queue| drop(mem::take(&mut *queue.0.lock())));
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Tap>>)) {
        let mut taps = self.taps.lock();
        change(&mut taps.taps);
        taps.changes += 1;
        // Stored under the lock, so that whoever sees it and takes the lock finds these taps or later ones.
        self.state.store(if taps.taps.is_empty() { 0 } else { taps.changes }, Relaxed);
    }
}

impl WorkerStream {
    /// Whether anybody listens: one relaxed load.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.stream.state.load(Relaxed) != 0
    }

    /// Tells all monitors of a request. Never waits for one.
    pub(crate) fn tell(&self, request: Request, host: &str, path: &str) {
        let state = self.stream.state.load(Relaxed);
        let mut seen = self.seen.borrow_mut();
        if seen.0 != state {
            *seen = (state, self.stream.taps.lock().taps.clone());
        }
        seen.1.iter().for_each(|tap| tap.push(self.worker, request, host, path));
    }
}

impl Tap {
    pub(super) fn new(workers: usize) -> Arc<Self> {
        let queues = (0..workers).map(|_| Queue::default()).collect();
        Arc::new(Self { queues, lost: AtomicU64::new(0), thread: OnceLock::new() })
    }

    /// Says whom to wake.
    pub(super) fn belongs_to(&self, thread: Thread) {
        // Set once, where the thread is started.
        let _ = self.thread.set(thread);
    }

    pub(super) fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Records that found their queue full.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// Takes all that is waiting: each queue is swapped for one of `empty`, of which there is one per worker.
    pub(super) fn take(&self, empty: &mut [Records]) {
        for (queue, empty) in self.queues.iter().zip(empty) {
            mem::swap(&mut *queue.0.lock(), empty);
        }
    }

    fn push(&self, worker: usize, request: Request, host: &str, path: &str) {
        let Some(queue) = self.queues.get(worker) else { return };
        let mut records = queue.0.lock();
        let waiting = records.len();
        if waiting >= WAITING_MAX {
            drop(records);
            self.lost.fetch_add(1, Relaxed);
            return;
        }
        records.push(request, host, path);
        drop(records);
        if waiting + 1 == WAKE_AT {
            self.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(time: u64) -> Request {
        Request { time, ..Request::default() }
    }

    fn times(records: &Records) -> Vec<u64> {
        records.iter().map(|seen| seen.request.time).collect()
    }

    #[test]
    fn what_is_told_while_attached_is_there_and_nothing_else() {
        let stream = Arc::new(Stream::default());
        let worker = stream.worker(0);
        assert!(!worker.is_on());
        worker.tell(request(1), "", "");
        let (one, two) = (Tap::new(1), Tap::new(1));
        stream.add(&one);
        assert!(worker.is_on());
        worker.tell(request(2), "", "");
        stream.add(&two);
        worker.tell(request(3), "", "");
        stream.remove(&two);
        worker.tell(request(4), "", "");
        let mut taken = [Records::default()];
        one.take(&mut taken);
        assert_eq!(times(&taken[0]), [2, 3, 4]);
        taken[0].clear();
        two.take(&mut taken);
        assert!(taken[0].is_empty());
        stream.remove(&one);
        assert!(!worker.is_on());
    }

    #[test]
    fn a_tap_nobody_empties_loses_and_another_does_not() {
        let stream = Arc::new(Stream::default());
        let (worker, slow, fast) = (stream.worker(1), Tap::new(2), Tap::new(2));
        stream.add(&slow);
        stream.add(&fast);
        let mut taken = [Records::default(), Records::default()];
        let mut fast_heard = 0;
        for time in 0..WAITING_MAX as u64 + 10 {
            worker.tell(request(time), "host", "/path");
            if time % 100 == 0 {
                fast.take(&mut taken);
                fast_heard += taken[1].len();
                taken[1].clear();
            }
        }
        fast.take(&mut taken);
        assert_eq!((fast_heard + taken[1].len(), fast.lost()), (WAITING_MAX + 10, 0));
        assert_eq!(slow.lost(), 10);
    }
}
