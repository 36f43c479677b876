//! What came of one run.
//!
//! All but [`Timing`] is a function of trace, cell and options: the same on any machine and with any number of threads.
//! Ratios are not kept but asked for, so that what is added up later is added up from counts.

use cnn_core::policy::{Reevaluate, Traffic};

use super::agreement::Matrix;
use super::cell::Cell;
use super::policy::Ailing;

/// Blocks that a trace is cut into for confidence intervals: enough for a fair estimate of their spread, and each long
/// enough that what happens in one says little about the next.
pub const BLOCKS: usize = 20;

/// What a row of results is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum What {
    /// A policy that was run.
    #[default]
    Policy,
    /// What no policy can beat (or one bound on it), computed with the future known.
    Bound,
    /// What the cache that wrote the log did.
    Logged,
}

/// What came of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The run.
    pub cell: Cell,
    /// What it is about.
    pub what: What,
    /// Requests, hits, and their bytes: of the whole trace, the cold start included.
    pub traffic: Traffic,
    /// Documents evicted to make room.
    pub evictions: u64,
    /// Documents that were not stored: larger than the cache, refused by admission, or not storable.
    pub not_admitted: u64,
    /// Microseconds from the first request of the trace to its last.
    pub span_us: u64,
    /// Estimated response times; `None` where there is nothing to estimate them from (bounds).
    pub response: Option<Response>,
    /// Confidence intervals by blocks of the trace; `None` when it is too short for two, and for bounds.
    pub intervals: Option<Intervals>,
    /// The course of the run, oldest window first: at most a few hundred windows of equally many requests, the last one
    /// shorter. Empty for bounds.
    pub timeline: Vec<Window>,
    /// The switches, oldest first; empty when there were none.
    pub marks: Vec<Mark>,
    /// What policies did wrong.
    pub faults: Faults,
    /// Agreement with what the log recorded, for logs that say what their cache did.
    pub agreement: Option<Matrix>,
    /// Times measured, when asked for; they differ from run to run.
    pub timing: Option<Timing>,
}

impl Outcome {
    /// Misses per request; 0 for an empty trace.
    pub fn miss_ratio(&self) -> f64 {
        self.traffic.hit_ratio().map_or(0.0, |ratio| 1.0 - ratio)
    }

    /// Bytes missed per byte asked for; 0 when none was.
    pub fn byte_miss_ratio(&self) -> f64 {
        self.traffic.byte_hit_ratio().map_or(0.0, |ratio| 1.0 - ratio)
    }

    /// Bytes fetched from origins.
    pub const fn origin_bytes(&self) -> u64 {
        self.traffic.bytes.saturating_sub(self.traffic.hit_bytes)
    }
}

/// Response times as estimated: a hit costs what a hit was measured to cost, a miss what the log says it took, or what a
/// model of latency and bandwidth says where the log says nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Response {
    /// The mean, in microseconds.
    pub mean_us: f64,
    /// The time within which 95 of 100 responses are complete, in microseconds, to two significant digits.
    pub p95_us: u64,
    /// The share of the misses whose time the log told; the others' is the model's.
    pub logged_share: f64,
}

/// A number between two bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

/// 95 % confidence intervals around the ratios of the whole trace: it is cut into [`BLOCKS`] blocks of equally many
/// requests, and how far the ratio moves when one of them is left out tells its variance (the jackknife for ratios, where
/// a block counts by its requests or bytes; Student's t with one degree of freedom less than blocks). They say how much
/// the figure depends on the stretch of traffic, the cold start included; between two policies on one trace the
/// difference is known far better than either.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Intervals {
    /// Of hits per request.
    pub hit_ratio: Interval,
    /// Of bytes from the cache per byte.
    pub byte_hit_ratio: Interval,
}

impl Intervals {
    /// The intervals from the blocks' traffic; `None` when there are fewer than two blocks with requests.
    pub fn of(blocks: &[Traffic]) -> Option<Self> {
        let hits = blocks.iter().map(|block| (block.hits as f64, block.requests as f64));
        let bytes = blocks.iter().map(|block| (block.hit_bytes as f64, block.bytes as f64));
        Some(Self { hit_ratio: interval(hits)?, byte_hit_ratio: interval(bytes)? })
    }
}

/// The 97.5th percentile of Student's t for 1, 2, 3... degrees of freedom, up to one less than [`BLOCKS`].
const STUDENT: [f64; BLOCKS - 1] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093,
];

/// Of the ratio of sums, from the parts and wholes of blocks; those with nothing in them say nothing.
fn interval(blocks: impl Iterator<Item = (f64, f64)>) -> Option<Interval> {
    let blocks: Vec<_> = blocks.filter(|(_, whole)| *whole > 0.0).collect();
    let freedom = blocks.len().checked_sub(1).filter(|&freedom| freedom > 0)?;
    let (parts, wholes) = blocks.iter().fold((0.0, 0.0), |sums, block| (sums.0 + block.0, sums.1 + block.1));
    let ratio = parts / wholes;
    let without = |&(part, whole): &(f64, f64)| (parts - part) / (wholes - whole);
    let moved: f64 = blocks.iter().map(|block| (without(block) - ratio).powi(2)).sum();
    let variance = moved * freedom as f64 / blocks.len() as f64;
    let reach = STUDENT[(freedom - 1).min(STUDENT.len() - 1)] * variance.sqrt();
    Some(Interval { low: (ratio - reach).max(0.0), high: (ratio + reach).min(1.0) })
}

