//! What no policy can do better, for honesty: computed with the future known.
//!
//! - `infinite`: a cache in which everything fits. Misses are first requests, new versions, reloads, and what may not be
//!   stored.
//! - `belady`: the document whose next request lies farthest ahead goes first (L. A. Belady, "A study of replacement
//!   algorithms for a virtual-storage computer", IBM Systems Journal 5(2), 1966). The fewest misses of a cache that stores
//!   what it fetches, where all documents count the same; one that may pass documents by can do better by a little. Where
//!   sizes differ it is no bound, and policies that look at sizes can beat it.
//! - `pfoo-l`: a bound on hits, and another on hit bytes, for documents of any sizes: each stretch between two requests
//!   for a document takes its size times its length of the cache's space-time, and the cheapest stretches are kept until
//!   all of it is spent, as if space could be moved in time. D. S. Berger, N. Beckmann, M. Harchol-Balter, "Practical
//!   bounds on optimal caching with variable object sizes", Proceedings of the ACM on Measurement and Analysis of
//!   Computing Systems 2(2), 2018. No policy reaches it, so it is optimistic; hits and bytes are bounded one by one.
//!
//! Four bytes per request while they are computed, and 16 more for `pfoo-l`: not for traces of a thousand million.

use std::collections::BinaryHeap;
use std::io;

use cnn_core::policy::Traffic;

use super::accounting::Accounting;
use super::cell::{Cell, Unit};
use super::outcome::{Faults, Outcome, What};
use crate::{Flags, Row, Trace};

/// Never requested again.
const NEVER: u32 = u32::MAX;

/// A bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bound {
    /// Everything fits.
    Infinite,
    /// The farthest next request goes first.
    Belady,
    /// The cheapest stretches of space-time are kept.
    PfooL,
}

impl Bound {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Infinite, Self::Belady, Self::PfooL];

    /// Its name in reports and where policies are named.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Infinite => "infinite",
            Self::Belady => "belady",
            Self::PfooL => "pfoo-l",
        }
    }

    /// The bound of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bound| bound.as_str() == name)
    }

    /// The bounds worth a row for caches that are counted so: where documents differ in size Belady's rule is none.
    pub const fn fitting(unit: Unit) -> &'static [Self] {
        match unit {
            Unit::Bytes => &[Self::PfooL, Self::Infinite],
            Unit::Documents => &[Self::Belady, Self::Infinite],
        }
    }

    /// The bound for a cache of `size` units.
    ///
    /// # Errors
    /// When the rows cannot be read back, or there are more than can be numbered with 32 bits.
    pub fn of(self, trace: &Trace, size: u64, accounting: Accounting) -> io::Result<Outcome> {
        let (traffic, evictions, not_admitted) = match self {
            Self::Infinite => (infinite(trace)?, 0, 0),
            Self::Belady => belady(trace, size, accounting)?,
            Self::PfooL => (pfoo_l(trace, size, accounting)?, 0, 0),
        };
        let size = (self != Self::Infinite).then_some(size);
        let (policy, unit) = (self.as_str().to_owned(), accounting.unit);
        Ok(Outcome {
            cell: Cell { trace: trace.name().to_owned(), policy, size, unit, admission: None },
            what: What::Bound,
            traffic,
            evictions,
            not_admitted,
            span_us: trace.span_us(),
            response: None,
            intervals: None,
            timeline: Vec::new(),
            marks: Vec::new(),
            faults: Faults::default(),
            agreement: None,
            timing: None,
        })
    }
}

/// Whether a stored document can answer the request.
const fn can_hit(row: &Row) -> bool {
    row.flags & (Flags::RELOAD | Flags::UNSTORABLE | Flags::CHANGED) == 0
}

const fn is_storable(row: &Row) -> bool {
    row.flags & Flags::UNSTORABLE == 0
}

fn for_each(trace: &Trace, mut each: impl FnMut(usize, &Row)) -> io::Result<()> {
    let mut number = 0;
    trace.for_each_chunk(0, |rows| {
        for row in rows {
            each(number, row);
            number += 1;
        }
        true
    })
}

/// A cache in which everything fits.
pub(crate) struct Boundless {
    is_stored: Vec<bool>,
}

impl Boundless {
    /// An empty one for the objects of a trace.
    pub(crate) fn new(trace: &Trace) -> Self {
        Self { is_stored: vec![false; trace.objects().len()] }
    }

