//! QD-LP-FIFO, quick demotion and lazy promotion: a small probationary FIFO before a main CLOCK with a counter of two
//! bits. What was used on probation goes to main when it comes to the end, the rest is remembered for a while and goes to
//! main at once when it comes back. J. Yang, Z. Qiu, Y. Zhang, Y. Yue, K. V. Rashmi, "FIFO can be better than LRU: the
//! power of lazy promotion and quick demotion", HotOS 2023. S3-FIFO is what became of it.

use std::borrow::Cow;
use std::collections::VecDeque;

use cnn_core::policy::{
    Event, Factory, Goal, HitEvents, Kind, Manifest, Parameter, Replacement, Settings, Slot,
};

use crate::ghosts::Ghosts;
use crate::queues::{Discipline, Queued, Queues, share};

pub(crate) const FACTORY: Factory = Factory {
    manifest,
    build: |capacity, settings| Replacement::Hooks(Box::new(Queued(QdLp::new(capacity, settings)))),
};

const PARAMETERS: &[Parameter] = &[
    Parameter::real("probation", 0.1, 0.0, 1.0, "share of the capacity of the probationary queue"),
    Parameter::real("ghosts", 0.9, 0.0, 8.0, "bytes remembered of what left it, in capacities"),
];

const PROBATION: usize = 0;
const MAIN: usize = 1;
/// Uses are counted up to this, two bits.
const USES_MAX: u32 = 3;
/// Ghosts per slot ever used, as for S3-FIFO.
const GHOSTS_PER_SLOT_MAX: usize = 9;

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("qd-lp"),
        summary: Cow::Borrowed("not used on probation first; s3-fifo's forerunner, quicker to promote"),
        paper: Cow::Borrowed(
            "Yang, Qiu, Zhang, Yue, Rashmi, \"FIFO can be better than LRU: the power of lazy promotion and quick \
             demotion\", HotOS 2023",
        ),
        kind: Kind::Hooks,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits, Goal::Bytes],
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

struct QdLp {
    queues: Queues,
    ghosts: Ghosts,
    main_max: u64,
}

impl QdLp {
    fn new(capacity: u64, settings: &Settings) -> Self {
        Self {
            queues: Queues::new(2),
            ghosts: Ghosts::new(share(capacity, settings.get("ghosts"))),
            main_max: capacity.saturating_sub(share(capacity, settings.get("probation"))),
        }
    }

    fn has_room_in_main(&self, size: u64) -> bool {
        self.queues.bytes(MAIN).saturating_add(size) <= self.main_max
    }

    fn promote(&mut self, slot: Slot) {
        self.queues.move_to(MAIN, slot);
        self.queues.set_count(slot, 0);
    }

    fn victim_of_main(&mut self) -> Option<Slot> {
        while let Some(slot) = self.queues.oldest(MAIN) {
            let uses = self.queues.count(slot);
            if uses == 0 {
                return Some(self.queues.offer(slot));
            }
            self.queues.set_count(slot, uses - 1);
            self.queues.move_to(MAIN, slot);
        }
        None
    }
}

impl Discipline for QdLp {
    fn queues(&self) -> &Queues {
        &self.queues
    }

    fn queues_mut(&mut self) -> &mut Queues {
        &mut self.queues
    }

    fn insert(&mut self, event: &Event) {
        let list = if self.ghosts.take(event.hash).is_some() { MAIN } else { PROBATION };
        self.queues.push(list, event.slot, event.size);
        self.ghosts.trim(self.queues.slots().saturating_mul(GHOSTS_PER_SLOT_MAX));
    }

    fn hit(&mut self, slot: Slot, _event: &Event) {
        self.queues.count_up(slot, USES_MAX);
    }

    fn import(&mut self, event: &Event) {
        let list = if event.uses > 1 { MAIN } else { PROBATION };
        self.queues.push_import(list, event.slot, event.size);
    }

    /// As a ghost that is met again.
    fn put_back(&mut self, event: &Event, _from: usize) {
        self.queues.push(MAIN, event.slot, event.size);
    }

    fn gone(&mut self, event: &Event, from: usize) {
        if event.is_evicted() && from == PROBATION {
            self.ghosts.push(event.hash, self.queues.size(event.slot), ());
        }
    }

    /// The oldest on probation, unless it was used: then it goes to main, and main gives the victim when it is full.
    fn victim(&mut self) -> Option<Slot> {
        while let Some(slot) = self.queues.oldest(PROBATION) {
            if self.queues.count(slot) == 0 {
                return Some(self.queues.offer(slot));
            }
            let size = self.queues.size(slot);
            if !self.has_room_in_main(size)
                && let Some(victim) = self.victim_of_main()
            {
                if self.has_room_in_main(size) {
                    self.promote(slot);
                }
                return Some(victim);
            }
            self.promote(slot);
        }
        self.victim_of_main()
    }

    /// Plays the evictions through on the side.
    fn rank(&self, visit: &mut dyn FnMut(Slot) -> bool) {
        let mut probation = self.queues.iter(PROBATION).peekable();
        let mut main: VecDeque<_> =
            self.queues.iter(MAIN).map(|slot| (slot, self.queues.count(slot))).collect();
        let mut main_bytes = self.queues.bytes(MAIN);
        let has_room = |main_bytes: u64, size: u64| main_bytes.saturating_add(size) <= self.main_max;
        loop {
            let mut victim = None;
            while let Some(&slot) = probation.peek() {
                if self.queues.count(slot) == 0 {
                    victim = probation.next();
                    break;
                }
                let size = self.queues.size(slot);
                if !has_room(main_bytes, size)
                    && let Some(taken) = next_round(&mut main)
                {
                    victim = Some(taken);
                    main_bytes = main_bytes.wrapping_sub(self.queues.size(taken));
                    if !has_room(main_bytes, size) {
                        break;
                    }
                }
                main.extend(probation.next().map(|slot| (slot, 0)));
                main_bytes = main_bytes.wrapping_add(size);
                if victim.is_some() {
                    break;
                }
            }
            let Some(slot) = victim.or_else(|| next_round(&mut main)) else { return };
            if !visit(slot) {
                return;
            }
        }
    }

    fn extra_bytes(&self) -> usize {
        self.ghosts.state_bytes()
    }
}

/// The next victim of a CLOCK.
fn next_round(clock: &mut VecDeque<(Slot, u32)>) -> Option<Slot> {
    while let Some((slot, uses)) = clock.pop_front() {
        if uses == 0 {
            return Some(slot);
        }
        clock.push_back((slot, uses - 1));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With room for 10: 1 on probation, 9 in main, 9 ghosts.
    #[track_caller]
    fn check(moves: &str, offered: &[Slot], left: &[Slot]) {
        crate::script::check(&FACTORY, 10, moves, offered, left);
    }

    #[test]
    fn one_use_on_probation_is_enough() {
        check("+1 +2 +3 h1 v", &[2], &[3, 1]);
    }

    #[test]
    fn what_comes_back_goes_to_main_at_once() {
        check("+1 +2 v +1 v", &[1, 2], &[1]);
    }

    #[test]
    fn a_full_main_queue_gives_the_victim() {
        check("I1:9 +2 h2 v", &[1], &[2]);
        check("I1:4 I3:5 h1 +2 h2 v", &[3], &[1, 2]);
    }

    #[test]
    fn a_returned_document_goes_to_main() {
        check("+1 +2 o r1", &[1], &[2, 1]);
    }
}
