//! LIRS: documents with a short time between their uses (LIR) hold nearly all of the cache, the others (HIR) pass through
//! a short queue. S. Jiang, X. Zhang, "LIRS: An efficient low inter-reference recency set replacement policy to improve
//! buffer cache performance", SIGMETRICS 2002.
//!
//! The paper keeps a stack S of everything used since the LIR document that was used longest ago, and prunes what falls
//! below it. What matters of S is only whether something is in it, and it is exactly when it was used later than that
//! document; so each document and ghost has the number of its last use instead, the LIR documents are an LRU list, and
//! nothing is ever pruned in bursts.
//!
//! ```text
//!   insert, S knows it  --> [ LIR, 99 % ] <-- used, in S --.
//!                               | full: the oldest         |
//!                               v                          |
//!   insert, S does not  --> [ HIR, the queue Q ] ----------'--> gone: a ghost while it would be in S
//! ```
//!
//! While LIR has room, what comes is LIR, as in the paper. Imports are LIR while there is room when they were used before.

use std::borrow::Cow;

use cnn_core::policy::{
    Event, Factory, Goal, HitEvents, Kind, Manifest, Paged, Parameter, Replacement, Settings, Slot,
};

use crate::ghosts::Ghosts;
use crate::list::PAGE_SLOTS;
use crate::queues::{Discipline, Queued, Queues, share};

pub(crate) const FACTORY: Factory = Factory {
    manifest,
    build: |capacity, settings| Replacement::Hooks(Box::new(Queued(Lirs::new(capacity, settings)))),
};

const PARAMETERS: &[Parameter] = &[
    Parameter::real(
        "hir",
        0.01,
        0.0,
        0.9,
        "share of the capacity for documents not used twice in short time",
    ),
    Parameter::real("ghosts", 1.0, 0.0, 8.0, "bytes remembered of what left, in capacities"),
];

const LIR: usize = 0;
const HIR: usize = 1;
/// The first use has this number; below it there is room for imports, which count as used before everything.
const FIRST_USE: u64 = 1 << 40;
/// Ghosts per slot ever used, for a cache whose documents suddenly get tiny.
const GHOSTS_PER_SLOT_MAX: usize = 9;

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("lirs"),
        summary: Cow::Borrowed("not used twice within the span of the others first; for loops and scans"),
        paper: Cow::Borrowed(
            "Jiang, Zhang, \"LIRS: An efficient low inter-reference recency set replacement policy to improve \
             buffer cache performance\", SIGMETRICS 2002",
        ),
        kind: Kind::Hooks,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits],
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

struct Lirs {
    queues: Queues,
    /// The number of each document's last use.
    used: Paged<u64, PAGE_SLOTS>,
    /// With the number of the last use, in the order they went.
    ghosts: Ghosts<u64>,
    lir_max: u64,
    uses: u64,
    imports: u64,
}

impl Lirs {
    fn new(capacity: u64, settings: &Settings) -> Self {
        Self {
            queues: Queues::new(2),
            used: Paged::new(0, 0),
            ghosts: Ghosts::new(share(capacity, settings.get("ghosts"))),
            // At least one byte (or document) is for HIR.
            lir_max: capacity.saturating_sub(share(capacity, settings.get("hir")).max(1)),
            uses: FIRST_USE,
            imports: 0,
        }
    }

    /// Whether what was used last at this number is in the stack.
    fn is_in_stack(&self, used: u64) -> bool {
        self.queues.oldest(LIR).is_some_and(|slot| used > self.used.get(slot as usize))
    }

    fn has_room(&self, size: u64) -> bool {
        self.queues.bytes(LIR).saturating_add(size) <= self.lir_max
    }

    fn use_now(&mut self, slot: Slot) {
        self.uses += 1;
        self.used.set(slot as usize, self.uses);
    }

