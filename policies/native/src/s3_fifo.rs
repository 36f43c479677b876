//! S3-FIFO: a small queue that new documents must prove themselves in, a main queue with a second chance, and ghosts
//! of what left the small one. J. Yang, Y. Zhang, Z. Qiu, Y. Yue, K. V. Rashmi, "FIFO queues are all you need for
//! cache eviction", SOSP 2023, algorithm 1.
//!
//! ```text
//!   insert --> [ small, 10 % of the bytes ] --used 2 times or more--> [ main: used? once more round ] --> gone
//!       \              \                                                  ^
//!        \              `--> gone, remembered in [ ghosts, 90 % ]         |
//!         `-- was a ghost ------------------------------------------------'
//! ```
//!
//! Where the paper leaves it open this follows the authors' simulator, libCacheSim, with its default parameters: while
//! the cache fills for the first time, what finds the small queue full goes to main; the main queue gives the victim
//! only when it holds more than its nine tenths, or the small one is empty. What this does not do is refuse documents:
//! the simulator never admits one as large as the small queue, which is for the host to decide.
//!
//! The parameters are those of S4-FIFO, which finds that no one setting suits all traffic and learns which one does: H.
//! Xia, W. Nixon, B. D. Marthen, P. Bhandari, J. Yang, "Learning-augmented heuristics: simple, yet smart, robust and
//! interpretable cache eviction", OSDI 2026. Its search: `small` 0.05 to 0.9, `ghosts` 0.9 to 6, `skip` 0 or 0.25,
//! `promote` 1 or 2, `recall` 0 or 1. Choosing among them is left to whoever switches policies.
//!
//! Sizes are counted as charged, so the same code works in bytes and, with all sizes 1, in documents. Imported
//! documents that were used more than once go to main, the others to small, each below what is there already.

use std::borrow::Cow;
use std::collections::VecDeque;

use cnn_core::policy::{
    Event, Factory, Goal, HitEvents, Kind, Manifest, Paged, Parameter, Replacement, Settings, Slot,
};

use crate::ghosts::Ghosts;
use crate::list::PAGE_SLOTS;
use crate::queues::{Discipline, Queued, Queues, share};

pub(crate) const FACTORY: Factory = Factory {
    manifest,
    build: |capacity, settings| Replacement::Hooks(Box::new(Queued(S3Fifo::new(capacity, settings)))),
};

const PARAMETERS: &[Parameter] = &[
    Parameter::real("small", 0.1, 0.0, 1.0, "share of the capacity of the small queue"),
    Parameter::real("ghosts", 0.9, 0.0, 8.0, "bytes remembered of what left it, in capacities"),
    Parameter::real(
        "skip",
        0.0,
        0.0,
        1.0,
        "share of the small queue, its newest, in which uses do not count",
    ),
    Parameter::whole("promote", 2, 1, 3, "uses that take a document from the small queue to the main one"),
    Parameter::whole("recall", 0, 0, 3, "times a document must have come back before, to go to main at once"),
];

const SMALL: usize = 0;
const MAIN: usize = 1;
/// Uses are counted up to this, two bits.
const USES_MAX: u32 = 3;
/// Ghosts per slot ever used. With documents of one size, ghosts of eight capacities are never more than that; the bound
/// is for a cache whose documents suddenly get tiny.
const GHOSTS_PER_SLOT_MAX: usize = 9;

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("s3-fifo"),
        summary: Cow::Borrowed("used only once first; the best all-rounder for hits, scans included"),
        paper: Cow::Borrowed(
            "Yang, Zhang, Qiu, Yue, Rashmi, \"FIFO queues are all you need for cache eviction\", SOSP 2023",
        ),
        kind: Kind::Hooks,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits, Goal::Bytes],
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

struct S3Fifo {
    queues: Queues,
    /// What left the small queue, and how often it had come back as a ghost before.
    ghosts: Ghosts<u32>,
    returns: Option<Returns>,
    skipped: Option<Skipped>,
    small_max: u64,
    main_max: u64,
    uses_for_main: u32,
    is_filled: bool,
}

/// How often the documents of the small queue came back, where that counts.
struct Returns {
    needed: u32,
    of: Paged<u8, PAGE_SLOTS>,
}

/// The newest stretch of the small queue, where it does not count uses.
struct Skipped {
    bytes: u64,
    /// Bytes that ever came into the small queue, wrapping; and those there were when a document came, its own included.
    came: u64,
    came_with: Paged<u64, PAGE_SLOTS>,
}

