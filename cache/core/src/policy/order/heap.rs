//! The exact order for key policies: an indexed 4-ary heap.
//!
//! Four children per node and 16 bytes per entry make a node's children one cache line, and the tree half as deep as
//! a binary one (LaMarca & Ladner, "The influence of caches on the performance of heaps", JEA 1996). Three quarters
//! of a 4-ary heap are leaves, and a hit mostly raises a key, so a hit usually moves nothing: it costs the position,
//! the entry and the row of columns. 20 bytes per document: entry 16, position 4.
//!
//! An entry is one number, compared at once: key (64 bits, mapped so that integers order like the floats), then a
//! sequence number, then the slot. Equal keys thus go in the order they were given, and no two entries are equal.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Order, Precision, Rank, Victim, from_ordered_bits, ordered_bits};
use crate::policy::board::random_below;
use crate::policy::limits::{LINE_VISITS_MAX, NEAREST, RANK_SAMPLE};
use crate::policy::paged::Paged;
use crate::policy::{Context, Event, KeyPolicy, Slot};

/// The root's index. Beginning here puts the children of node `i` at `4 * (i - 2)`, the start of a group.
const ROOT: usize = 3;

/// No entry: greater than any.
const NONE: u128 = u128::MAX;

/// A node's children, one cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Siblings([u128; 4]);

/// Groups per page: 64 KiB.
const PAGE_GROUPS: usize = 1024;
/// Positions per page: 16 KiB.
const PAGE_POSITIONS: usize = 4096;

/// The heap of one policy.
// Invariants: (1) entries ROOT..end are in use, all others are NONE; (2) no entry is below its parent;
// (3) positions[slot of entry i] == i, and 0 for every slot that is not held.
pub(in crate::policy) struct Heap {
    policy: Box<dyn KeyPolicy>,
    entries: Paged<Siblings, PAGE_GROUPS>,
    positions: Paged<u32, PAGE_POSITIONS>,
    end: usize,
    /// The next sequence number; wider than 32 bits for any table that fits into memory.
    sequence: u64,
    slot_bits: u32,
}

impl Heap {
    pub(in crate::policy) fn new(policy: Box<dyn KeyPolicy>, slots_max: usize) -> Self {
        let slot_bits = usize::BITS - slots_max.max(2).saturating_sub(1).leading_zeros();
        Self {
            policy,
            entries: Paged::new(Siblings([NONE; 4]), slots_max.div_ceil(4) + 1),
            positions: Paged::new(0, slots_max),
            end: ROOT,
            sequence: 0,
            slot_bits: slot_bits.min(Slot::BITS),
        }
    }

    fn key_for(&mut self, context: &Context<'_>, event: &Event) -> u128 {
        let key = self.policy.key(context, event);
        if self.sequence >> (u64::BITS - self.slot_bits) != 0 {
            self.renumber();
        }
        let tail = self.sequence << self.slot_bits | u64::from(event.slot);
        self.sequence += 1;
        u128::from(ordered_bits(key)) << 64 | u128::from(tail)
    }

    fn slot_of(&self, entry: u128) -> Slot {
        (entry as u64 & ((1 << self.slot_bits) - 1)) as Slot
    }

    #[inline]
    fn entry(&self, at: usize) -> u128 {
        self.entries.get(at / 4).0[at % 4]
    }

    #[inline]
    fn put(&mut self, at: usize, entry: u128) {
        self.entries.at(at / 4).0[at % 4] = entry;
        self.positions.set(self.slot_of(entry) as usize, at as u32);
    }

    fn position(&self, slot: Slot) -> Option<usize> {
        let at = self.positions.get(slot as usize) as usize;
        (at >= ROOT).then_some(at)
    }

    /// Moves `entry`, for which there is room at `at`, up to where it belongs.
    fn sift_up(&mut self, mut at: usize, entry: u128) {
        while at > ROOT {
            let parent = at / 4 + 2;
            let above = self.entry(parent);
            if above < entry {
                break;
            }
            self.put(at, above);
            at = parent;
        }
        self.put(at, entry);
    }

    /// Moves `entry`, for which there is room at `at`, down to where it belongs.
    fn sift_down(&mut self, mut at: usize, entry: u128) {
        loop {
            let first = 4 * (at - 2);
            if first >= self.end {
                break;
            }
            let (lane, least) = least(&self.entries.get(first / 4));
            if entry < least {
                break;
            }
            self.put(at, least);
            at = first + lane;
        }
        self.put(at, entry);
    }

    fn push(&mut self, entry: u128) {
        let at = self.end;
        self.end += 1;
        self.sift_up(at, entry);
    }

    /// Puts `entry` in place of the one at `at`.
    fn replace(&mut self, at: usize, entry: u128) {
        if entry < self.entry(at) {
            self.sift_up(at, entry);
        } else {
            self.sift_down(at, entry);
        }
    }

    fn take(&mut self, at: usize) -> u128 {
        let taken = self.entry(at);
        self.end -= 1;
        let last = self.entry(self.end);
        self.entries.at(self.end / 4).0[self.end % 4] = NONE;
        self.positions.set(self.slot_of(taken) as usize, 0);
        if at != self.end {
            self.replace(at, last);
        }
        self.release_unused_page();
        taken
    }

    /// Gives back the page after the one the heap ends in, so that one draining shrinks while another grows, and one
    /// that breathes does not allocate each time.
    fn release_unused_page(&mut self) {
        const PAGE_ENTRIES: usize = 4 * PAGE_GROUPS;
        if self.end.is_multiple_of(PAGE_ENTRIES) {
            self.entries.release(self.end / 4 + PAGE_GROUPS);
        }
    }

