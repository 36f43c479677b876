//! LRV, lowest relative value: a document's value is the probability that it is asked for again, estimated from how often
//! and how long ago it was, and for documents asked for once from its size. L. Rizzo, L. Vicisano, "Replacement policies
//! for a proxy cache", IEEE/ACM Transactions on Networking 8(2), 2000, with a cost in proportion to the size.
//!
//! `P = P(i) * (1 - D(t))`: of documents asked for `i` times, the share that is asked for once more (for `i = 1` by size),
//! times the share of repeated requests that come after a longer time than `t`. Both are counted as the stream goes, with
//! the past given less weight in time, so there are no constants to be set. Because `D` rises with `t`, the lowest value
//! among documents with the same `i` is that of the one not used for longest: a list for each `i`, and for each size when
//! `i = 1`, and a victim is the lowest of their ends. Time is counted in requests.
//!
//! Only the abstract of the paper was at hand ("no hardwired constants", "a small constant time"): the value is as the
//! paper is described elsewhere; classes of size and time, and how the past loses weight, are of this file.

use std::borrow::Cow;

use cnn_core::policy::{Event, Factory, Goal, HitEvents, Kind, Manifest, Paged, Replacement, Slot};

use crate::list::PAGE_SLOTS;
use crate::queues::{Discipline, Queued, Queues};

pub(crate) const FACTORY: Factory =
    Factory { manifest, build: |_, _| Replacement::Hooks(Box::new(Queued(Lrv::new()))) };

/// Documents asked for once, by powers of two of their size.
const SIZES: usize = 24;
/// The smallest of these powers: all below are one.
const SMALLEST_BITS: u32 = 6;
/// Documents asked for 2, 3, ... times; this many and more are one.
const COUNTS: usize = 9;
const LISTS: usize = SIZES + COUNTS;
/// Times between requests are told apart by a quarter of a power of two.
const TIMES: usize = 4 * 40;
/// Counts are halved after this many requests.
const PERIOD: u64 = 1 << 17;

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("lrv"),
        summary: Cow::Borrowed(
            "least likely asked for again first, by uses, age and size; learns the traffic",
        ),
        paper: Cow::Borrowed(
            "Rizzo, Vicisano, \"Replacement policies for a proxy cache\", IEEE/ACM Transactions on Networking 8(2), \
             2000",
        ),
        kind: Kind::Hooks,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Bytes, Goal::Hits],
        parameters: Cow::Borrowed(&[]),
    }
}

struct Lrv {
    queues: Queues,
    /// The number of each document's last request.
    used: Paged<u64, PAGE_SLOTS>,
    requests: u64,
    /// Documents that came to a list, and those of them asked for again.
    came: [f64; LISTS],
    again: [f64; LISTS],
    /// Repeated requests by the time since the last, and the share that took longer: `1 - D`.
    times: [f64; TIMES],
    longer: [f64; TIMES],
    repeats: f64,
    /// Requests until the shares are summed up anew.
    stale_after: u64,
}

impl Lrv {
    fn new() -> Self {
        let mut policy = Self {
            queues: Queues::new(LISTS),
            used: Paged::new(0, 0),
            requests: 0,
            came: [1.0; LISTS],
            again: [0.5; LISTS],
            times: [0.0; TIMES],
            longer: [1.0; TIMES],
            repeats: 0.0,
            stale_after: 1,
        };
        policy.sum_up();
        policy
    }

    /// The list of a document asked for this often, the fetch included.
    fn list(uses: u32, size: u64) -> usize {
        match uses {
            0 | 1 => {
                let bits = (u64::BITS - size.leading_zeros()).saturating_sub(SMALLEST_BITS);
                (bits as usize).min(SIZES - 1)
            }
            uses => SIZES + (uses as usize - 2).min(COUNTS - 1),
        }
    }

    /// The list above, for a document that is asked for once more.
    fn above(list: usize) -> usize {
        if list < SIZES { SIZES } else { (list + 1).min(LISTS - 1) }
    }

    /// The time between two requests as an index: four to a power of two.
    fn time(requests: u64) -> usize {
        let requests = requests.max(1);
        let bits = requests.ilog2();
        let quarter = (requests << 2 >> bits) & 3;
        (4 * bits as usize + quarter as usize).min(TIMES - 1)
    }

    /// The probability that the document is asked for again.
    fn value(&self, slot: Slot, list: usize) -> f64 {
        let age = self.requests.saturating_sub(self.used.get(slot as usize));
        self.again[list] / self.came[list] * self.longer[Self::time(age)]
    }

