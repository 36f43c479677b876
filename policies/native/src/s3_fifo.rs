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
//! Sizes are counted as charged, so the same code works in bytes and, with all sizes 1, in documents. Imported
//! documents that were used more than once go to main, the others to small, each below what is there already.

use std::borrow::Cow;
use std::collections::VecDeque;

use cnn_core::policy::{
    Context, Event, EventKind, Factory, Goal, HitEvents, HookPolicy, Kind, Manifest, Paged, Replacement, Slot,
};

use crate::ghosts::Ghosts;
use crate::list::{self, Links, List, PAGE_SLOTS};

pub(crate) const FACTORY: Factory =
    Factory { manifest, build: |capacity, _| Replacement::Hooks(Box::new(S3Fifo::new(capacity))) };

/// One part in this many of the capacity is the small queue.
const SMALL_PART: u64 = 10;
/// Uses are counted up to this, two bits.
const USES_MAX: u8 = 3;
/// Uses (hits, not the fetch) that take a document from the small queue to the main one.
const USES_FOR_MAIN: u8 = 2;
/// Ghosts per slot ever used. Ghosts hold nine times the bytes of the small queue, so with documents of one size they
/// are never more than nine times the documents there; the bound is for a cache whose documents suddenly get tiny.
const GHOSTS_PER_SLOT_MAX: usize = 9;

/// A slot's state: uses in the lower bits, where it is in the upper.
const USES: u8 = 0b0011;
const PLACE: u8 = 0b1100;
const OUTSIDE: u8 = 0b0000;
const SMALL: u8 = 0b0100;
const MAIN: u8 = 0b1000;
/// Taken out of the small queue as a victim: a ghost once the host says it was evicted.
const OFFERED: u8 = 0b1100;

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
        parameters: Cow::Borrowed(&[]),
    }
}

/// One of the two queues.
struct Queue {
    list: List,
    // Invariant: the sizes of the documents in the list, wrapping.
    bytes: u64,
    bytes_max: u64,
}

impl Queue {
    const fn new(bytes_max: u64) -> Self {
        Self { list: List::new(), bytes: 0, bytes_max }
    }
}

struct S3Fifo {
    links: Links,
    sizes: Paged<u64, PAGE_SLOTS>,
    state: Paged<u8, PAGE_SLOTS>,
    /// Slots seen are below this.
    slots: usize,
    small: Queue,
    main: Queue,
    ghosts: Ghosts,
    is_filled: bool,
}

impl S3Fifo {
    fn new(capacity: u64) -> Self {
        let small = capacity / SMALL_PART;
        Self {
            links: Links::new(),
            sizes: Paged::new(0, 0),
            state: Paged::new(OUTSIDE, 0),
            slots: 0,
            small: Queue::new(small),
            main: Queue::new(capacity - small),
            ghosts: Ghosts::new(capacity - capacity.div_ceil(SMALL_PART)),
            is_filled: false,
        }
    }

    fn place(&self, slot: Slot) -> u8 {
        self.state.get(slot as usize) & PLACE
    }

    fn hit(&mut self, slot: Slot) {
        let state = self.state.get(slot as usize);
        if matches!(state & PLACE, SMALL | MAIN) && state & USES < USES_MAX {
            self.state.set(slot as usize, state + 1);
        }
    }

    fn insert(&mut self, event: &Event) {
        let was_ghost = self.ghosts.take(event.hash);
        let fills_up = !self.is_filled && self.small.bytes >= self.small.bytes_max;
        self.push(
            event.slot,
            event.size,
            if was_ghost || fills_up { MAIN } else { SMALL },
            Links::push_newest,
        );
        self.ghosts.trim(self.slots.saturating_mul(GHOSTS_PER_SLOT_MAX));
    }

    /// Puts a document that is in no queue into one of them, its uses forgotten.
    fn push(&mut self, slot: Slot, size: u64, place: u8, push: fn(&mut Links, &mut List, Slot)) {
        let queue = if place == MAIN { &mut self.main } else { &mut self.small };
        push(&mut self.links, &mut queue.list, slot);
        queue.bytes = queue.bytes.wrapping_add(size);
        self.sizes.set(slot as usize, size);
        self.state.set(slot as usize, place);
        self.slots = self.slots.max(slot as usize + 1);
    }

    /// Takes a document out of its queue, if it is in one, and leaves it in `place`. What its state was.
    fn take(&mut self, slot: Slot, place: u8) -> u8 {
        let state = std::mem::replace(self.state.at(slot as usize), place);
        let queue = match state & PLACE {
            SMALL => &mut self.small,
            MAIN => &mut self.main,
            _ => return state,
        };
        self.links.unlink(&mut queue.list, slot);
        queue.bytes = queue.bytes.wrapping_sub(self.sizes.get(slot as usize));
        state
    }