impl S3Fifo {
    fn new(capacity: u64, settings: &Settings) -> Self {
        let small = settings.get("small");
        let small_max = share(capacity, small);
        let (needed, skip) = (settings.get("recall") as u32, share(small_max, settings.get("skip")));
        Self {
            queues: Queues::new(2),
            ghosts: Ghosts::new(share(capacity, settings.get("ghosts"))),
            returns: (needed > 0).then(|| Returns { needed, of: Paged::new(0, 0) }),
            skipped: (skip > 0).then(|| Skipped { bytes: skip, came: 0, came_with: Paged::new(0, 0) }),
            small_max,
            main_max: capacity.saturating_sub(small_max),
            uses_for_main: settings.get("promote") as u32,
            is_filled: false,
        }
    }

    /// Whether a document that was remembered with so many earlier returns goes to main at once.
    fn is_recalled(&self, returns: u32) -> bool {
        self.returns.as_ref().is_none_or(|it| returns >= it.needed)
    }

    fn push_small(&mut self, event: &Event, returns: u32) {
        self.queues.push(SMALL, event.slot, event.size);
        if let Some(it) = &mut self.returns {
            it.of.set(event.slot as usize, returns.min(u8::MAX.into()) as u8);
        }
        if let Some(it) = &mut self.skipped {
            it.came = it.came.wrapping_add(event.size);
            it.came_with.set(event.slot as usize, it.came);
        }
    }

    /// Whether the document is so new in the small queue that its uses do not count.
    fn is_skipped(&self, slot: Slot) -> bool {
        let is_new = |it: &Skipped| it.came.wrapping_sub(it.came_with.get(slot as usize)) < it.bytes;
        self.skipped.as_ref().is_some_and(|it| self.queues.list_of(slot) == Some(SMALL) && is_new(it))
    }

    /// The first document of the small queue that was not used enough; those that were go to main.
    fn victim_of_small(&mut self) -> Option<Slot> {
        while let Some(slot) = self.queues.oldest(SMALL) {
            if self.queues.count(slot) < self.uses_for_main {
                return Some(self.queues.offer(slot));
            }
            self.queues.move_to(MAIN, slot);
            self.queues.set_count(slot, 0);
        }
        None
    }

    /// The first document of the main queue that was not used; those that were go round once more for each use.
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

impl Discipline for S3Fifo {
    fn queues(&self) -> &Queues {
        &self.queues
    }

    fn queues_mut(&mut self) -> &mut Queues {
        &mut self.queues
    }

    fn insert(&mut self, event: &Event) {
        let fills_up = !self.is_filled && self.queues.bytes(SMALL) >= self.small_max;
        match self.ghosts.take(event.hash) {
            Some(returns) if !self.is_recalled(returns) => self.push_small(event, returns + 1),
            Some(_) => self.queues.push(MAIN, event.slot, event.size),
            None if fills_up => self.queues.push(MAIN, event.slot, event.size),
            None => self.push_small(event, 0),
        }
        self.ghosts.trim(self.queues.slots().saturating_mul(GHOSTS_PER_SLOT_MAX));
    }

    fn hit(&mut self, slot: Slot, _event: &Event) {
        if !self.is_skipped(slot) {
            self.queues.count_up(slot, USES_MAX);
        }
    }

    fn import(&mut self, event: &Event) {
        let list = if event.uses > 1 { MAIN } else { SMALL };
        self.queues.push_import(list, event.slot, event.size);
        if let Some(it) = &mut self.returns {
            it.of.set(event.slot as usize, 0);
        }
        if let Some(it) = &mut self.skipped {
            // Old from the start.
            it.came_with.set(event.slot as usize, it.came.wrapping_sub(it.bytes));
        }
    }

    /// As a ghost that is met again.
    fn put_back(&mut self, event: &Event, _from: usize) {
        self.queues.push(MAIN, event.slot, event.size);
    }

    fn gone(&mut self, event: &Event, from: usize) {
        if event.is_evicted() && from == SMALL {
            let returns = self.returns.as_ref().map_or(0, |it| it.of.get(event.slot as usize).into());
            self.ghosts.push(event.hash, self.queues.size(event.slot), returns);
        }
    }

    fn victim(&mut self) -> Option<Slot> {
        self.is_filled = true;
        if self.queues.bytes(MAIN) <= self.main_max
            && let Some(slot) = self.victim_of_small()
        {
            return Some(slot);
        }
        self.victim_of_main().or_else(|| self.victim_of_small())
    }