    fn arrive(&mut self, slot: Slot, list: usize) {
        self.came[list] += 1.0;
        self.used.set(slot as usize, self.requests);
    }

    fn requested(&mut self) {
        self.requests += 1;
        if self.requests.is_multiple_of(PERIOD) {
            self.came
                .iter_mut()
                .chain(&mut self.again)
                .chain(&mut self.times)
                .for_each(|count| *count /= 2.0);
            self.repeats /= 2.0;
        }
        if self.requests >= self.stale_after {
            self.sum_up();
        }
    }

    /// Sums up how many repeated requests took longer. Early it matters soon, later one in a thousand does not.
    fn sum_up(&mut self) {
        let mut left = self.repeats;
        for (longer, count) in self.longer.iter_mut().zip(&self.times) {
            // One more that takes for ever: nothing is impossible.
            *longer = (left + 1.0) / (self.repeats + 1.0);
            left -= count;
        }
        self.stale_after = self.requests + 1 + self.requests.min(1 << 16) / 64;
    }

    /// The end of a list with the lowest value, among what the ends are.
    fn lowest(&self, ends: impl Iterator<Item = (usize, Slot)>) -> Option<(usize, Slot)> {
        let valued = ends.map(|(list, slot)| (self.value(slot, list), list, slot));
        let lowest = valued.min_by(|a, b| a.0.total_cmp(&b.0));
        lowest.map(|(_, list, slot)| (list, slot))
    }
}

impl Discipline for Lrv {
    fn queues(&self) -> &Queues {
        &self.queues
    }

    fn queues_mut(&mut self) -> &mut Queues {
        &mut self.queues
    }

    fn insert(&mut self, event: &Event) {
        self.requested();
        let list = Self::list(1, event.size);
        self.queues.push(list, event.slot, event.size);
        self.arrive(event.slot, list);
    }

    fn hit(&mut self, slot: Slot, _event: &Event) {
        self.requested();
        let Some(list) = self.queues.list_of(slot) else { return };
        self.again[list] += 1.0;
        self.times[Self::time(self.requests - self.used.get(slot as usize))] += 1.0;
        self.repeats += 1.0;
        let above = Self::above(list);
        self.queues.move_to(above, slot);
        self.arrive(slot, above);
    }

    fn import(&mut self, event: &Event) {
        let list = Self::list(event.uses, event.size);
        self.queues.push_import(list, event.slot, event.size);
        self.arrive(event.slot, list);
    }

    fn victim(&mut self) -> Option<Slot> {
        let ends = (0..LISTS).filter_map(|list| Some((list, self.queues.oldest(list)?)));
        let (_, slot) = self.lowest(ends)?;
        Some(self.queues.offer(slot))
    }

    /// Merges the lists by the values of this moment.
    fn rank(&self, visit: &mut dyn FnMut(Slot) -> bool) {
        let mut lists: Vec<_> = (0..LISTS).map(|list| self.queues.iter(list).peekable()).collect();
        loop {
            let ends = lists.iter_mut().enumerate().filter_map(|(list, slots)| Some((list, *slots.peek()?)));
            let Some((list, slot)) = self.lowest(ends) else { return };
            lists[list].next();
            if !visit(slot) {
                return;
            }
        }
    }

    fn extra_bytes(&self) -> usize {
        self.used.bytes() + size_of::<Self>()
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
    fn of_equally_many_uses_the_one_longest_ago_goes_first() {
        check("+1 +2 +3 v", &[1], &[2, 3]);
    }

    #[test]
    fn what_kind_of_document_comes_back_is_learnt() {
        // Small ones come back, large ones do not: the older small one stays.
        let small: String = (0..20).map(|slot| format!("+{slot}:100 h{slot} -{slot} ")).collect();
        let large: String = (0..20).map(|slot| format!("+{slot}:5000 -{slot} ")).collect();
        check(&format!("{small}{large}+1:100 +2:5000 v"), &[2], &[1]);
    }

    #[test]
    fn times_are_told_apart_by_quarters_of_a_power_of_two() {
        let times: Vec<_> = [1, 2, 3, 4, 5, 6, 7, 8, 16].map(Lrv::time).to_vec();
        assert_eq!(times, [0, 4, 6, 8, 9, 10, 11, 12, 16]);
        assert_eq!(Lrv::time(u64::MAX), TIMES - 1);
    }
}
