//! LRU: the least recently used document goes first. R. L. Mattson, J. Gecsei, D. R. Slutz, I. L. Traiger,
//! "Evaluation techniques for storage hierarchies", IBM Systems Journal 9(2), 1970, where it is the first of the stack
//! algorithms.
//!
//! Exact, not sampled: one list in order of last use, 8 bytes per slot.

use std::borrow::Cow;

use cnn_core::policy::{
    Context, Event, EventKind, Factory, Goal, HitEvents, HookPolicy, Kind, Manifest, Replacement, Slot,
};

use crate::list::{self, Links, List};

pub(crate) const FACTORY: Factory =
    Factory { manifest, build: |_, _| Replacement::Hooks(Box::new(Lru::new())) };

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("lru"),
        summary: Cow::Borrowed(
            "least recently used first; the plain choice while nothing is known of the traffic",
        ),
        paper: Cow::Borrowed(
            "Mattson, Gecsei, Slutz, Traiger, \"Evaluation techniques for storage hierarchies\", \
             IBM Systems Journal 9(2), 1970",
        ),
        kind: Kind::Hooks,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits, Goal::Bytes],
        parameters: Cow::Borrowed(&[]),
    }
}

struct Lru {
    links: Links,
    queue: List,
}

impl Lru {
    fn new() -> Self {
        Self { links: Links::new(), queue: List::new() }
    }
}

impl HookPolicy for Lru {
    fn on_event(&mut self, context: &Context<'_>, event: &Event) {
        let Some(kind) = event.kind() else { return };
        let slot = event.slot;
        let is_known = self.links.is_linked(slot);
        match kind {
            EventKind::Hit | EventKind::Insert | EventKind::Return if is_known => {
                self.links.move_to_newest(&mut self.queue, slot);
            }
            EventKind::Remove if is_known => self.links.unlink(&mut self.queue, slot),
            EventKind::Insert | EventKind::Return if list::is_possible(context, slot) => {
                self.links.push_newest(&mut self.queue, slot);
            }
            EventKind::Import if !is_known && list::is_possible(context, slot) => {
                self.links.push_import(&mut self.queue, slot);
            }
            _ => {}
        }
    }

    fn victim(&mut self, _context: &Context<'_>) -> Option<Slot> {
        self.links.pop_oldest(&mut self.queue)
    }

    fn rank(&self, _context: &Context<'_>, visit: &mut dyn FnMut(Slot) -> bool) {
        self.links.from(self.queue.oldest()).all(visit);
    }

    fn len(&self) -> usize {
        self.queue.len()
    }

    fn state_bytes(&self) -> usize {
        self.links.state_bytes()
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
    fn the_least_recently_used_goes_first() {
        check("+1 +2 +3 h1 v +4 h3 v", &[2, 1], &[4, 3]);
        check("+1 +2 +3 h1 h9 u2 -3", &[], &[2, 1]);
    }

    #[test]
    fn an_import_lies_below_what_was_touched_and_above_earlier_imports() {
        check("+1 i2 i3 h2 i4 v", &[3], &[4, 1, 2]);
    }

    #[test]
    fn a_returned_document_counts_as_used() {
        check("+1 +2 +3 o h1 r1", &[1], &[2, 3, 1]);
        check("+1 +2 r1", &[], &[2, 1]);
    }
}
