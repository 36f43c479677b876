//! SIEVE: a queue in order of arrival and a hand that walks it from the oldest end to the newest, sparing what was
//! visited since it last came by. Y. Zhang, J. Yang, Y. Yue, Y. Vigfusson, K. V. Rashmi, "SIEVE is Simpler than LRU:
//! an Efficient Turn-Key Eviction Algorithm for Web Caches", NSDI 2024.
//!
//! ```text
//!   oldest                                   newest
//!   [ 1 ] [ 0 ] [ 1 ] [ 0 ] [ 1 ] [ 0 ] [ 0 ]  <- insert, not visited
//!     kept: bit cleared  ^
//!                      hand: the next not visited goes, then the hand stands on its newer neighbour
//! ```
//!
//! A hit writes one byte and moves nothing. Imported documents lie below the rest; those used more than once count as
//! visited. The hand goes back to where they lie, so that the leftovers of the previous policy are looked at first.

use std::borrow::Cow;

use cnn_core::policy::{
    Context, Event, EventKind, Factory, Goal, HitEvents, HookPolicy, Kind, Manifest, Paged, Replacement, Slot,
};

use crate::list::{self, Links, List, NONE, PAGE_SLOTS};

pub(crate) const FACTORY: Factory =
    Factory { manifest, build: |_, _| Replacement::Hooks(Box::new(Sieve::new())) };

/// Bits of a slot's state: it is in the queue, was visited, and lies where imports are put.
const QUEUED: u8 = 1;
const VISITED: u8 = 2;
const IMPORTED: u8 = 4;

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("sieve"),
        summary: Cow::Borrowed(
            "oldest not used since first; for web traffic at the least cost per hit, but not for scans",
        ),
        paper: Cow::Borrowed(
            "Zhang, Yang, Yue, Vigfusson, Rashmi, \"SIEVE is Simpler than LRU: an Efficient Turn-Key Eviction \
             Algorithm for Web Caches\", NSDI 2024",
        ),
        kind: Kind::Hooks,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits, Goal::Bytes],
        parameters: Cow::Borrowed(&[]),
    }
}

struct Sieve {
    links: Links,
    state: Paged<u8, PAGE_SLOTS>,
    queue: List,
    // Invariant: a queued slot, or NONE: the walk begins at the oldest end.
    hand: Slot,
}

impl Sieve {
    fn new() -> Self {
        Self { links: Links::new(), state: Paged::new(0, 0), queue: List::new(), hand: NONE }
    }

    fn is_queued(&self, slot: Slot) -> bool {
        self.state.get(slot as usize) & QUEUED != 0
    }

    fn visit(&mut self, slot: Slot) {
        let state = self.state.get(slot as usize);
        if state & QUEUED != 0 {
            self.state.set(slot as usize, state | VISITED);
        }
    }

    fn insert(&mut self, slot: Slot) {
        self.state.set(slot as usize, QUEUED);
        self.links.push_newest(&mut self.queue, slot);
    }

    /// The hand has just passed the document, and it was used since.
    fn put_back(&mut self, slot: Slot) {
        // No state at all when there is no hand.
        let imported = self.state.get(self.hand as usize) & IMPORTED;
        self.state.set(slot as usize, QUEUED | VISITED | imported);
        if self.hand == NONE {
            self.links.push_newest(&mut self.queue, slot);
        } else {
            self.links.push_older_than(&mut self.queue, self.hand, slot);
        }
    }

    fn import(&mut self, slot: Slot, uses: u32) {
        let visited = if uses > 1 { VISITED } else { 0 };
        self.state.set(slot as usize, QUEUED | IMPORTED | visited);
        self.links.push_import(&mut self.queue, slot);
        if self.state.get(self.hand as usize) & IMPORTED == 0 {
            self.hand = slot;
        }
    }

    fn remove(&mut self, slot: Slot) {
        if self.hand == slot {
            self.hand = self.links.newer(slot);
        }
        self.links.unlink(&mut self.queue, slot);
        self.state.set(slot as usize, 0);
    }
}

impl HookPolicy for Sieve {
    fn on_event(&mut self, context: &Context<'_>, event: &Event) {
        let Some(kind) = event.kind() else { return };
        let slot = event.slot;
        match kind {
            EventKind::Hit => self.visit(slot),
            EventKind::Update => {}
            EventKind::Remove if self.is_queued(slot) => self.remove(slot),
            EventKind::Remove => {}
            EventKind::Insert if self.is_queued(slot) => {
                self.remove(slot);
                self.insert(slot);
            }
            EventKind::Return if self.is_queued(slot) => self.visit(slot),
            EventKind::Import if self.is_queued(slot) => {}
            EventKind::Insert | EventKind::Return | EventKind::Import
                if !list::is_possible(context, slot) => {}
            EventKind::Insert => self.insert(slot),
            EventKind::Return => self.put_back(slot),
            EventKind::Import => self.import(slot, event.uses),
        }
    }

    fn victim(&mut self, _context: &Context<'_>) -> Option<Slot> {
        if self.queue.is_empty() {
            return None;
        }
        let mut at = if self.hand == NONE { self.queue.oldest() } else { self.hand };
        while self.state.get(at as usize) & VISITED != 0 {
            *self.state.at(at as usize) &= !VISITED;
            let newer = self.links.newer(at);
            at = if newer == NONE { self.queue.oldest() } else { newer };
        }
        self.hand = at;
        self.remove(at);
        Some(at)
    }

    /// Two rounds of the hand: what was not visited goes in the first, the rest in the second.
    fn rank(&self, _context: &Context<'_>, visit: &mut dyn FnMut(Slot) -> bool) {
        let start = if self.hand == NONE { self.queue.oldest() } else { self.hand };
        for round in [0, VISITED] {
            let to_newest = self.links.from(start);
            let from_oldest = self.links.from(self.queue.oldest()).take_while(|&slot| slot != start);
            let mut in_order =
                to_newest.chain(from_oldest).filter(|&slot| self.state.get(slot as usize) & VISITED == round);
            if !in_order.all(&mut *visit) {
                return;
            }
        }
    }

    fn len(&self) -> usize {
        self.queue.len()
    }

    fn state_bytes(&self) -> usize {
        self.links.state_bytes() + self.state.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(moves: &str, offered: &[Slot], left: &[Slot]) {
        crate::script::check(&FACTORY, 10, moves, offered, left);
    }

    #[test]
    fn the_hand_spares_what_was_visited_and_moves_on() {
        check("+1 +2 +3 +4 +5 +6 +7 h1 h2 h7 v +8 h1 h4 v +9 h2", &[3, 5], &[6, 8, 9, 4, 7, 1, 2]);
    }

    #[test]
    fn all_visited_is_as_none_visited() {
        check("+1 +2 +3 h1 h2 h3 v v", &[1, 2], &[3]);
    }

    #[test]
    fn the_hand_moves_on_when_its_document_is_removed() {
        check("+1 +2 +3 +4 v -2 v", &[1, 3], &[4]);
        check("+1 +2 v -2 +3", &[1], &[3]);
    }

    #[test]
    fn a_returned_document_is_where_it_was_with_the_hand_past_it() {
        check("+1 +2 +3 o r1 v", &[1, 2], &[3, 1]);
        check("+1 +2 +3 v v o r3 +4", &[1, 2, 3], &[4, 3]);
    }

    #[test]
    fn imports_are_looked_at_first_and_those_used_before_are_spared_once() {
        check("+1 +2 +3 v I4 i5 i6 v v", &[1, 5, 6], &[2, 3, 4]);
        check("i1 i2 +3 v I4", &[1], &[2, 3, 4]);
    }
}
