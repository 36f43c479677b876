//! The slot allocator: freed slots form a stack linked through their own unused rows, so it takes no memory of its
//! own and the slot whose row is still in the processor's cache is used next.

use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed},
};

use crate::policy::{Documents, Slot};

/// The end of the stack: no slot has this number, because a table never has that many rows.
const END: Slot = Slot::MAX;

/// A Treiber stack of free slots above a count of slots never used.
// Invariant: a slot below `unused_from` is either handed out or linked from `top` exactly once.
pub(super) struct FreeSlots {
    /// Top of the stack (low half) and a tag raised by every change (high half), so that a slot popped and pushed
    /// again between another thread's read and exchange is noticed.
    top: AtomicU64,
    unused_from: AtomicU32,
    slots_max: u32,
}

impl FreeSlots {
    pub(super) fn new(slots_max: u32) -> Self {
        Self { top: AtomicU64::new(END.into()), unused_from: AtomicU32::new(0), slots_max }
    }

    /// Takes a free slot; `None` when there is none.
    pub(super) fn take(&self, documents: &Documents) -> Option<Slot> {
        // Acquire: the link below was written before the slot was pushed.
        let mut top = self.top.load(Acquire);
        while top as Slot != END {
            // Another thread may have taken the slot meanwhile and the link be nonsense; then the tag has changed.
            let next = documents.free_link(top as Slot);
            match self.top.compare_exchange_weak(top, retag(top, next), AcqRel, Acquire) {
                Ok(_) => return Some(top as Slot),
                Err(now) => top = now,
            }
        }
        self.unused_from
            .fetch_update(Relaxed, Relaxed, |slot| (slot < self.slots_max).then_some(slot + 1))
            .ok()
    }

    /// Gives a slot back. It must have been taken and not been given back since.
    pub(super) fn put(&self, documents: &Documents, slot: Slot) {
        let mut top = self.top.load(Acquire);
        loop {
            documents.set_free_link(slot, top as Slot);
            match self.top.compare_exchange_weak(top, retag(top, slot), AcqRel, Acquire) {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// Slots that were ever handed out: all slots in use are below this.
    pub(super) fn ever_used(&self) -> u32 {
        self.unused_from.load(Relaxed)
    }
}

const fn retag(top: u64, slot: Slot) -> u64 {
    ((top >> 32).wrapping_add(1) << 32) | slot as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_dense_and_the_last_freed_comes_first() {
        let (documents, slots) = (Documents::new(3), FreeSlots::new(3));
        let taken: Vec<_> = (0..4).map(|_| slots.take(&documents)).collect();
        assert_eq!(taken, [Some(0), Some(1), Some(2), None]);
        slots.put(&documents, 0);
        slots.put(&documents, 2);
        assert_eq!(
            [slots.take(&documents), slots.take(&documents), slots.take(&documents)],
            [Some(2), Some(0), None]
        );
        assert_eq!(slots.ever_used(), 3);
    }

    #[test]
    fn no_slot_is_handed_out_twice_under_contention() {
        let (documents, slots) = (Documents::new(64), FreeSlots::new(64));
        let held: Vec<AtomicU32> = (0..64).map(|_| AtomicU32::new(0)).collect();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (documents, slots, held) = (&documents, &slots, &held);
                scope.spawn(move || {
                    let mut mine = Vec::new();
                    for round in 0..20_000 {
                        if (round + thread) % 3 != 0 || mine.len() > 12 {
                            let Some(slot) = mine.pop() else { continue };
                            assert_eq!(held[slot as usize].swap(0, Relaxed), 1);
                            slots.put(documents, slot);
                        } else if let Some(slot) = slots.take(documents) {
                            assert_eq!(held[slot as usize].swap(1, Relaxed), 0);
                            mine.push(slot);
                        }
                        if mine.is_empty() {
                            mine.extend(
                                slots.take(documents).inspect(|&slot| held[slot as usize].store(1, Relaxed)),
                            );
                        }
                    }
                });
            }
        });
    }
}
