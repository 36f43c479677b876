//! What the board counts, for metrics and for `status`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts since the board was made, read one by one at about one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Documents stored.
    pub inserts: u64,
    /// Documents changed in place.
    pub updates: u64,
    /// Documents gone, evictions included.
    pub removals: u64,
    /// Documents evicted to make room.
    pub evictions: u64,
    /// Victims taken that the policy had picked.
    pub policy_victims: u64,
    /// Victims taken that the built-in fallback had picked, because the pool was empty.
    pub fallback_victims: u64,
    /// Offers passed over because the document had gone meanwhile.
    pub offers_gone: u64,
    /// Offers passed over because the document had been used meanwhile.
    pub offers_used: u64,
    /// Victims taken and given back.
    pub offers_given_back: u64,
    /// Hits not told because a worker's ring was full.
    pub hits_dropped: u64,
    /// Times the waiting events were too many and the columns had to be read anew.
    pub backlogs_lost: u64,
}

/// The same, being counted.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) inserts: Counter,
    pub(super) updates: Counter,
    pub(super) removals: Counter,
    pub(super) evictions: Counter,
    pub(super) policy_victims: Counter,
    pub(super) fallback_victims: Counter,
    pub(super) offers_gone: Counter,
    pub(super) offers_used: Counter,
    pub(super) offers_given_back: Counter,
    pub(super) backlogs_lost: Counter,
}

impl Counters {
    pub(super) fn read(&self, hits_dropped: u64) -> Counts {
        Counts {
            inserts: self.inserts.value(),
            updates: self.updates.value(),
            removals: self.removals.value(),
            evictions: self.evictions.value(),
            policy_victims: self.policy_victims.value(),
            fallback_victims: self.fallback_victims.value(),
            offers_gone: self.offers_gone.value(),
            offers_used: self.offers_used.value(),
            offers_given_back: self.offers_given_back.value(),
            hits_dropped,
            backlogs_lost: self.backlogs_lost.value(),
        }
    }
}

/// A count that only grows. Nothing is ordered by it.
#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn count(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