    fn remove(&mut self, event: &Event) {
        if self.place(event.slot) == OUTSIDE {
            return;
        }
        let place = self.take(event.slot, OUTSIDE) & PLACE;
        if event.is_evicted() && place != MAIN {
            self.ghosts.push(event.hash, self.sizes.get(event.slot as usize));
        }
    }

    fn resize(&mut self, slot: Slot, size: u64) {
        let queue = match self.place(slot) {
            SMALL => &mut self.small,
            MAIN => &mut self.main,
            _ => return,
        };
        let old = std::mem::replace(self.sizes.at(slot as usize), size);
        queue.bytes = queue.bytes.wrapping_sub(old).wrapping_add(size);
    }

    /// The first document of the small queue that was not used enough; those that were go to main.
    fn victim_of_small(&mut self) -> Option<Slot> {
        while !self.small.list.is_empty() {
            let slot = self.small.list.oldest();
            if self.take(slot, OFFERED) & USES < USES_FOR_MAIN {
                return Some(slot);
            }
            self.push(slot, self.sizes.get(slot as usize), MAIN, Links::push_newest);
        }
        None
    }

    /// The first document of the main queue that was not used; those that were go round once more for each use.
    fn victim_of_main(&mut self) -> Option<Slot> {
        while !self.main.list.is_empty() {
            let slot = self.main.list.oldest();
            let state = self.state.at(slot as usize);
            if *state & USES == 0 {
                self.take(slot, OUTSIDE);
                return Some(slot);
            }
            *state -= 1;
            self.links.move_to_newest(&mut self.main.list, slot);
        }
        None
    }
}

impl HookPolicy for S3Fifo {
    fn on_event(&mut self, context: &Context<'_>, event: &Event) {
        let Some(kind) = event.kind() else { return };
        let slot = event.slot;
        let is_queued = matches!(self.place(slot), SMALL | MAIN);
        match kind {
            EventKind::Hit => self.hit(slot),
            EventKind::Update => self.resize(slot, event.size),
            EventKind::Remove => self.remove(event),
            EventKind::Return if is_queued => self.hit(slot),
            EventKind::Import if is_queued => {}
            EventKind::Insert | EventKind::Return | EventKind::Import
                if !list::is_possible(context, slot) => {}
            EventKind::Insert => {
                self.take(slot, OUTSIDE);
                self.insert(event);
            }
            // As a ghost that is met again.
            EventKind::Return => self.push(slot, event.size, MAIN, Links::push_newest),
            EventKind::Import => {
                let place = if event.uses > 1 { MAIN } else { SMALL };
                self.push(slot, event.size, place, Links::push_import);
            }
        }
    }

    fn victim(&mut self, _context: &Context<'_>) -> Option<Slot> {
        self.is_filled = true;
        if self.main.bytes <= self.main.bytes_max
            && let Some(slot) = self.victim_of_small()
        {
            return Some(slot);
        }
        self.victim_of_main().or_else(|| self.victim_of_small())
    }

    /// Plays the evictions through on the side: the cost is that of the documents visited and those they push round.
    fn rank(&self, _context: &Context<'_>, visit: &mut dyn FnMut(Slot) -> bool) {
        let uses = |slot: Slot| self.state.get(slot as usize) & USES;
        let mut small = self.links.from(self.small.list.oldest()).peekable();
        let mut main = self.links.from(self.main.list.oldest()).map(|slot| (slot, uses(slot)));
        let mut again = VecDeque::new();
        let mut main_bytes = self.main.bytes;
        loop {
            let mut victim = None;
            if main_bytes <= self.main.bytes_max {
                for slot in small.by_ref() {
                    if uses(slot) < USES_FOR_MAIN {
                        victim = Some(slot);
                        break;
                    }
                    again.push_back((slot, 0));
                    main_bytes = main_bytes.wrapping_add(self.sizes.get(slot as usize));
                }
            }
            while victim.is_none()
                && let Some((slot, uses)) = main.next().or_else(|| again.pop_front())
            {
                if uses == 0 {
                    victim = Some(slot);
                    main_bytes = main_bytes.wrapping_sub(self.sizes.get(slot as usize));
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

    fn len(&self) -> usize {
        self.small.list.len() + self.main.list.len()
    }

    fn state_bytes(&self) -> usize {
        self.links.state_bytes() + self.sizes.bytes() + self.state.bytes() + self.ghosts.state_bytes()
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
}