    /// Turns the oldest LIR documents into HIR until the others fit.
    fn demote(&mut self) {
        while self.queues.bytes(LIR) > self.lir_max
            && let Some(slot) = self.queues.oldest(LIR)
        {
            self.queues.move_to(HIR, slot);
        }
    }

    /// Ghosts that are not in the stack any more say nothing.
    fn trim(&mut self) {
        self.ghosts.trim(self.queues.slots().saturating_mul(GHOSTS_PER_SLOT_MAX));
        while self.ghosts.oldest().is_some_and(|used| !self.is_in_stack(used)) {
            self.ghosts.forget_oldest();
        }
    }
}

impl Discipline for Lirs {
    fn queues(&self) -> &Queues {
        &self.queues
    }

    fn queues_mut(&mut self) -> &mut Queues {
        &mut self.queues
    }

    fn insert(&mut self, event: &Event) {
        let is_known = self.ghosts.take(event.hash).is_some_and(|used| self.is_in_stack(used));
        let list = if is_known || self.has_room(event.size) { LIR } else { HIR };
        self.queues.push(list, event.slot, event.size);
        self.use_now(event.slot);
        self.demote();
        self.trim();
    }

    fn hit(&mut self, slot: Slot, _event: &Event) {
        let is_lir = self.queues.list_of(slot) == Some(LIR) || self.is_in_stack(self.used.get(slot as usize));
        self.queues.move_to(if is_lir { LIR } else { HIR }, slot);
        self.use_now(slot);
        self.demote();
    }

    fn import(&mut self, event: &Event) {
        let list = if event.uses > 1 && self.has_room(event.size) { LIR } else { HIR };
        self.queues.push_import(list, event.slot, event.size);
        self.imports = (self.imports + 1).min(FIRST_USE);
        self.used.set(event.slot as usize, self.imports);
    }

    fn gone(&mut self, event: &Event, _from: usize) {
        let used = self.used.get(event.slot as usize);
        if event.is_evicted() && self.is_in_stack(used) {
            self.ghosts.push(event.hash, self.queues.size(event.slot), used);
        }
    }

    fn victim(&mut self) -> Option<Slot> {
        self.queues.offer_oldest(HIR).or_else(|| self.queues.offer_oldest(LIR))
    }

    fn rank(&self, visit: &mut dyn FnMut(Slot) -> bool) {
        self.queues.iter(HIR).chain(self.queues.iter(LIR)).all(visit);
    }

    fn extra_bytes(&self) -> usize {
        self.used.bytes() + self.ghosts.state_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With room for 4: three LIR documents, one HIR.
    #[track_caller]
    fn check(moves: &str, offered: &[Slot], left: &[Slot]) {
        crate::script::check(&FACTORY, 4, moves, offered, left);
    }

    #[test]
    fn the_first_documents_are_lir_and_later_ones_pass_through_the_queue() {
        check("+1 +2 +3 +4 v +5 v +6", &[4, 5], &[6, 1, 2, 3]);
    }

    #[test]
    fn a_hir_document_used_again_within_the_stack_becomes_lir_for_the_oldest() {
        check("+1 +2 +3 +4 h4 v", &[1], &[2, 3, 4]);
    }

    #[test]
    fn a_hir_document_used_again_below_the_stack_stays_hir() {
        check("+1 +2 +3 +4 h1 h2 h3 h4 v", &[4], &[1, 2, 3]);
        check("+1 +2 +3 +4 h1 h2 h3 h4 h4", &[], &[1, 2, 3, 4]);
    }

    #[test]
    fn a_ghost_in_the_stack_comes_back_as_lir() {
        check("+1 +2 +3 +4 v +5 v +4", &[4, 5], &[1, 2, 3, 4]);
        check("+1 +2 +3 +4 v h1 h2 h3 +5 v +4", &[4, 5], &[4, 1, 2, 3]);
    }

    #[test]
    fn imports_used_before_are_lir_while_there_is_room() {
        check("+1 +2 i3 I4 I5", &[], &[3, 5, 4, 1, 2]);
    }
}
