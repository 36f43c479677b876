//! ARC, adaptive replacement cache: one LRU list of documents seen once, one of those seen again, ghosts of each, and a
//! target for the first that moves towards whichever ghosts are asked for. N. Megiddo, D. S. Modha, "ARC: A self-tuning,
//! low overhead replacement cache", FAST 2003, figure 4.
//!
//! ```text
//!   insert --> [ T1, seen once ] --used--> [ T2, seen again ] <--used--.
//!                 |         ^ target p        |          `-------------'
//!               [ B1 ] -- asked for: p up   [ B2 ] -- asked for: p down; both come back into T2
//! ```
//!
//! Two things are not as in the figure. A victim is named before it is known for whom, so `p` moves after the eviction
//! that a ghost causes, not before it. And a ghost moves `p` by its size, so that bytes and documents behave alike.

use std::borrow::Cow;

use cnn_core::policy::{Event, Factory, Goal, HitEvents, Kind, Manifest, Replacement, Slot};

use crate::ghosts::Ghosts;
use crate::queues::{Discipline, Queued, Queues};

pub(crate) const FACTORY: Factory =
    Factory { manifest, build: |capacity, _| Replacement::Hooks(Box::new(Queued(Arc::new(capacity)))) };

const ONCE: usize = 0;
const AGAIN: usize = 1;
/// Ghosts of one kind per slot ever used, for a cache whose documents suddenly get tiny.
const GHOSTS_PER_SLOT_MAX: usize = 2;

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("arc"),
        summary: Cow::Borrowed(
            "least recent of those seen once or of those seen again first, as ghosts tell; adapts to scans",
        ),
        paper: Cow::Borrowed(
            "Megiddo, Modha, \"ARC: A self-tuning, low overhead replacement cache\", FAST 2003",
        ),
        kind: Kind::Hooks,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits, Goal::Bytes],
        parameters: Cow::Borrowed(&[]),
    }
}

struct Arc {
    queues: Queues,
    once_ghosts: Ghosts,
    again_ghosts: Ghosts,
    /// The bytes T1 should have, 0 to the capacity.
    target: f64,
    capacity: u64,
}

impl Arc {
    fn new(capacity: u64) -> Self {
        Self {
            queues: Queues::new(2),
            once_ghosts: Ghosts::new(capacity),
            again_ghosts: Ghosts::new(capacity),
            target: 0.0,
            capacity,
        }
    }

    /// Whether the document is a ghost of either kind; the target has moved when it was.
    fn recall(&mut self, event: &Event) -> bool {
        let (once, again) = (self.once_ghosts.bytes() as f64, self.again_ghosts.bytes() as f64);
        let size = event.size as f64;
        if self.once_ghosts.take(event.hash).is_some() {
            self.target = (self.target + size * (again / once).max(1.0)).min(self.capacity as f64);
            true
        } else if self.again_ghosts.take(event.hash).is_some() {
            self.target = (self.target - size * (once / again).max(1.0)).max(0.0);
            true
        } else {
            false
        }
    }

    /// T1 and its ghosts stay within the capacity, everything within twice that.
    fn trim(&mut self) {
        let count_max = self.queues.slots().saturating_mul(GHOSTS_PER_SLOT_MAX);
        self.once_ghosts.trim(count_max);
        self.again_ghosts.trim(count_max);
        let (once, again) = (self.queues.bytes(ONCE), self.queues.bytes(AGAIN));
        while once.saturating_add(self.once_ghosts.bytes()) > self.capacity
            && self.once_ghosts.forget_oldest()
        {}
        let all = |it: &Self| {
            once.saturating_add(again)
                .saturating_add(it.once_ghosts.bytes())
                .saturating_add(it.again_ghosts.bytes())
        };
        while all(self) > self.capacity.saturating_mul(2) && self.again_ghosts.forget_oldest() {}
    }

    /// The target in whole bytes: T1 gives when it holds more.
    fn limit(&self) -> u64 {
        self.target as u64
    }
}

impl Discipline for Arc {
    fn queues(&self) -> &Queues {
        &self.queues
    }

    fn queues_mut(&mut self) -> &mut Queues {
        &mut self.queues
    }

    fn insert(&mut self, event: &Event) {
        let list = if self.recall(event) { AGAIN } else { ONCE };
        self.queues.push(list, event.slot, event.size);
        self.trim();
    }

    fn hit(&mut self, slot: Slot, _event: &Event) {
        self.queues.move_to(AGAIN, slot);
    }

    fn import(&mut self, event: &Event) {
        let list = if event.uses > 1 { AGAIN } else { ONCE };
        self.queues.push_import(list, event.slot, event.size);
    }

    fn gone(&mut self, event: &Event, from: usize) {
        if event.is_evicted() {
            let ghosts = if from == ONCE { &mut self.once_ghosts } else { &mut self.again_ghosts };
            ghosts.push(event.hash, self.queues.size(event.slot), ());
        }
    }

    fn victim(&mut self) -> Option<Slot> {
        self.queues.offer_of_two(ONCE, self.limit(), AGAIN)
    }

    fn rank(&self, visit: &mut dyn FnMut(Slot) -> bool) {
        self.queues.rank_of_two(ONCE, self.limit(), AGAIN, visit);
    }

    fn extra_bytes(&self) -> usize {
        self.once_ghosts.state_bytes() + self.again_ghosts.state_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With room for 4.
    #[track_caller]
    fn check(moves: &str, offered: &[Slot], left: &[Slot]) {
        crate::script::check(&FACTORY, 4, moves, offered, left);
    }

    #[test]
    fn what_was_seen_once_goes_first() {
        check("+1 +2 +3 h1 v", &[2], &[3, 1]);
    }

    #[test]
    fn a_ghost_of_those_seen_once_raises_their_share() {
        // The share is one document after 1 came back: of those seen once only 4 stays to the end.
        check("+1 h1 +2 h2 +3 +4 v +5 v +3", &[3, 4], &[1, 2, 3, 5]);
        check("+1 h1 +2 h2 +3 +4 v +5 v", &[3, 4], &[5, 1, 2]);
    }

    #[test]
    fn a_ghost_of_those_seen_again_lowers_it() {
        check("+1 h1 +2 h2 +3 +4 v +5 v +3 v +1", &[3, 4, 1], &[5, 2, 3, 1]);
    }

    #[test]
    fn a_returned_document_counts_as_seen_again() {
        check("+1 +2 o r1", &[1], &[2, 1]);
    }

    #[test]
    fn imports_go_by_their_uses() {
        check("+1 I2 i3 h1", &[], &[3, 2, 1]);
    }
}
