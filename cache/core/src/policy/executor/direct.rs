//! What happens, at the moment it happens: the executor's part of [`crate::policy::Direct`]. The same steps as for
//! events told through the board, without what stands between two threads: no offer outlives the call it is made in, and
//! no event can be older than the columns.

use super::{Executor, Owner};
use crate::policy::limits::{FALLBACK_WALK, TURN_IMPORTS};
use crate::policy::order::Victim;
use crate::policy::{Context, Document, Event, EventKind, Flags, Slot};
use crate::time::Tick;

impl Executor {
    /// A document is stored in a free slot.
    #[inline]
    pub(in crate::policy) fn insert_now(&mut self, slot: Slot, document: &Document) {
        let documents = self.board.documents();
        documents.set(slot, document);
        let generation = documents.generation(slot);
        let event = Event {
            slot,
            kind: EventKind::Insert as u8,
            flags: 0,
            mime: document.mime as u8,
            reserved: 0,
            hash: document.hash,
            size: document.size,
            fetch_us: document.fetch_us,
            uses: document.uses,
        };
        self.place(&event, generation);
    }

    /// A document was used. Where no order drains, the deciding one has it.
    #[inline]
    pub(in crate::policy) fn hit_now(&mut self, slot: Slot, is_draining: bool) {
        let event = self.board.documents().touch_event(slot, self.now);
        if is_draining {
            let generation = self.board.documents().generation(slot);
            self.hit_told(&event, generation);
        } else {
            self.touch_deciding(&event);
        }
    }

    /// A document has another size.
    pub(in crate::policy) fn update_now(&mut self, slot: Slot, size: u64, fresh_until: Tick) {
        let documents = self.board.documents();
        documents.renew(slot, size, fresh_until);
        let event = documents.event(slot, EventKind::Update, 0);
        let generation = documents.generation(slot);
        self.updated(&event, generation);
    }

    /// A document is gone without having been evicted.
    pub(in crate::policy) fn remove_now(&mut self, slot: Slot) {
        let documents = self.board.documents();
        let event = documents.event(slot, EventKind::Remove, 0);
        let generation = documents.generation(slot);
        documents.remove(slot);
        self.removed(&event, generation);
    }

    /// Evicts the next document; `None` when there is none.
    #[inline]
    pub(in crate::policy) fn evict_now(&mut self, is_draining: bool) -> Option<Event> {
        if is_draining {
            self.carry_in_turn(TURN_IMPORTS);
        }
        let (victim, serial) = match self.choose() {
            Some(chosen) => chosen,
            None => self.choose_again(is_draining)?,
        };
        self.deciding.held -= 1;
        self.owners.pass(victim.slot, Owner::Nobody);
        let documents = self.board.documents();
        let event = documents.event(victim.slot, EventKind::Remove, Flags::EVICTED);
        documents.remove(victim.slot);
        if serial == self.deciding.serial {
            let context = Context { documents, now: self.now };
            self.deciding.order.victim_gone(&context, &event, victim.value);
        }
        Some(event)
    }

    /// A victim, also from policies that return none although they hold some: the search over their heads is bounded
    /// and goes on where it stopped, so that it has seen every slot after so many times.
    #[cold]
    fn choose_again(&mut self, is_draining: bool) -> Option<(Victim, u64)> {
        let searches = self.board.slots_ever_used() / FALLBACK_WALK as u32 + 2;
        for _ in 0..searches {
            if is_draining {
                self.carry_in_turn(TURN_IMPORTS);
            } else if self.deciding.held == 0 {
                return None;
            }
            if let Some(chosen) = self.choose() {
                return Some(chosen);
            }
        }
        None
    }
}
