//! Making room: evicting what the replacement policy offers until bytes or a slot are free, and going through the
//! documents in order of their slots, a slice at a time.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::budget::Charge;
use super::{Repository, Stored};
use crate::limits::{CHARGE_TRIES_MAX, EVICTION_MISSES_MAX, EVICTIONS_MAX, FILLING_PERCENT_MAX};
use crate::policy::{Removal, Slot, SlotId};

/// The share of large bodies that are arriving to be stored, of a limit.
pub(super) const fn filling_limit(limit: u64) -> u64 {
    limit / 100 * FILLING_PERCENT_MAX
}

/// What became of a try to evict.
enum Eviction {
    Done,
    /// The victim is being sent, or is gone already.
    Missed,
    /// There is nobody to evict.
    Nobody,
}

impl Repository {
    /// Charges `bytes`, evicting for them if need be. `None` when no room could be made.
    pub fn charge(&self, bytes: u64) -> Option<Charge> {
        // Others may take the room that was made; after a few rounds that they win, they are the ones to be served.
        for _ in 0..CHARGE_TRIES_MAX {
            if let Some(charge) = self.budget.charge(bytes) {
                return Some(charge);
            }
            if !self.make_room(bytes) {
                break;
            }
        }
        self.no_room.fetch_add(1, Relaxed);
        None
    }

    /// Charges `bytes` of a large body that is arriving to be stored: to the budget, and to the share of such bodies.
    pub(super) fn charge_filling(&self, bytes: u64) -> Option<[Charge; 2]> {
        let Some(share) = self.filling.charge(bytes) else {
            self.no_room.fetch_add(1, Relaxed);
            return None;
        };
        Some([self.charge(bytes)?, share])
    }

    /// Changes the limit and evicts down to it, but for what is being sent. For a thread that serves nobody: with a
    /// million documents too many it takes about a second.
    pub fn set_limit(&self, bytes: u64) {
        self.budget.set_limit(bytes);
        self.filling.set_limit(filling_limit(bytes));
        loop {
            let before = self.budget.used();
            if self.make_room(0) || self.budget.used() >= before {
                break;
            }
        }
    }

    /// The documents in some slots from `from` on, and where to go on; `None` at the end.
    pub fn documents_from(&self, from: Slot, slots: u32) -> (Vec<Arc<Stored>>, Option<Slot>) {
        let range = self.slots_from(from, slots);
        let next = (range.end < self.board.slots_ever_used()).then_some(range.end);
        (range.filter_map(|slot| self.by_slot(slot)).collect(), next)
    }

    fn slots_from(&self, from: Slot, slots: u32) -> Range<Slot> {
        from..from.saturating_add(slots).min(self.board.slots_ever_used())
    }

    /// A slot for one more document, evicting one if there is none.
    pub(super) fn slot(&self) -> Option<SlotId> {
        for _ in 0..EVICTION_MISSES_MAX {
            if let Some(id) = self.board.alloc_slot() {
                return Some(id);
            }
            if matches!(self.evict(), Eviction::Nobody) {
                break;
            }
        }
        self.no_room.fetch_add(1, Relaxed);
        None
    }

    /// Evicts until `bytes` are free; says whether they are.
    fn make_room(&self, bytes: u64) -> bool {
        let has_room = || self.budget.used().saturating_add(bytes) <= self.budget.limit();
        let mut misses = 0;
        for _ in 0..EVICTIONS_MAX {
            if has_room() {
                return true;
            }
            if bytes > self.budget.limit() {
                return false;
            }
            match self.evict() {
                Eviction::Done => misses = 0,
                Eviction::Missed if misses < EVICTION_MISSES_MAX => misses += 1,
                Eviction::Missed | Eviction::Nobody => return false,
            }
        }
        has_room()
    }

    /// Evicts the next victim.
    fn evict(&self) -> Eviction {
        let Some(offer) = self.board.take_victim() else { return Eviction::Nobody };
        let hash = self.board.documents().get(offer.id.slot).hash;
        let mut shard = self.index.write(hash);
        match shard.by_id(hash, offer.id) {
            // Removed meanwhile; whoever did has told the policy.
            None => Eviction::Missed,
            // Only the index holds it, and nobody can get hold of it while its shard is locked.
            Some(stored) if Arc::strong_count(stored) == 1 => {
                let evicted = shard.remove(hash, offer.id);
                self.tell_removed(&evicted, Removal::Evicted);
                drop(shard);
                drop(evicted);
                Eviction::Done
            }
            Some(_) => {
                drop(shard);
                self.board.give_back(offer);
                Eviction::Missed
            }
        }
    }
}
