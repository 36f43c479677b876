//! TinyUFO: the two queues of S3-FIFO, and in place of its ghosts a sketch of what was fetched how often, which turns away
//! newcomers fetched less often than what had to go for them. Cloudflare, `TinyUFO` in Pingora, 2024
//! (`tinyufo/src/lib.rs`), after S3-FIFO (SOSP 2023) and TinyLFU (ACM TOS 13(4), 2017).
//!
//! Pingora names the victim when it knows the newcomer, and of the two it turns away the one fetched less often. Here a
//! victim is named before it is known for whom, so the comparison is made when the next one is due: the newcomer that came
//! last goes in its place if it was not used since and is fetched less often, and the one spared starts anew in the small
//! queue, as there.

use std::borrow::Cow;
use std::collections::VecDeque;

use cnn_core::policy::{Event, Factory, Goal, HitEvents, Kind, Manifest, Paged, Replacement, Slot};

use crate::list::{NONE, PAGE_SLOTS};
use crate::queues::{Discipline, Queued, Queues};
use crate::sketch::Sketch;

pub(crate) const FACTORY: Factory =
    Factory { manifest, build: |capacity, _| Replacement::Hooks(Box::new(Queued(TinyUfo::new(capacity)))) };

const SMALL: usize = 0;
const MAIN: usize = 1;
/// One part in this many of the capacity is the small queue.
const SMALL_PART: u64 = 10;
const USES_MAX: u32 = 3;
/// Uses that take a document from the small queue to the main one.
const USES_FOR_MAIN: u32 = 2;

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("tiny-ufo"),
        summary: Cow::Borrowed("seldom fetched newcomers first; s3-fifo with a sketch in place of ghosts"),
        paper: Cow::Borrowed(
            "Cloudflare, TinyUFO in Pingora, 2024, after Yang et al., SOSP 2023, and Einziger et al., ACM TOS 13(4), \
             2017",
        ),
        kind: Kind::Hooks,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits, Goal::Bytes],
        parameters: Cow::Borrowed(&[]),
    }
}

struct TinyUfo {
    queues: Queues,
    hashes: Paged<u64, PAGE_SLOTS>,
    /// How often something was fetched: hits do not count, so that the less popular are told apart.
    sketch: Sketch,
    /// The newest document, until the next victim is due; or `NONE`.
    newcomer: Slot,
    small_max: u64,
}

impl TinyUfo {
    fn new(capacity: u64) -> Self {
        Self {
            queues: Queues::new(2),
            hashes: Paged::new(0, 0),
            sketch: Sketch::new(),
            newcomer: NONE,
            small_max: capacity / SMALL_PART,
        }
    }

    fn count(&self, slot: Slot) -> u8 {
        self.sketch.count(self.hashes.get(slot as usize))
    }

    /// Whether the newcomer goes in place of this victim.
    fn is_turned_away(&self, victim: Slot) -> bool {
        let newcomer = self.newcomer;
        newcomer != NONE
            && newcomer != victim
            && self.queues.list_of(newcomer) == Some(SMALL)
            && self.queues.count(newcomer) == 0
            && self.count(victim) > self.count(newcomer)
    }

    fn came(&mut self, event: &Event) {
        self.hashes.set(event.slot as usize, event.hash);
        self.sketch.fit(self.queues.slots());
    }

    fn next(&mut self) -> Option<Slot> {
        if self.queues.bytes(SMALL) > self.small_max || self.queues.len(MAIN) == 0 {
            while let Some(slot) = self.queues.oldest(SMALL) {
                if self.queues.count(slot) < USES_FOR_MAIN {
                    return Some(slot);
                }
                self.queues.move_to(MAIN, slot);
            }
        }
        while let Some(slot) = self.queues.oldest(MAIN) {
            let uses = self.queues.count(slot);
            if uses == 0 {
                return Some(slot);
            }
            self.queues.set_count(slot, uses - 1);
            self.queues.move_to(MAIN, slot);
        }
        self.queues.oldest(SMALL)
    }
}

