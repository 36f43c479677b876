//! What is compared with libCacheSim: one line for each of its policies that is also one of ours, with what makes the two
//! agree. A difference that none of it explains is a bug.

use cnn_core::policy::{Direct, Document, Event, Prepared};
use cnn_core::time::Tick;

use crate::traces::{Object, Reference, Trace};
use crate::variants::{
    self, CLOCK_ADDED, CLOCK_AHEAD, DEEP_STACK, FILLS_PROTECTED, GHOSTS_FIRST, HEAP_TIES, HITS_DEMOTE,
    HITS_EVICT, LARGE_COUNTERS, MAIN_BOUNDED, Make, Named, PARTS_EVICT, Rules, SIZES_FOLLOW, STEPS_OF_ONE,
    Setting, TARGET_FIRST, THEIR_DRAWS, USES_OF_MAIN, WINNER_TAKES_ROOM,
};

/// When room is made for an object that is not there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Room {
    /// Before it is inserted, as in Cao and Irani's paper, in most caches of libCacheSim and in this proxy.
    Before,
    /// After it is inserted, so that it competes, and may be its own victim: libCacheSim's GDSF.
    After,
}

/// What makes the two agree.
#[derive(Clone, Copy)]
pub(crate) enum Because {
    /// They are the same: all digits printed.
    Equal,
    /// These rules of theirs: the variant misses as they do with them, and as we do without.
    Rules(Make, &'static [Named]),
    /// The same, and their random numbers: the variant misses as a run of theirs does, and ours, with other numbers, lies
    /// where their runs lie.
    Draws(Make, &'static [Named]),
    /// Random numbers that cannot be told: half a point.
    Near,
}

/// A policy of libCacheSim and what it is compared with.
pub(crate) struct Rule {
    /// Its name in the results.
    pub(crate) theirs: &'static str,
    /// Our policy with its parameters.
    pub(crate) ours: &'static str,
    pub(crate) because: Because,
    /// Whether the comparison with sizes makes sense too.
    pub(crate) has_bytes: bool,
    /// The largest object their cache of this capacity admits.
    pub(crate) admits: fn(u64) -> u64,
    /// When their cache makes room.
    pub(crate) room: Room,
    /// What the driver does as they do, in a line; empty when nothing.
    pub(crate) also: &'static str,
}

/// With every size 1 the time is the number of the request, as theirs is.
const fn rule(theirs: &'static str, ours: &'static str, because: Because) -> Rule {
    Rule { theirs, ours, because, has_bytes: true, admits: |capacity| capacity, room: Room::Before, also: "" }
}

/// The rules, in the order of the table.
pub(crate) const RULES: &[Rule] = &[
    rule("LRU", "lru", Because::Equal),
    rule("FIFO", "fifo", Because::Equal),
    rule("LFU", "lfu", Because::Equal),
    rule("Clock", "clock", Because::Equal),
    rule("Sieve", "sieve", Because::Equal),
    Rule {
        admits: |capacity| (capacity / 10).saturating_sub(1),
        also: "objects as large as its small queue are refused",
        ..rule("S3FIFO", "s3-fifo", Because::Equal)
    },
    Rule {
        admits: |capacity| capacity / 4,
        also: "objects larger than a segment are refused",
        ..rule("SLRU", "slru", Because::Rules(variants::slru, &[HITS_EVICT]))
    },
    Rule {
        admits: |capacity| capacity / 4,
        also: "objects larger than its queue of newcomers are refused",
        ..rule("TwoQ", "2q", Because::Rules(variants::two_q, &[MAIN_BOUNDED]))
    },
    rule("ARC", "arc", Because::Rules(variants::arc, &[TARGET_FIRST, GHOSTS_FIRST, STEPS_OF_ONE])),
    Rule {
        admits: |capacity| (capacity / 100).max(1),
        also: "new objects larger than its HIR part are refused",
        ..rule("LIRS", "lirs", Because::Rules(variants::lirs, &[HITS_DEMOTE, PARTS_EVICT, DEEP_STACK]))
    },
    Rule {
        admits: |capacity| capacity / 100,
        also: "objects larger than its window are refused",
        ..rule(
            "WTinyLFU",
            "w-tinylfu(adapt=0)",
            Because::Rules(
                variants::w_tinylfu,
                &[LARGE_COUNTERS, USES_OF_MAIN, FILLS_PROTECTED, WINNER_TAKES_ROOM, HITS_EVICT],
            ),
        )
    },
    rule("Hyperbolic", "hyperbolic", Because::Near),
    rule("LHD", "lhd", Because::Draws(variants::lhd, &[THEIR_DRAWS, SIZES_FOLLOW])),
    Rule {
        room: Room::After,
        also: "a newcomer is in before room is made, and may be its own victim",
        ..rule("GDSF", "gdsf", Because::Equal)
    },
    Rule {
        room: Room::After,
        has_bytes: false,
        also: "as GDSF, which with every size 1 is LFU with aging as in the paper",
        ..rule("GDSF", "lfu-da", Because::Equal)
    },
    rule("LFUDA", "lfu-da", Because::Rules(variants::lfu_da, &[CLOCK_ADDED, CLOCK_AHEAD])),
    rule("Size", "size", Because::Rules(variants::size, &[HEAP_TIES])),
];

/// Misses, and bytes missed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Misses {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

/// The policy's misses under the rules of their cache, straight through the executor.
pub(crate) fn misses(rule: &Rule, row: &Reference, trace: &Trace) -> Misses {
    let choice = cnn_policies::choose(rule.ours).unwrap();
    let mut cache =
        Direct::new(Prepared::chosen(&choice, row.capacity, trace.objects).unwrap(), trace.objects);
    let mut slots = vec![None; trace.objects];
    let mut used = 0;
    let mut misses = Misses::default();
    let admitted_max = (rule.admits)(row.capacity).min(row.capacity);
    let gone = |event: Option<Event>, slots: &mut [Option<u32>], used: &mut u64| {
        let event = event.expect("a full cache has a victim");
        slots[event.hash as usize] = None;
        *used -= event.size;
    };
    for (now, &(object, size)) in (1..).map(Tick).zip(&trace.requests) {
        cache.set_now(now);
        if let Some(slot) = slots[object as usize] {
            cache.hit(slot);
            continue;
        }
        misses.count += 1;
        misses.bytes += size;
        if size > admitted_max {
            continue;
        }
        while rule.room == Room::Before && used + size > row.capacity {
            gone(cache.evict(), &mut slots, &mut used);
        }
        let (created, last_used) = (now, now);
        let document =
            Document { hash: hash(object), size, uses: 1, created, last_used, ..Document::default() };
        slots[object as usize] = cache.insert(&document);
        used += size;
        while used > row.capacity {
            gone(cache.evict(), &mut slots, &mut used);
        }
    }
    misses
}

/// The misses of a variant that follows these rules of theirs.
pub(crate) fn variant_misses(
    make: Make,
    rules: &[Named],
    rule: &Rule,
    row: &Reference,
    trace: &Trace,
) -> Misses {
    let admitted_max = (rule.admits)(row.capacity).min(row.capacity);
    let mut variant = make(&Setting { capacity: row.capacity, admitted_max, trace, rules: Rules(rules) });
    let mut misses = Misses::default();
    for &(object, size) in &trace.requests {
        if !variant(object, size) {
            misses.count += 1;
            misses.bytes += size;
        }
    }
    misses
}

/// Objects are their own hashes: what evicts one is told by it.
const fn hash(object: Object) -> u64 {
    object as u64
}