    /// Plays the evictions through on the side: the cost is that of the documents visited and those they push round.
    fn rank(&self, visit: &mut dyn FnMut(Slot) -> bool) {
        let mut small = self.queues.iter(SMALL).peekable();
        let mut main = self.queues.iter(MAIN).map(|slot| (slot, self.queues.count(slot)));
        let mut again = VecDeque::new();
        let mut main_bytes = self.queues.bytes(MAIN);
        loop {
            let mut victim = None;
            if main_bytes <= self.main_max {
                for slot in small.by_ref() {
                    if self.queues.count(slot) < self.uses_for_main {
                        victim = Some(slot);
                        break;
                    }
                    again.push_back((slot, 0));
                    main_bytes = main_bytes.wrapping_add(self.queues.size(slot));
                }
            }
            while victim.is_none()
                && let Some((slot, uses)) = main.next().or_else(|| again.pop_front())
            {
                if uses == 0 {
                    victim = Some(slot);
                    main_bytes = main_bytes.wrapping_sub(self.queues.size(slot));
                } else {
                    again.push_back((slot, uses - 1));
                }
            }
            match victim {
                Some(slot) if visit(slot) => {}
                Some(_) => return,
                None if small.peek().is_none() => return,
                None => {}
            }
        }
    }

    fn extra_bytes(&self) -> usize {
        let returns = self.returns.as_ref().map_or(0, |it| it.of.bytes());
        let skipped = self.skipped.as_ref().map_or(0, |it| it.came_with.bytes());
        self.ghosts.state_bytes() + returns + skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With room for 10: 1 in the small queue, 9 in main, 9 ghosts.
    #[track_caller]
    fn check(moves: &str, offered: &[Slot], left: &[Slot]) {
        crate::script::check(&FACTORY, 10, moves, offered, left);
    }

    /// Ten documents: the first in the small queue, the others in main, as it fills up.
    const FULL: &str = "+0 +1 +2 +3 +4 +5 +6 +7 +8 +9";

    #[test]
    fn what_was_not_used_in_the_small_queue_goes_first() {
        check(&format!("{FULL} v +10 v +11"), &[0, 10], &[11, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn two_uses_in_the_small_queue_make_a_document_of_main_and_one_does_not() {
        check(&format!("{FULL} h0 v"), &[0], &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        check(&format!("{FULL} h0 h0 v v"), &[1, 2], &[3, 4, 5, 6, 7, 8, 9, 0]);
    }

    #[test]
    fn a_document_that_comes_back_as_a_ghost_goes_to_main() {
        check(&format!("{FULL} v +10 v +0 v"), &[0, 10, 1], &[2, 3, 4, 5, 6, 7, 8, 9, 0]);
    }

    #[test]
    fn what_is_removed_or_evicted_from_main_leaves_no_ghost() {
        check(&format!("{FULL} -0 +0 v"), &[0], &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        check(&format!("{FULL} h0 h0 v +1 v"), &[1, 1], &[2, 3, 4, 5, 6, 7, 8, 9, 0]);
    }

    #[test]
    fn a_document_of_main_goes_round_once_for_each_use_but_at_most_three_times() {
        let used = "h1 h1 h1 h1 h1 h1 h2";
        check(&format!("{FULL} {used} -0 v v"), &[3, 4], &[5, 6, 7, 8, 9, 2, 1]);
        check("i0 I1 h1 h1 h1 h1 h1 -0", &[], &[1]);
    }

    #[test]
    fn bytes_decide_which_queue_gives() {
        // Main holds more than its 90 bytes only after the update.
        let moves = "+0:5 +1:5 +2:45 +3:40";
        crate::script::check(&FACTORY, 100, &format!("{moves} v"), &[0], &[1, 2, 3]);
        crate::script::check(&FACTORY, 100, &format!("{moves} u3:60 v"), &[2], &[0, 1, 3]);
    }

    #[test]
    fn a_returned_document_goes_to_main() {
        check(&format!("{FULL} o h0 r0 v"), &[0, 1], &[2, 3, 4, 5, 6, 7, 8, 9, 0]);
    }

    #[test]
    fn an_import_used_before_goes_to_main_and_others_to_small_below_the_rest() {
        check("+0 i1 I2 i3 I4 +5", &[], &[1, 3, 0, 2, 4, 5]);
    }

    #[test]
    fn with_recall_a_ghost_must_come_back_twice() {
        let check = |moves: &str, offered: &[Slot], left: &[Slot]| {
            crate::script::check_spec("s3-fifo(recall=1)", 10, &format!("{FULL} {moves}"), offered, left);
        };
        check("v +0", &[0], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        check("v +0 v +0", &[0, 0], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 0]);
    }

    #[test]
    fn uses_in_the_newest_stretch_of_the_small_queue_do_not_count() {
        let check = |moves: &str, offered: &[Slot]| {
            crate::script::check_spec("s3-fifo(small=50%,skip=40%,promote=1)", 10, moves, offered, &[]);
        };
        check("+0 +1 +2 h2 h1 h0 v v v", &[1, 2, 0]);
        check("+0 +1 h1 +2 h1 +3 h1 -0 -2 -3 v", &[1]);
    }
}
