//! The documents put forward as victims: which instance picked each, by which value, and in which order. Small: the
//! pool and what request threads have in their hands.

use hashbrown::HashMap;

use crate::policy::Slot;

/// How one victim came to be offered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pick {
    /// Picks are numbered; the lowest goes next.
    pub(super) number: u64,
    /// The instance that picked it and waits to hear of it; zero when it was picked over its head.
    pub(super) serial: u64,
    /// The key or score by which it was picked.
    pub(super) value: f64,
}

/// The victims put forward and not yet answered for.
pub(super) struct Offered {
    picks: HashMap<Slot, Pick, ahash::RandomState>,
    next_number: u64,
}

impl Offered {
    pub(super) fn new(expected: usize) -> Self {
        // Fixed seeds: slots are ours, and a replay must not depend on a random source.
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        Self { picks: HashMap::with_capacity_and_hasher(2 * expected, hasher), next_number: 0 }
    }

    pub(super) fn add(&mut self, slot: Slot, serial: u64, value: f64) {
        self.picks.insert(slot, Pick { number: self.next_number, serial, value });
        self.next_number += 1;
    }

    pub(super) fn take(&mut self, slot: Slot) -> Option<Pick> {
        self.picks.remove(&slot)
    }

    pub(super) fn get(&self, slot: Slot) -> Option<Pick> {
        self.picks.get(&slot).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.picks.len()
    }

    /// All, the next to go first.
    pub(super) fn in_order(&self) -> Vec<(Slot, Pick)> {
        let mut picks: Vec<_> = self.picks.iter().map(|(&slot, &pick)| (slot, pick)).collect();
        picks.sort_unstable_by_key(|(_, pick)| pick.number);
        picks
    }
}
