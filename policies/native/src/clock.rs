//! CLOCK: a queue in order of arrival in which what was used since it last came by goes round once more. F. J. Corbató,
//! "A paging experiment with the Multics system", in "In Honor of P. M. Morse", MIT Press, 1969.
//!
//! With `bits` above one the mark is a counter, and a document goes round once for each use it counts (generalised
//! CLOCK: A. J. Smith, "Sequentiality and prefetching in database systems", ACM TODS 3(3), 1978). A hit writes one
//! number and moves nothing.

use std::borrow::Cow;
use std::collections::VecDeque;

use cnn_core::policy::{
    Event, Factory, Goal, HitEvents, Kind, Manifest, Parameter, Replacement, Settings, Slot,
};

use crate::queues::{Discipline, Queued, Queues};

pub(crate) const FACTORY: Factory =
    Factory { manifest, build: |_, settings| Replacement::Hooks(Box::new(Queued(Clock::new(settings)))) };

const PARAMETERS: &[Parameter] = &[Parameter::whole("bits", 1, 1, 8, "bits of the counter of uses")];

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("clock"),
        summary: Cow::Borrowed("oldest not used since it last came by first; LRU's hits at the cost of FIFO"),
        paper: Cow::Borrowed(
            "Corbató, \"A paging experiment with the Multics system\", In Honor of P. M. Morse, MIT Press, 1969",
        ),
        kind: Kind::Hooks,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits, Goal::Bytes],
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

struct Clock {
    queues: Queues,
    uses_max: u32,
}

impl Clock {
    fn new(settings: &Settings) -> Self {
        Self { queues: Queues::new(1), uses_max: (1 << settings.get("bits") as u32) - 1 }
    }
}

impl Discipline for Clock {
    fn queues(&self) -> &Queues {
        &self.queues
    }

    fn queues_mut(&mut self) -> &mut Queues {
        &mut self.queues
    }

    fn insert(&mut self, event: &Event) {
        self.queues.push(0, event.slot, event.size);
    }

    fn hit(&mut self, slot: Slot, _event: &Event) {
        self.queues.count_up(slot, self.uses_max);
    }

    fn import(&mut self, event: &Event) {
        self.queues.push_import(0, event.slot, event.size);
        self.queues.set_count(event.slot, event.uses.saturating_sub(1).min(self.uses_max));
    }

    fn victim(&mut self) -> Option<Slot> {
        while let Some(slot) = self.queues.oldest(0) {
            let uses = self.queues.count(slot);
            if uses == 0 {
                return Some(self.queues.offer(slot));
            }
            self.queues.set_count(slot, uses - 1);
            self.queues.move_to(0, slot);
        }
        None
    }

    /// Plays the rounds through on the side.
    fn rank(&self, visit: &mut dyn FnMut(Slot) -> bool) {
        let mut first = self.queues.iter(0).map(|slot| (slot, self.queues.count(slot)));
        let mut again = VecDeque::new();
        while let Some((slot, uses)) = first.next().or_else(|| again.pop_front()) {
            if uses > 0 {
                again.push_back((slot, uses - 1));
            } else if !visit(slot) {
                return;
            }
        }
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
    fn what_was_used_goes_round_once_more_however_often() {
        check("+1 +2 +3 h1 h1 h3 v v", &[2, 1], &[3]);
        check("+1 +2 h1 h2 v", &[1], &[2]);
    }

    #[test]
    fn a_returned_document_goes_round_and_counts_as_used() {
        check("+1 +2 +3 o r1 v v", &[1, 2, 3], &[1]);
        check("+1 +2 o r1 +3", &[1], &[2, 3, 1]);
    }

    #[test]
    fn imports_lie_below_the_rest_and_those_used_before_are_spared_once() {
        check("+1 I2 i3", &[], &[3, 1, 2]);
    }
}
