//! What is compared with libCacheSim, and under which rules: one line for each of its policies that is also one of ours.
//! Where the two differ on purpose, the rule says how; a difference that no rule explains is a bug.

use cnn_core::policy::{Direct, Document, Event, Prepared};
use cnn_core::time::Tick;

use crate::traces::{Object, Reference, Trace};

/// When room is made for an object that is not there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Room {
    /// Before it is inserted, as in Cao and Irani's paper, in most caches of libCacheSim and in this proxy.
    Before,
    /// After it is inserted, so that it competes, and may be its own victim: libCacheSim's GDSF.
    After,
}

/// How near two miss ratios must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Agreement {
    /// All digits printed.
    Exact,
    /// So many points, a hundredth of all requests each.
    Points(f64),
    /// All digits when the capacity can be divided by this, so many points otherwise.
    ExactIfDivisible(u64, f64),
}

/// A policy of libCacheSim and what it is compared with.
pub(crate) struct Rule {
    /// Its name in the results.
    pub(crate) theirs: &'static str,
    /// Our policy with its parameters.
    pub(crate) ours: &'static str,
    /// With every size 1.
    pub(crate) objects: Agreement,
    /// With sizes.
    pub(crate) bytes: Agreement,
    /// The largest object their cache of this capacity admits.
    pub(crate) admits: fn(u64) -> u64,
    /// When their cache makes room.
    pub(crate) room: Room,
    /// What they do otherwise than the paper or than us, in a line; empty when nothing.
    pub(crate) differs: &'static str,
}

/// With every size 1 the time is the number of the request, as theirs is.
const fn rule(theirs: &'static str, ours: &'static str, objects: Agreement, bytes: Agreement) -> Rule {
    Rule { theirs, ours, objects, bytes, admits: |capacity| capacity, room: Room::Before, differs: "" }
}

const HALF: Agreement = Agreement::Points(0.5);

/// The rules, in the order of the table.
pub(crate) const RULES: &[Rule] = &[
    rule("LRU", "lru", Agreement::Exact, Agreement::Exact),
    rule("FIFO", "fifo", Agreement::Exact, Agreement::Exact),
    rule("Clock", "clock", Agreement::Exact, Agreement::Exact),
    rule("Sieve", "sieve", Agreement::Exact, Agreement::Exact),
    Rule {
        admits: |capacity| (capacity / 10).saturating_sub(1),
        differs: "refuses objects as large as its small queue",
        ..rule("S3FIFO", "s3-fifo", Agreement::Exact, Agreement::Exact)
    },
    Rule {
        admits: |capacity| capacity / 4,
        differs: "refuses objects larger than a segment; when a capacity cannot be divided by four, or in bytes, a hit \
                  that pushes others down evicts what the lowest segment cannot hold (here only the host evicts)",
        ..rule("SLRU", "slru", Agreement::ExactIfDivisible(4, 0.5), Agreement::Points(1.5))
    },
    Rule {
        admits: |capacity| capacity / 4,
        differs: "refuses objects larger than its queue of newcomers; in bytes its main queue never has more than three \
                  quarters, and evicts although there is room",
        ..rule("TwoQ", "2q", Agreement::Exact, HALF)
    },
    Rule {
        differs: "moves the target before the eviction a ghost causes, and by whole steps (here after it: a victim is \
                  named before it is known for whom); in bytes by a byte or so for each ghost (here by its size)",
        ..rule("ARC", "arc", HALF, Agreement::Points(2.0))
    },
    Rule {
        admits: |capacity| (capacity / 100).max(1),
        differs: "refuses new objects larger than its HIR part; when a HIR object outside the stack is hit, turns a LIR \
                  object into HIR, which the paper does not, and may evict on that hit",
        ..rule("LIRS", "lirs", HALF, HALF)
    },
    Rule {
        admits: |capacity| capacity / 100,
        differs: "refuses objects larger than its window; while it fills, newcomers become protected; counts uses in the \
                  main part only, and candidates again when they are compared, in unbounded counters halved after \
                  32 uses per object or byte (here as in the papers: every use, four bits, 10 per object)",
        ..rule("WTinyLFU", "w-tinylfu(adapt=0)", Agreement::Points(5.0), Agreement::Points(5.0))
    },
    Rule { differs: "samples from another seed in each run", ..rule("Hyperbolic", "hyperbolic", HALF, HALF) },
    Rule {
        differs: "looks at eight until it has learnt fifty times; samples from another seed in each run: its own runs lie \
                  up to six points apart with caches of a dozen objects, two on logs of a thousand requests, and 1.5 on P6",
        ..rule("LHD", "lhd(sample=8)", Agreement::Points(3.0), Agreement::Points(1.5))
    },
    Rule { room: Room::After, ..rule("GDSF", "gdsf", Agreement::Exact, Agreement::Exact) },
    Rule { room: Room::After, ..rule("GDSF", "lfu-da", Agreement::Exact, Agreement::Points(100.0)) },
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

/// Objects are their own hashes: what evicts one is told by it.
const fn hash(object: Object) -> u64 {
    object as u64
}
