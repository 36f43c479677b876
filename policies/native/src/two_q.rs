//! 2Q: newcomers pass through a FIFO; those asked for again after they left it, while they are still remembered, go to
//! an LRU list. T. Johnson, D. Shasha, "2Q: A low overhead high performance buffer management replacement algorithm",
//! VLDB 1994, the full version.
//!
//! ```text
//!   insert --> [ A1in, a quarter ] --> gone, remembered in [ A1out, half ] --asked for again--> [ Am ] --> gone
//! ```

use std::borrow::Cow;

use cnn_core::policy::{
    Event, Factory, Goal, HitEvents, Kind, Manifest, Parameter, Replacement, Settings, Slot,
};

use crate::ghosts::Ghosts;
use crate::queues::{Discipline, Queued, Queues, share};

pub(crate) const FACTORY: Factory = Factory {
    manifest,
    build: |capacity, settings| Replacement::Hooks(Box::new(Queued(TwoQ::new(capacity, settings)))),
};

const PARAMETERS: &[Parameter] = &[
    Parameter::real("in", 0.25, 0.0, 1.0, "share of the capacity of the queue of newcomers"),
    Parameter::real("out", 0.5, 0.0, 8.0, "bytes remembered of what left it, in capacities"),
];

const IN: usize = 0;
const MAIN: usize = 1;
/// Ghosts per slot ever used: with documents of one size there are at most eight times as many as documents.
const GHOSTS_PER_SLOT_MAX: usize = 8;

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("2q"),
        summary: Cow::Borrowed("not asked for again after its first stay first; LRU that resists scans"),
        paper: Cow::Borrowed(
            "Johnson, Shasha, \"2Q: A low overhead high performance buffer management replacement algorithm\", \
             VLDB 1994",
        ),
        kind: Kind::Hooks,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits, Goal::Bytes],
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

struct TwoQ {
    queues: Queues,
    in_max: u64,
    out: Ghosts,
}

impl TwoQ {
    fn new(capacity: u64, settings: &Settings) -> Self {
        Self {
            queues: Queues::new(2),
            in_max: share(capacity, settings.get("in")),
            out: Ghosts::new(share(capacity, settings.get("out"))),
        }
    }
}

impl Discipline for TwoQ {
    fn queues(&self) -> &Queues {
        &self.queues
    }

    fn queues_mut(&mut self) -> &mut Queues {
        &mut self.queues
    }

    fn insert(&mut self, event: &Event) {
        let list = if self.out.take(event.hash).is_some() { MAIN } else { IN };
        self.queues.push(list, event.slot, event.size);
        self.out.trim(self.queues.slots().saturating_mul(GHOSTS_PER_SLOT_MAX));
    }

    /// A use of a newcomer says nothing yet: it may be part of the same burst.
    fn hit(&mut self, slot: Slot, _event: &Event) {
        if self.queues.list_of(slot) == Some(MAIN) {
            self.queues.move_to(MAIN, slot);
        }
    }

    fn import(&mut self, event: &Event) {
        let list = if event.uses > 1 { MAIN } else { IN };
        self.queues.push_import(list, event.slot, event.size);
    }

    /// As one that is asked for again.
    fn put_back(&mut self, event: &Event, _from: usize) {
        self.queues.push(MAIN, event.slot, event.size);
    }

    fn gone(&mut self, event: &Event, from: usize) {
        if event.is_evicted() && from == IN {
            self.out.push(event.hash, self.queues.size(event.slot), ());
        }
    }

    fn victim(&mut self) -> Option<Slot> {
        self.queues.offer_of_two(IN, self.in_max, MAIN)
    }

    fn rank(&self, visit: &mut dyn FnMut(Slot) -> bool) {
        self.queues.rank_of_two(IN, self.in_max, MAIN, visit);
    }

    fn extra_bytes(&self) -> usize {
        self.out.state_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With room for 8: two newcomers, four ghosts.
    #[track_caller]
    fn check(moves: &str, offered: &[Slot], left: &[Slot]) {
        crate::script::check(&FACTORY, 8, moves, offered, left);
    }

    #[test]
    fn a_newcomer_is_not_saved_by_its_uses() {
        check("+1 +2 +3 h1 h1 v", &[1], &[2, 3]);
    }

    #[test]
    fn what_comes_back_while_remembered_goes_to_the_main_queue() {
        check("+1 +2 +3 v +1 v", &[1, 1], &[2, 3]);
        check("+1 +2 +3 v -2 -3 +4 +1 +5", &[1], &[1, 4, 5]);
    }

    #[test]
    fn a_returned_document_goes_to_the_main_queue() {
        check("+1 +2 +3 o r1", &[1], &[1, 2, 3]);
    }

    #[test]
    fn an_import_used_before_goes_to_the_main_queue() {
        check("+1 i2 I3 +4", &[], &[2, 3, 1, 4]);
    }
}
