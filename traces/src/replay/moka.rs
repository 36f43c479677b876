//! The crate `moka` as a row of its own: its cache as its users get it, for comparison. It decides by itself what to
//! admit and to evict (W-TinyLFU) and has nothing to do with the engine, so it knows no switch and no admission policy.
//!
//! Two things are set so that the same trace gives the same row: a hasher without random seed, and its pending work done
//! after each insert (left alone it does that from time to time, by the clock). It counts sizes with 32 bits: documents
//! beyond 4 GiB count as that.

use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cnn_core::policy::Traffic;
use moka::notification::RemovalCause;
use moka::sync::Cache;

use super::agreement::Counting;
use super::cell::Cell;
use super::latency::Responses;
use super::outcome::{Faults, Outcome, What, Window};
use super::run::{Options, intervals};
use super::timeline::window_requests;
use crate::{Flags, Row, Trace};

/// Its name in reports and where policies are named.
pub const NAME: &str = "moka";

/// A document in it is nothing but its weight.
type Weights = Cache<u32, u32, BuildHasherDefault<DefaultHasher>>;

/// Replays a trace through a cache of moka's with room for `size` units.
///
/// # Errors
/// When the rows cannot be read back.
pub fn moka(
    trace: &Trace,
    size: u64,
    options: &Options,
    progress: &(dyn Fn(u64) + Sync),
) -> std::io::Result<Outcome> {
    let evictions = Arc::new(AtomicU64::new(0));
    let cache = cache(size, Arc::clone(&evictions));
    let mut responses = Responses::new(options.latency);
    let every = window_requests(trace.len());
    let mut timeline: Vec<Window> = Vec::new();
    let mut counting = Counting::default();
    let (mut number, mut not_admitted) = (0_u64, 0);
    trace.for_each_chunk(0, |rows| {
        for row in rows {
            if number.is_multiple_of(every) {
                close(timeline.last_mut(), &cache, &evictions);
                timeline.push(Window { from: number, time_us: row.time_us, ..Window::default() });
            }
            number += 1;
            let is_hit = is_hit(&cache, row);
            let window = timeline.last_mut().expect("the first request begins one");
            count(&mut window.traffic, row, is_hit);
            if row.flags & Flags::HAS_LOGGED != 0 {
                let origin = trace.objects()[row.object as usize].origin;
                let logged = row.flags & Flags::LOGGED_HIT != 0;
                counting.count(row.facts, origin, row.time_us, logged, is_hit);
            }
            if is_hit {
                continue;
            }
            responses.miss(row);
            if row.flags & Flags::UNSTORABLE != 0 {
                not_admitted += 1;
                continue;
            }
            let weight = u32::try_from(options.accounting.charge(row.size)).unwrap_or(u32::MAX);
            cache.insert(row.object, weight);
            cache.run_pending_tasks();
            not_admitted += u64::from(!cache.contains_key(&row.object));
        }
        progress(rows.len() as u64);
        true
    })?;
    close(timeline.last_mut(), &cache, &evictions);
    // What was counted at the end of each window becomes what happened in it.
    for at in (1..timeline.len()).rev() {
        timeline[at].evictions -= timeline[at - 1].evictions;
    }
    let traffic = timeline.iter().fold(Traffic::default(), |all, window| sum(all, window.traffic));
    let unit = options.accounting.unit;
    Ok(Outcome {
        cell: Cell {
            trace: trace.name().to_owned(),
            policy: NAME.to_owned(),
            size: Some(size),
            unit,
            admission: None,
        },
        what: What::Policy,
        traffic,
        evictions: evictions.load(Relaxed),
        not_admitted,
        span_us: trace.span_us(),
        response: Some(responses.finish(traffic.hits)),
        intervals: intervals(trace.len(), &timeline),
        timeline,
        marks: Vec::new(),
        faults: Faults::default(),
        agreement: counting.finish(trace),
        timing: None,
    })
}

/// Notes what there is at the end of a window, and all evictions so far.
fn close(window: Option<&mut Window>, cache: &Weights, evictions: &AtomicU64) {
    if let Some(window) = window {
        (window.documents, window.used) = (cache.entry_count(), cache.weighted_size());
        window.evictions = evictions.load(Relaxed);
    }
}

fn count(traffic: &mut Traffic, row: &Row, is_hit: bool) {
    traffic.requests += 1;
    traffic.bytes += row.size;
    if is_hit {
        traffic.hits += 1;
        traffic.hit_bytes += row.size;
    }
}

fn sum(a: Traffic, b: Traffic) -> Traffic {
    Traffic {
        requests: a.requests + b.requests,
        hits: a.hits + b.hits,
        bytes: a.bytes + b.bytes,
        hit_bytes: a.hit_bytes + b.hit_bytes,
    }
}

fn cache(size: u64, evictions: Arc<AtomicU64>) -> Weights {
    Cache::builder()
        .max_capacity(size)
        .weigher(|_, &weight| weight)
        .eviction_listener(move |_, _, cause| {
            evictions.fetch_add(u64::from(cause == RemovalCause::Size), Relaxed);
        })
        .build_with_hasher(BuildHasherDefault::default())
}

/// Asks for the document, which counts as a use; what was stored may still be of no use.
fn is_hit(cache: &Weights, row: &Row) -> bool {
    cache.get(&row.object).is_some() && row.flags & (Flags::RELOAD | Flags::UNSTORABLE | Flags::CHANGED) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::testing::{synthetic, trace};

    fn replayed(trace: &Trace, size: u64) -> Outcome {
        moka(trace, size, &Options::default(), &|_| ()).unwrap()
    }

    #[test]
    fn what_fits_is_kept_and_what_was_fetched_twice_hits() {
        let outcome = replayed(&trace("0:1 1:1 0:1 1:1 0:1"), 10);
        assert_eq!((outcome.traffic.requests, outcome.traffic.hits, outcome.evictions), (5, 3, 0));
    }

    #[test]
    fn it_evicts_and_refuses_within_its_size_and_comes_out_the_same_every_time() {
        let trace = synthetic(7, 20_000);
        let [small, large] = [1000, 100_000].map(|size| replayed(&trace, size));
        assert!(small.evictions > 0 && small.not_admitted > 0, "{small:?}");
        assert!(small.traffic.hits < large.traffic.hits);
        assert_eq!(replayed(&trace, 1000), small);
        // Its ratios at small sizes are those of a cache that keeps within them.
        for outcome in [&small, &large] {
            assert!(outcome.timeline.iter().all(|window| window.used <= outcome.cell.size.unwrap()));
            let evictions = outcome.timeline.iter().map(|window| window.evictions).sum::<u64>();
            assert_eq!((evictions, outcome.timeline.len()), (outcome.evictions, 100));
        }
        assert!(small.intervals.is_some());
    }
}