    /// Whether it answers the request; it stores what it may.
    pub(crate) fn request(&mut self, row: &Row) -> bool {
        let stored = &mut self.is_stored[row.object as usize];
        let is_hit = *stored && can_hit(row);
        *stored |= is_storable(row);
        is_hit
    }
}

fn infinite(trace: &Trace) -> io::Result<Traffic> {
    let mut cache = Boundless::new(trace);
    let mut traffic = Traffic { requests: trace.len(), bytes: trace.bytes(), ..Traffic::default() };
    for_each(trace, |_, row| {
        if cache.request(row) {
            traffic.hits += 1;
            traffic.hit_bytes += row.size;
        }
    })?;
    Ok(traffic)
}

/// For each request the number of the next one that what it leaves in the cache could answer.
fn next_uses(trace: &Trace) -> io::Result<Vec<u32>> {
    if trace.len() >= NEVER.into() {
        return Err(io::Error::other("bounds are computed for less than 2^32 requests"));
    }
    let mut next = vec![NEVER; trace.len() as usize];
    let mut last = vec![NEVER; trace.objects().len()];
    for_each(trace, |number, row| {
        let last = &mut last[row.object as usize];
        if can_hit(row) && *last != NEVER {
            next[*last as usize] = number as u32;
        }
        // What may not be stored leaves what was stored before.
        if is_storable(row) {
            *last = number as u32;
        }
    })?;
    Ok(next)
}

/// Traffic, evictions and documents larger than the cache.
fn belady(trace: &Trace, capacity: u64, accounting: Accounting) -> io::Result<(Traffic, u64, u64)> {
    let next = next_uses(trace)?;
    // By object: the next use of what is stored with what it is charged, no charge when nothing is.
    let mut stored = vec![(NEVER, 0_u64); trace.objects().len()];
    let mut farthest = BinaryHeap::<(u32, u32)>::new();
    let mut traffic = Traffic { requests: trace.len(), bytes: trace.bytes(), ..Traffic::default() };
    let (mut used, mut evictions, mut not_admitted) = (0, 0, 0);
    for_each(trace, |number, row| {
        if !is_storable(row) {
            return;
        }
        let (object, ahead) = (row.object, next[number]);
        let charge = stored[object as usize].1;
        if charge > 0 && can_hit(row) {
            traffic.hits += 1;
            traffic.hit_bytes += row.size;
            stored[object as usize].0 = ahead;
            farthest.push((ahead, object));
            return;
        }
        used -= std::mem::take(&mut stored[object as usize].1);
        let charge = accounting.charge(row.size);
        if charge > capacity {
            not_admitted += 1;
            return;
        }
        while used > capacity - charge {
            let (when, victim) = farthest.pop().expect("what is stored is in the heap");
            let (current, taken) = &mut stored[victim as usize];
            // Entries of earlier requests are passed over.
            if *current == when && *taken > 0 {
                used -= std::mem::take(taken);
                evictions += 1;
            }
        }
        stored[object as usize] = (ahead, charge);
        farthest.push((ahead, object));
        used += charge;
    })?;
    Ok((traffic, evictions, not_admitted))
}

/// A stretch between two requests for a document.
struct Stretch {
    /// Units times requests it takes.
    cost: f64,
    /// Bytes of the request at its end.
    bytes: u64,
}

fn pfoo_l(trace: &Trace, capacity: u64, accounting: Accounting) -> io::Result<Traffic> {
    let mut next = next_uses(trace)?;
    // From here on: by the request that ends a stretch, the one that begins it.
    for_each_pair(&mut next);
    let mut charges = vec![0_u64; trace.objects().len()];
    let mut stretches = Vec::new();
    for_each(trace, |number, row| {
        let began = next[number];
        let charge = &mut charges[row.object as usize];
        if began != NEVER && *charge <= capacity {
            let cost = *charge as f64 * f64::from(number as u32 - began);
            stretches.push(Stretch { cost, bytes: row.size });
        } else if is_storable(row) {
            *charge = accounting.charge(row.size);
        }
    })?;
    let space_time = capacity as f64 * trace.len() as f64;
    stretches.sort_unstable_by(|a, b| a.cost.total_cmp(&b.cost));
    let hits = kept(&stretches, space_time, |_| 1);
    stretches.sort_unstable_by(|a, b| (a.cost / a.bytes as f64).total_cmp(&(b.cost / b.bytes as f64)));
    let hit_bytes = kept(&stretches, space_time, |stretch| stretch.bytes);
    Ok(Traffic { requests: trace.len(), hits, bytes: trace.bytes(), hit_bytes })
}

