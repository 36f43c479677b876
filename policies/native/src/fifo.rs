//! FIFO: the document stored first goes first, however often it was used. L. A. Belady, "A study of replacement
//! algorithms for a virtual-storage computer", IBM Systems Journal 5(2), 1966.
//!
//! A document the host would not give up starts a new round at the newest end: left at the oldest it would be offered
//! again at once, and for as long as it is pinned.

use std::borrow::Cow;

use cnn_core::policy::{
    Context, Event, EventKind, Factory, Goal, HitEvents, HookPolicy, Kind, Manifest, Replacement, Slot,
};

use crate::list::{self, Links, List};

pub(crate) const FACTORY: Factory =
    Factory { manifest, build: |_, _| Replacement::Hooks(Box::new(Fifo::new())) };

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("fifo"),
        summary: Cow::Borrowed(
            "first stored first; the cheapest, and the baseline the others are measured by",
        ),
        paper: Cow::Borrowed(
            "Belady, \"A study of replacement algorithms for a virtual-storage computer\", \
             IBM Systems Journal 5(2), 1966",
        ),
        kind: Kind::Hooks,
        hit_events: HitEvents::Unneeded,
        goals: &[Goal::Hits],
        parameters: Cow::Borrowed(&[]),
    }
}

struct Fifo {
    links: Links,
    queue: List,
}

impl Fifo {
    fn new() -> Self {
        Self { links: Links::new(), queue: List::new() }
    }
}

impl HookPolicy for Fifo {
    fn on_event(&mut self, context: &Context<'_>, event: &Event) {
        let Some(kind) = event.kind() else { return };
        let slot = event.slot;
        let is_known = self.links.is_linked(slot);
        match kind {
            EventKind::Insert if is_known => self.links.move_to_newest(&mut self.queue, slot),
            EventKind::Remove if is_known => self.links.unlink(&mut self.queue, slot),
            EventKind::Insert | EventKind::Return if !is_known && list::is_possible(context, slot) => {
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
    fn the_first_stored_goes_first_however_often_it_is_used() {
        check("+1 +2 +3 h1 h1 v -3", &[1], &[2]);
        check("+1 +2 +1", &[], &[2, 1]);
    }

    #[test]
    fn an_import_lies_below_what_was_stored_since() {
        check("+1 i2 i3 h2 i4", &[], &[2, 3, 4, 1]);
    }

    #[test]
    fn a_returned_document_starts_a_new_round() {
        check("+1 +2 o r1", &[1], &[2, 1]);
        check("+1 +2 r1", &[], &[1, 2]);
    }
}
