//! One global byte budget, and the charges against it. A charge is a guard: dropping it gives the bytes back, so what
//! is charged is what is still held, evicted or not. Amounts are the allocator's size classes, not the bytes asked
//! for, so that the process's resident memory follows the budget. It does not make room; [`super::Repository`] does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The bytes an allocation of `bytes` really takes: jemalloc's size classes (multiples of 16 up to 128, then four to
/// each power of two; one class of 8).
pub const fn allocated_bytes(bytes: u64) -> u64 {
    match bytes {
        0 => 0,
        1..=8 => 8,
        9..=128 => bytes.next_multiple_of(16),
        _ => {
            let step = 1 << ((bytes - 1).ilog2() - 2);
            match bytes.checked_next_multiple_of(step) {
                Some(class) => class,
                None => u64::MAX,
            }
        }
    }
}

/// Bytes in use and how many there may be. Shared by every worker.
#[derive(Debug)]
pub struct Budget {
    used: AtomicU64,
    peak: AtomicU64,
    limit: AtomicU64,
}

impl Budget {
    /// A budget of `limit` bytes, nothing used.
    pub fn new(limit: u64) -> Self {
        Self { used: AtomicU64::new(0), peak: AtomicU64::new(0), limit: AtomicU64::new(limit) }
    }

    /// Bytes charged now. May exceed the limit after it was lowered, or by forced charges.
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// The most bytes ever charged at one time.
    pub fn peak(&self) -> u64 {
        self.peak.load(Relaxed)
    }

    /// Bytes that may be charged.
    pub fn limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }

    /// Changes how many bytes may be charged. Lowering it takes nothing back; whoever lowers it makes room.
    pub(super) fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Relaxed);
    }

    /// Bytes that can still be charged.
    pub fn free(&self) -> u64 {
        self.limit().saturating_sub(self.used())
    }

    /// Charges `bytes` if they fit.
    pub fn charge(self: &Arc<Self>, bytes: u64) -> Option<Charge> {
        self.take(bytes).then(|| Charge { budget: Arc::clone(self), bytes })
    }

    /// Charges `bytes` whether they fit or not: for what exists already, or must exist for a client to be served.
    pub fn charge_forced(self: &Arc<Self>, bytes: u64) -> Charge {
        self.add(bytes);
        Charge { budget: Arc::clone(self), bytes }
    }

    fn take(&self, bytes: u64) -> bool {
        let limit = self.limit();
        let taken = self
            .used
            .fetch_update(Relaxed, Relaxed, |used| used.checked_add(bytes).filter(|&sum| sum <= limit));
        if let Ok(before) = taken {
            self.note_peak(before + bytes);
        }
        taken.is_ok()
    }

    fn add(&self, bytes: u64) {
        let before = self.used.fetch_add(bytes, Relaxed);
        self.note_peak(before.saturating_add(bytes));
    }

    fn give_back(&self, bytes: u64) {
        let before = self.used.fetch_sub(bytes, Relaxed);
        debug_assert!(before >= bytes, "more bytes given back than were charged");
    }

    /// The peak rarely moves once the cache is full, so this is a load and no more.
    fn note_peak(&self, used: u64) {
        if used > self.peak.load(Relaxed) {
            self.peak.fetch_max(used, Relaxed);
        }
    }
}

/// Bytes charged to a budget until this is dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Charge {
    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Charges `more` bytes too if they fit; says whether they did.
    #[must_use]
    pub fn grow(&mut self, more: u64) -> bool {
        let fits = self.budget.take(more);
        if fits {
            self.bytes += more;
        }
        fits
    }

    /// Charges `more` bytes too, whether they fit or not.
    pub fn grow_forced(&mut self, more: u64) {
        self.budget.add(more);
        self.bytes += more;
    }

    /// Gives back all but `bytes`; nothing when no more are held.
    pub fn shrink_to(&mut self, bytes: u64) {
        let excess = self.bytes.saturating_sub(bytes);
        self.bytes -= excess;
        self.budget.give_back(excess);
    }

    /// Moves `bytes` of this charge (at most all) into one of their own.
    pub fn split(&mut self, bytes: u64) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self { budget: Arc::clone(&self.budget), bytes }
    }

    /// Takes over the bytes of another charge to the same budget.
    pub fn merge(&mut self, mut other: Self) {
        debug_assert!(Arc::ptr_eq(&self.budget, &other.budget), "charges of two budgets");
        self.bytes += std::mem::take(&mut other.bytes);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_are_the_allocators_size_classes() {
        let check = |asked, taken| assert_eq!(allocated_bytes(asked), taken, "{asked} bytes asked for");
        for (asked, taken) in [(0, 0), (1, 8), (8, 8), (9, 16), (16, 16), (17, 32), (113, 128), (128, 128)] {
            check(asked, taken);
        }
        for (asked, taken) in [(129, 160), (160, 160), (161, 192), (256, 256), (257, 320), (1024, 1024)] {
            check(asked, taken);
        }
        for (asked, taken) in [(1025, 1280), (14336, 14336), (14337, 16384), (16385, 20480), (65_537, 81_920)]
        {
            check(asked, taken);
        }
        check(u64::MAX, u64::MAX);
    }

    #[test]
    fn a_charge_is_given_back_when_dropped_and_never_exceeds_the_limit() {
        let budget = Arc::new(Budget::new(100));
        let mut first = budget.charge(60).unwrap();
        assert!(budget.charge(41).is_none());
        assert!(!first.grow(41) && first.grow(40));
        assert_eq!((budget.used(), budget.free()), (100, 0));
        let part = first.split(30);
        assert_eq!((first.bytes(), part.bytes(), budget.used()), (70, 30, 100));
        drop(part);
        first.shrink_to(50);
        assert_eq!(budget.used(), 50);
        let forced = budget.charge_forced(1000);
        assert_eq!((budget.used(), budget.free()), (1050, 0));
        first.merge(forced);
        assert_eq!(first.bytes(), 1050);
        drop(first);
        assert_eq!((budget.used(), budget.peak()), (0, 1050));
    }

    #[test]
    fn lowering_the_limit_takes_nothing_back() {
        let budget = Arc::new(Budget::new(100));
        let held = budget.charge(100).unwrap();
        budget.set_limit(10);
        assert_eq!((budget.used(), budget.free()), (100, 0));
        drop(held);
        assert!(budget.charge(11).is_none() && budget.charge(10).is_some());
    }
}
