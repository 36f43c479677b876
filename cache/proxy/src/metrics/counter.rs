//! Counters that cost the request path next to nothing: each worker has its own and is the only one to write them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

/// A count that one thread writes and any may read. Adding is a load and a store, not a locked instruction: two threads
/// that add at once lose one of the two.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to the count.
    pub fn add(&self, more: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(more), Relaxed);
    }

    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// The count.
    pub fn count(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Counts by reason, for what happens seldom; any thread may add.
#[derive(Debug, Default)]
pub struct Reasons(Mutex<BTreeMap<&'static str, u64>>);

impl Reasons {
    /// One more for that reason.
    pub fn increment(&self, reason: &'static str) {
        *self.0.lock().entry(reason).or_default() += 1;
    }

    /// Every reason that occurred and how often.
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        self.0.lock().iter().map(|(&reason, &count)| (reason, count)).collect()
    }

    /// How often all of them together occurred.
    pub fn total(&self) -> u64 {
        self.0.lock().values().sum()
    }
}
