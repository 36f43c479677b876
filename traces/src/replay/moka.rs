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

use super::cell::Cell;
use super::latency::Responses;
use super::outcome::{Faults, Outcome, What};
use super::run::Options;
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
    let mut traffic = Traffic { requests: trace.len(), bytes: trace.bytes(), ..Traffic::default() };
    let mut not_admitted = 0;
    trace.for_each_chunk(0, |rows| {
        for row in rows {
            if is_hit(&cache, row) {
                traffic.hits += 1;
                traffic.hit_bytes += row.size;
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
        intervals: None,
        timeline: Vec::new(),
        marks: Vec::new(),
        faults: Faults::default(),
        agreement: None,
        timing: None,
    })
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
    }
}
