//! The hits of one worker on their way to the executor: a bounded ring with one producer and one consumer that drops
//! when it is full. Built from atomics alone, so that even a caller who breaks the one-producer rule can lose or
//! repeat hits but nothing worse.

use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

use super::super::limits::RING_HITS;
use crate::policy::SlotId;

const MASK: usize = RING_HITS - 1;
const HALF: usize = RING_HITS / 2;

/// What became of a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It is in the ring.
    Told,
    /// It is in the ring, and the ring is half full: the executor should hurry.
    HalfFull,
    /// The ring was full.
    Dropped,
}

/// What the worker writes, on a cache line of its own.
#[derive(Default)]
#[repr(align(128))]
struct Producer {
    tail: AtomicUsize,
    /// The consumer's head as the producer last saw it, so that a push rarely reads the consumer's line.
    head_seen: AtomicUsize,
    dropped: AtomicU64,
}

/// What the executor writes, on a cache line of its own.
#[derive(Default)]
#[repr(align(128))]
struct Consumer {
    head: AtomicUsize,
}

// Invariant: head <= tail <= head + RING_HITS (as counts that never wrap in practice); entries head..tail are filled.
pub(super) struct HitRing {
    producer: Producer,
    consumer: Consumer,
    entries: Box<[AtomicU64]>,
}

impl HitRing {
    pub(super) fn new() -> Self {
        Self {
            producer: Producer::default(),
            consumer: Consumer::default(),
            entries: (0..RING_HITS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Adds a hit. Release on the tail publishes the entry, and with it the columns stamped before.
    #[inline]
    pub(super) fn push(&self, id: SlotId) -> Pushed {
        let tail = self.producer.tail.load(Relaxed);
        let mut pushed = Pushed::Told;
        if tail.wrapping_sub(self.producer.head_seen.load(Relaxed)) >= HALF {
            // Acquire: the executor has read the entries it gave free.
            let head = self.consumer.head.load(Acquire);
            self.producer.head_seen.store(head, Relaxed);
            match tail.wrapping_sub(head) {
                ahead if ahead >= RING_HITS => {
                    self.producer.dropped.fetch_add(1, Relaxed);
                    return Pushed::Dropped;
                }
                ahead if ahead >= HALF => pushed = Pushed::HalfFull,
                _ => {}
            }
        }
        self.entries[tail & MASK].store(pack(id), Relaxed);
        self.producer.tail.store(tail.wrapping_add(1), Release);
        pushed
    }

    /// Moves up to `most` hits to the end of `into`, oldest first; returns how many. For the executor alone.
    pub(super) fn drain(&self, most: usize, into: &mut Vec<SlotId>) -> usize {
        let head = self.consumer.head.load(Relaxed);
        // Acquire: pairs with the release in `push`.
        let tail = self.producer.tail.load(Acquire);
        let count = tail.wrapping_sub(head).min(RING_HITS).min(most);
        into.extend((0..count).map(|i| unpack(self.entries[head.wrapping_add(i) & MASK].load(Relaxed))));
        self.consumer.head.store(head.wrapping_add(count), Release);
        count
    }

    /// Hits waiting.
    pub(super) fn len(&self) -> usize {
        self.producer.tail.load(Relaxed).wrapping_sub(self.consumer.head.load(Relaxed)).min(RING_HITS)
    }

    /// Hits dropped since the beginning.
    pub(super) fn dropped(&self) -> u64 {
        self.producer.dropped.load(Relaxed)
    }
}

const fn pack(id: SlotId) -> u64 {
    (id.generation as u64) << 32 | id.slot as u64
}

const fn unpack(entry: u64) -> SlotId {
    SlotId { slot: entry as u32, generation: (entry >> 32) as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(slot: u32) -> SlotId {
        SlotId { slot, generation: !slot }
    }

    #[test]
    fn hits_come_out_in_order_and_only_once() {
        let ring = HitRing::new();
        let mut out = Vec::new();
        for round in 0..5 {
            (0..RING_HITS as u32 / 3).for_each(|i| assert_ne!(ring.push(id(round + i)), Pushed::Dropped));
            out.clear();
            assert_eq!(ring.drain(usize::MAX, &mut out), RING_HITS / 3);
            assert!(out.iter().enumerate().all(|(i, got)| *got == id(round + i as u32)));
        }
        assert_eq!(ring.drain(usize::MAX, &mut out), 0);
    }

    #[test]
    fn a_full_ring_drops_and_counts_and_a_half_full_one_says_so() {
        let ring = HitRing::new();
        let pushed: Vec<_> = (0..RING_HITS as u32 + 2).map(|slot| ring.push(id(slot))).collect();
        assert_eq!(pushed[HALF - 1], Pushed::Told);
        assert_eq!(pushed[HALF], Pushed::HalfFull);
        assert_eq!(pushed[RING_HITS..], [Pushed::Dropped; 2]);
        assert_eq!((ring.len(), ring.dropped()), (RING_HITS, 2));
        let mut out = Vec::new();
        ring.drain(1, &mut out);
        assert_eq!(out, [id(0)]);
        assert_ne!(ring.push(id(9)), Pushed::Dropped);
    }

    #[test]
    fn a_worker_and_the_executor_may_run_at_once() {
        let ring = HitRing::new();
        let count = 200_000;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for slot in 0..count {
                    while ring.push(id(slot)) == Pushed::Dropped {
                        std::thread::yield_now();
                    }
                }
            });
            let mut seen = Vec::new();
            while seen.len() < count as usize {
                ring.drain(256, &mut seen);
            }
            assert!(seen.iter().enumerate().all(|(i, got)| *got == id(i as u32)));
        });
    }
}