    /// Gives out sequence numbers anew, in their order. Happens once in 2^64 / slots keys (weeks at a million a
    /// second for the largest table), and takes as long as sorting the documents.
    #[cold]
    fn renumber(&mut self) {
        let mut all: Vec<_> = (ROOT..self.end).map(|at| (self.entry(at) as u64, at)).collect();
        all.sort_unstable();
        self.sequence = 0;
        for (tail, at) in all {
            let slot = tail & ((1 << self.slot_bits) - 1);
            let tail = self.sequence << self.slot_bits | slot;
            self.sequence += 1;
            let entry = &mut self.entries.at(at / 4).0[at % 4];
            *entry = *entry >> 64 << 64 | u128::from(tail);
        }
    }

    fn as_victim(&self, entry: u128) -> Victim {
        Victim { slot: self.slot_of(entry), value: from_ordered_bits((entry >> 64) as u64) }
    }

    /// The number of entries below `limit` and the highest few of them, found by walking down from the root only where
    /// they can be; `None` beyond `most`.
    fn count_below(&self, limit: u128, most: usize) -> Option<(usize, Vec<Slot>)> {
        let (mut below, mut open) = (0, vec![ROOT]);
        let mut nearest = BinaryHeap::new();
        while let Some(at) = open.pop() {
            let entry = self.entry(at);
            if entry >= limit {
                continue;
            }
            below += 1;
            if below > most {
                return None;
            }
            nearest.push(Reverse(entry));
            if nearest.len() > NEAREST {
                nearest.pop();
            }
            open.extend(4 * (at - 2)..4 * (at - 2) + 4);
        }
        let nearest = nearest.into_sorted_vec();
        Some((below, nearest.into_iter().rev().map(|Reverse(entry)| self.slot_of(entry)).collect()))
    }

    #[cfg(test)]
    pub(super) fn check_invariants(&self) {
        for at in ROOT..self.end {
            let entry = self.entry(at);
            assert_eq!(self.position(self.slot_of(entry)), Some(at));
            assert!(at == ROOT || self.entry(at / 4 + 2) < entry);
        }
        assert!((self.end..self.end + 8).all(|at| self.entry(at) == NONE));
    }

    #[cfg(test)]
    pub(super) fn exhaust_sequence(&mut self) {
        self.sequence = 1 << (u64::BITS - self.slot_bits);
    }
}

impl Order for Heap {
    fn place(&mut self, context: &Context<'_>, event: &Event) {
        let entry = self.key_for(context, event);
        match self.position(event.slot) {
            None => self.push(entry),
            Some(at) => self.replace(at, entry),
        }
    }

    fn touch(&mut self, context: &Context<'_>, event: &Event) {
        if self.position(event.slot).is_some() {
            let entry = self.key_for(context, event);
            let at = self.position(event.slot).expect("keying moves nothing");
            self.replace(at, entry);
        }
    }

    fn remove(&mut self, context: &Context<'_>, event: &Event) {
        if let Some(at) = self.position(event.slot) {
            self.take(at);
            self.policy.gone(context, event);
        }
    }

    fn victim(&mut self, _context: &Context<'_>) -> Option<Victim> {
        (self.end > ROOT).then(|| {
            let entry = self.take(ROOT);
            self.as_victim(entry)
        })
    }

    fn victim_gone(&mut self, context: &Context<'_>, event: &Event, value: f64) {
        if event.is_evicted() {
            self.policy.evicted(value);
        }
        self.policy.gone(context, event);
    }

    fn line(&self, _context: &Context<'_>, visit: &mut dyn FnMut(Victim) -> bool) {
        let mut open = BinaryHeap::new();
        if self.end > ROOT {
            open.push(Reverse((self.entry(ROOT), ROOT)));
        }
        while let Some(Reverse((entry, at))) = open.pop() {
            if !visit(self.as_victim(entry)) {
                return;
            }
            let children = 4 * (at - 2)..(4 * (at - 2) + 4).min(self.end);
            open.extend(children.map(|at| Reverse((self.entry(at), at))));
        }
    }

    fn rank(&self, _context: &Context<'_>, slot: Slot) -> Option<Rank> {
        let limit = self.entry(self.position(slot)?);
        if let Some((before, nearest)) = self.count_below(limit, LINE_VISITS_MAX) {
            return Some(Rank { before, precision: Precision::Exact, nearest });
        }
        let held = self.end - ROOT;
        let sample = (0..RANK_SAMPLE).map(|i| ROOT + random_below(i as u64, held as u32) as usize);
        let below = sample.filter(|&at| self.entry(at) < limit).count();
        let before = below * held / RANK_SAMPLE;
        Some(Rank { before, precision: Precision::Estimate, nearest: Vec::new() })
    }

    fn state_bytes(&self) -> usize {
        self.entries.bytes() + self.positions.bytes() + self.policy.state_bytes()
    }

    fn state(&self) -> Option<Vec<u8>> {
        self.policy.state()
    }

    fn is_fit(&self) -> bool {
        self.policy.is_fit()
    }
}

/// The least of four siblings and its place among them.
#[inline]
fn least(siblings: &Siblings) -> (usize, u128) {
    let [a, b, c, d] = siblings.0;
    let (low, low_at) = if b < a { (b, 1) } else { (a, 0) };
    let (high, high_at) = if d < c { (d, 3) } else { (c, 2) };
    if high < low { (high_at, high) } else { (low_at, low) }
}