/// The mean of independent samples, and how far its 95 % confidence interval reaches to either side; `None` with fewer
/// than two. Of more than [`BLOCKS`] the interval is a little wide.
pub(crate) fn mean_and_reach(samples: &[f64]) -> Option<(f64, f64)> {
    let freedom = samples.len().checked_sub(1).filter(|&freedom| freedom > 0)?;
    let count = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / count;
    let variance = samples.iter().map(|sample| (sample - mean).powi(2)).sum::<f64>() / freedom as f64;
    Some((mean, STUDENT[(freedom - 1).min(STUDENT.len() - 1)] * (variance / count).sqrt()))
}

/// A stretch of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The number of its first request, counted from 0.
    pub from: u64,
    /// Microseconds from the first request of the trace to its first.
    pub time_us: u64,
    /// What happened in it.
    pub traffic: Traffic,
    /// Evictions in it.
    pub evictions: u64,
    /// Documents in the cache at its end.
    pub documents: u64,
    /// Units in use at its end.
    pub used: u64,
}

/// A switch.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// The number of the first request that the new policy decides about.
    pub at: u64,
    /// Microseconds from the first request of the trace to that one.
    pub time_us: u64,
    /// The policy before.
    pub from: String,
    /// The policy from here on.
    pub to: String,
    /// What was re-evaluated at once; `None` when the cache was flushed instead.
    pub reevaluate: Option<Reevaluate>,
    /// Documents in the cache at that moment.
    pub documents: u64,
}

/// Decisions that were not the policy's own. None, unless a module is faulty: the row is then not that module's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Evictions that the engine decided, because the policy named nobody or a document it does not have.
    pub overruled: u64,
    /// The modules whose calls failed, in the order they began to decide.
    pub modules: Vec<(String, Ailing)>,
}

impl Faults {
    /// How many there were of either kind.
    pub fn count(&self) -> u64 {
        self.overruled + self.modules.iter().map(|(_, ailing)| ailing.calls).sum::<u64>()
    }

    /// Adds those of another run, each module's to its own.
    pub(crate) fn add(&mut self, other: Self) {
        self.overruled += other.overruled;
        for (name, more) in other.modules {
            match self.modules.iter_mut().find(|(known, _)| *known == name) {
                Some((_, ailing)) => {
                    ailing.calls += more.calls;
                    ailing.is_stopped |= more.is_stopped;
                    ailing.last = more.last.or(ailing.last.take());
                }
                None => self.modules.push((name, more)),
            }
        }
    }
}

/// What running took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Seconds of wall time for the run, reading the requests included.
    pub seconds: f64,
    /// Nanoseconds per request that columns, executor and policy took: the run's, less those of a walk over the same
    /// requests that only looks the objects up.
    pub policy_ns: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(requests: u64, hits: u64) -> Traffic {
        Traffic { requests, hits, bytes: 10 * requests, hit_bytes: 5 * hits }
    }

    #[track_caller]
    fn check(hits: &[u64], low: f64, high: f64) {
        let blocks: Vec<_> = hits.iter().map(|&hits| traffic(100, hits)).collect();
        let Interval { low: is_low, high: is_high } = Intervals::of(&blocks).unwrap().hit_ratio;
        assert!((is_low - low).abs() < 1e-3 && (is_high - high).abs() < 1e-3, "{is_low} to {is_high}");
    }

    #[test]
    fn an_interval_is_as_wide_as_the_blocks_differ() {
        check(&[50; 20], 0.5, 0.5);
        // Mean 0.5, deviation 0.1026, 2.093 standard errors.
        check(
            &[40, 60, 40, 60, 40, 60, 40, 60, 40, 60, 40, 60, 40, 60, 40, 60, 40, 60, 40, 60],
            0.452,
            0.548,
        );
        check(&[0, 100], 0.0, 1.0);
    }

    #[test]
    fn an_interval_is_around_the_ratio_of_the_whole_however_the_blocks_differ() {
        let mut rng = fastrand::Rng::with_seed(11);
        for _ in 0..200 {
            let blocks: Vec<Traffic> = (0..rng.usize(2..=BLOCKS))
                .map(|_| {
                    let (requests, bytes) = (rng.u64(1..1000), 1 + (rng.u64(..) >> rng.u32(16..60)));
                    Traffic { requests, hits: rng.u64(..=requests), bytes, hit_bytes: rng.u64(..=bytes) }
                })
                .collect();
            let all = Intervals::of(&blocks).unwrap();
            let sum = |of: fn(&Traffic) -> u64| blocks.iter().map(of).sum::<u64>() as f64;
            let check = |ratio: f64, Interval { low, high }: Interval| {
                assert!(
                    0.0 <= low && low <= ratio && ratio <= high && high <= 1.0,
                    "{ratio}: {low} to {high}"
                );
            };
            check(sum(|block| block.hits) / sum(|block| block.requests), all.hit_ratio);
            check(sum(|block| block.hit_bytes) / sum(|block| block.bytes), all.byte_hit_ratio);
        }
        // One block that has nearly all bytes makes the figure uncertain, not certain.
        let huge = Traffic { requests: 100, hits: 0, bytes: 1_000_000, hit_bytes: 100_000 };
        let Interval { low, high } =
            Intervals::of(&[vec![traffic(100, 90); 19], vec![huge]].concat()).unwrap().byte_hit_ratio;
        assert!(low == 0.0 && high > 0.4, "{low} to {high}");
    }

    #[test]
    fn there_is_no_interval_without_two_blocks_that_have_requests() {
        assert_eq!(Intervals::of(&[traffic(10, 5)]), None);
        assert_eq!(Intervals::of(&[traffic(10, 5), Traffic::default()]), None);
    }
}