impl Discipline for TinyUfo {
    fn queues(&self) -> &Queues {
        &self.queues
    }

    fn queues_mut(&mut self) -> &mut Queues {
        &mut self.queues
    }

    fn insert(&mut self, event: &Event) {
        self.queues.push(SMALL, event.slot, event.size);
        self.came(event);
        self.sketch.add(event.hash);
        self.newcomer = event.slot;
    }

    fn hit(&mut self, slot: Slot, _event: &Event) {
        self.queues.count_up(slot, USES_MAX);
    }

    fn import(&mut self, event: &Event) {
        let list = if event.uses > 1 { MAIN } else { SMALL };
        self.queues.push_import(list, event.slot, event.size);
        self.came(event);
        self.sketch.add(event.hash);
    }

    fn put_back(&mut self, event: &Event, from: usize) {
        self.queues.push(from, event.slot, event.size);
        self.queues.count_up(event.slot, USES_MAX);
        self.came(event);
    }

    fn gone(&mut self, event: &Event, _from: usize) {
        if self.newcomer == event.slot {
            self.newcomer = NONE;
        }
    }

    fn victim(&mut self) -> Option<Slot> {
        let victim = self.next()?;
        let is_turned_away = self.is_turned_away(victim);
        let newcomer = std::mem::replace(&mut self.newcomer, NONE);
        if !is_turned_away {
            return Some(self.queues.offer(victim));
        }
        self.queues.set_count(victim, 0);
        self.queues.move_to(SMALL, victim);
        Some(self.queues.offer(newcomer))
    }

    /// Plays the evictions through on the side, all of them.
    fn rank(&self, visit: &mut dyn FnMut(Slot) -> bool) {
        let queue = |list| self.queues.iter(list).map(|slot| (slot, self.queues.count(slot)));
        let (mut small, mut main): (VecDeque<_>, VecDeque<_>) =
            (queue(SMALL).collect(), queue(MAIN).collect());
        let mut small_bytes = self.queues.bytes(SMALL);
        let mut is_first = true;
        loop {
            let mut next = None;
            if small_bytes > self.small_max || main.is_empty() {
                while let Some((slot, uses)) = small.pop_front() {
                    small_bytes = small_bytes.wrapping_sub(self.queues.size(slot));
                    if uses < USES_FOR_MAIN {
                        next = Some(slot);
                        break;
                    }
                    main.push_back((slot, uses));
                }
            }
            while next.is_none()
                && let Some((slot, uses)) = main.pop_front()
            {
                if uses == 0 {
                    next = Some(slot);
                } else {
                    main.push_back((slot, uses - 1));
                }
            }
            let Some(mut victim) = next else { return };
            if std::mem::take(&mut is_first) && self.is_turned_away(victim) {
                small_bytes = small_bytes.wrapping_add(self.queues.size(victim));
                small.push_back((victim, 0));
                victim = self.newcomer;
                small.retain(|&(slot, _)| slot != victim);
                small_bytes = small_bytes.wrapping_sub(self.queues.size(victim));
            }
            if !visit(victim) {
                return;
            }
        }
    }

    fn extra_bytes(&self) -> usize {
        self.hashes.bytes() + self.sketch.state_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With room for 10: 1 in the small queue.
    #[track_caller]
    fn check(moves: &str, offered: &[Slot], left: &[Slot]) {
        crate::script::check(&FACTORY, 10, moves, offered, left);
    }

    #[test]
    fn two_uses_in_the_small_queue_make_a_document_of_main() {
        check("+1 +2 h1 h1 h2 v", &[2], &[1]);
    }

    #[test]
    fn a_newcomer_fetched_less_often_than_the_victim_goes_in_its_place() {
        check("+1 -1 +1 +2 +3 v", &[3], &[2, 1]);
        check("+1 -1 +1 +2 +3 h3 v", &[1], &[2, 3]);
        check("+1 +2 +3 v", &[1], &[2, 3]);
    }

    #[test]
    fn imports_go_by_their_uses() {
        check("+1 i2 I3", &[], &[2, 3, 1]);
    }
}