/// Turns the numbers of ends, by beginnings, into numbers of beginnings, by ends.
fn for_each_pair(next: &mut [u32]) {
    // An end lies after its beginning and is the end of one stretch only, so going backwards nothing is overwritten
    // before it was read.
    for number in (0..next.len()).rev() {
        let end = std::mem::replace(&mut next[number], NEVER);
        if end != NEVER {
            next[end as usize] = number as u32;
        }
    }
}

/// What the first stretches are worth until the space-time is spent; the one it ends in counts whole.
fn kept(stretches: &[Stretch], space_time: f64, worth: impl Fn(&Stretch) -> u64) -> u64 {
    let mut spent = 0.0;
    let affordable = stretches.iter().take_while(|stretch| {
        let before = spent;
        spent += stretch.cost;
        before < space_time
    });
    affordable.map(worth).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::testing::{synthetic, trace};
    use crate::replay::{Options, Policy, run};

    const DOCUMENTS: Accounting =
        Accounting { unit: Unit::Documents, block: None, room: crate::replay::Room::Before, largest: None };

    #[track_caller]
    fn check(bound: Bound, requests: &str, size: u64, accounting: Accounting, hits: u64) {
        let outcome = bound.of(&trace(requests), size, accounting).unwrap();
        assert_eq!(outcome.traffic.hits, hits, "{bound:?} of {size}: {requests}");
    }

    #[test]
    fn in_an_infinite_cache_only_what_is_new_is_missed() {
        check(Bound::Infinite, "0:4 1:4 0:4 1:5! 1:5 0:4r 0:4", 1, DOCUMENTS, 3);
        check(Bound::Infinite, "0:4u 0:4 0:4u 0:4", 1, DOCUMENTS, 1);
    }

    #[test]
    fn beladys_rule_evicts_what_is_used_last() {
        // The example every book has: three frames, nine faults.
        let reference = "7:1 0:1 1:1 2:1 0:1 3:1 0:1 4:1 2:1 3:1 0:1 3:1 2:1 1:1 2:1 0:1 1:1 7:1 0:1 1:1";
        check(Bound::Belady, reference, 3, DOCUMENTS, 11);
        check(Bound::Belady, "0:4 1:4 0:4! 0:4", 2, DOCUMENTS, 1);
    }

    #[test]
    fn space_time_is_spent_on_the_cheapest_stretches() {
        // Space-time 4 x 2: the stretches cost 2 x 1 (object 1) and 2 x 3 (object 0).
        check(Bound::PfooL, "0:2 1:2 1:2 0:2", 2, Accounting::default(), 2);
        check(Bound::PfooL, "0:2 0:2 0:2", 1, Accounting::default(), 0);
        check(Bound::PfooL, "0:2 0:2! 0:2", 9, Accounting::default(), 1);
    }

    #[test]
    fn no_policy_beats_its_bound() {
        for seed in 0..4 {
            let trace = synthetic(seed, 20_000);
            for name in ["lru", "gdsf", "s3-fifo", "sieve", "size"] {
                let policy = Policy::resolve(name).unwrap();
                for size in [20, 200] {
                    let options = Options { accounting: DOCUMENTS, ..Options::default() };
                    let hits = run(&trace, &policy, size, &options, &|_| ()).unwrap().traffic.hits;
                    let bound = |bound: Bound| bound.of(&trace, size, DOCUMENTS).unwrap().traffic.hits;
                    assert!(hits <= bound(Bound::Belady), "{name} in {size}");
                    assert!(bound(Bound::Belady) <= bound(Bound::PfooL));
                    assert!(bound(Bound::PfooL) <= bound(Bound::Infinite));
                }
                let options = Options::default();
                let traffic = run(&trace, &policy, 200_000, &options, &|_| ()).unwrap().traffic;
                let bound = Bound::PfooL.of(&trace, 200_000, options.accounting).unwrap().traffic;
                assert!(traffic.hits <= bound.hits && traffic.hit_bytes <= bound.hit_bytes, "{name}");
            }
        }
    }
}
