//! Miss-ratio curves: one policy over many sizes, exact or by miniature simulation.
//!
//! A miniature replays the requests for a sample of the objects, chosen by a hash of their names, through caches that are
//! as much smaller: C. A. Waldspurger, T. Saemundsson, I. Ahmad, N. Park, "Cache modeling and optimization using miniature
//! simulations", USENIX ATC 2017; the sampling is that of SHARDS (C. A. Waldspurger, N. Park, A. Garthwaite, I. Ahmad,
//! FAST 2015). All policies and sizes see the same sample, so that differences are better than levels. As in SHARDS-adj,
//! misses are divided by the requests that the sample should have had: a popular object that is in the sample, or is not,
//! hits at almost every size.

use super::accounting::working_set;
use super::cell::Unit;
use super::observer::RunError;
use super::outcome::{Faults, Outcome, What};
use super::parallel::in_order;
use super::policy::Policy;
use super::run::{Options, observed};
use crate::{Facts, Row, Trace, TraceBuilder};

/// The misses of one policy over a geometric range of sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The trace's name.
    pub trace: String,
    /// The policy as it was named.
    pub policy: String,
    /// What sizes are counted in.
    pub unit: Unit,
    /// The requests of the trace.
    pub requests: u64,
    /// Microseconds from its first to its last.
    pub span_us: u64,
    /// The points, smallest size first.
    pub points: Vec<Point>,
    /// How it was sampled; `None` when every request was replayed.
    pub sampling: Option<Sampling>,
    /// What the policy did wrong at any of the sizes.
    pub faults: Faults,
}

/// One size of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The cache's size in units.
    pub size: u64,
    /// The size as a share of the whole trace's unique bytes (or documents).
    pub share: f64,
    /// Misses per request.
    pub miss_ratio: f64,
    /// Bytes missed per byte asked for.
    pub byte_miss_ratio: f64,
    /// Documents evicted; of a sample, as many more as its share is less.
    pub evictions: u64,
}

/// How a curve was sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// The share of the objects that were replayed, in caches as much smaller.
    pub rate: f64,
    /// Objects replayed.
    pub objects: u64,
    /// The standard error of the miss ratio, estimated from disjoint parts of the sample; the largest of all points.
    pub error: f64,
    /// The same of the byte miss ratio.
    pub byte_error: f64,
}

impl Curve {
    /// The curves that runs of one policy (or bound) at several sizes make, trace by trace and policy by policy in their
    /// order.
    pub fn of(outcomes: &[Outcome], trace: &Trace) -> Vec<Self> {
        let has_size = |outcome: &Outcome| outcome.what != What::Logged && outcome.cell.size.is_some();
        let runs = |outcome: &&Outcome| has_size(outcome) && outcome.cell.trace == trace.name();
        let runs: Vec<_> = outcomes.iter().filter(runs).collect();
        let curves = runs.chunk_by(|a, b| a.cell.policy == b.cell.policy).map(|runs| {
            let unit = runs[0].cell.unit;
            let all = working_set(trace, unit).max(1) as f64;
            let point = |outcome: &&Outcome| {
                let size = outcome.cell.size?;
                let (miss_ratio, byte_miss_ratio) = (outcome.miss_ratio(), outcome.byte_miss_ratio());
                let (share, evictions) = (size as f64 / all, outcome.evictions);
                Some(Point { size, share, miss_ratio, byte_miss_ratio, evictions })
            };
            Self {
                trace: trace.name().to_owned(),
                policy: runs[0].cell.policy.clone(),
                unit,
                requests: trace.len(),
                span_us: trace.span_us(),
                points: runs.iter().filter_map(point).collect(),
                sampling: None,
                faults: runs.iter().fold(Faults::default(), |mut all, outcome| {
                    all.add(outcome.faults.clone());
                    all
                }),
            }
        });
        curves.collect()
    }
}

/// Disjoint parts of a sample from which its error is estimated.
const PARTS: u64 = 4;

/// Sizes from a thousandth of the working set to all of it, two for each doubling, smallest first.
pub fn geometric(trace: &Trace, unit: Unit) -> Vec<u64> {
    let all = working_set(trace, unit) as f64;
    let mut sizes: Vec<_> =
        (0..=20).map(|step| (all / 1024.0 * 2_f64.powf(f64::from(step) / 2.0)) as u64).collect();
    sizes.retain(|&size| size > 0);
    sizes.dedup();
    sizes
}

/// The curves of some policies over some sizes, on so many threads; of a sample of the objects when `rate` is below 1.
///
/// # Errors
/// When rows cannot be read back or kept, or a policy cannot be made.
pub fn curve(
    trace: &Trace,
    policies: &[Policy],
    sizes: &[u64],
    rate: f64,
    options: &Options,
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Curve>, RunError> {
    let samples = Sample::all(trace, rate.clamp(1e-9, 1.0))?;
    let options = Options { switches: Vec::new(), ..options.clone() };
    let cells = policies.iter().flat_map(|policy| sizes.iter().map(move |&size| (policy, size)));
    let jobs: Vec<_> =
        cells.flat_map(|(policy, size)| samples.iter().map(move |sample| (policy, size, sample))).collect();
    let ratios = in_order(&jobs, threads, |(policy, size, sample)| {
        sample.misses(trace, policy, *size, &options, progress)
    });
    let ratios = ratios.into_iter().collect::<Result<Vec<_>, _>>()?;
    let unit = options.accounting.unit;
    let all = working_set(trace, unit).max(1) as f64;
    let mut cells = ratios.chunks(samples.len());
    let curves = policies.iter().map(|policy| {
        let (mut error, mut byte_error, mut faults) = (0.0_f64, 0.0_f64, Faults::default());
        let points = sizes.iter().map(|&size| {
            let cell = cells.next().expect("a result for each job");
            error = error.max(standard_error(cell.iter().skip(1).map(|run| run.miss_ratio)));
            byte_error = byte_error.max(standard_error(cell.iter().skip(1).map(|run| run.byte_miss_ratio)));
            cell.iter().for_each(|run| faults.add(run.faults.clone()));
            let Run { miss_ratio, byte_miss_ratio, evictions, .. } = cell[0];
            Point { size, share: size as f64 / all, miss_ratio, byte_miss_ratio, evictions }
        });
        let points = points.collect();
        let sampling = samples[0].part.as_ref().map(|sampled| Sampling {
            rate: samples[0].rate,
            objects: sampled.objects().len() as u64,
            error,
            byte_error,
        });
        let (requests, span_us) = (trace.len(), trace.span_us());
        let (trace, policy) = (trace.name().to_owned(), policy.name().to_owned());
        Curve { trace, policy, unit, requests, span_us, points, sampling, faults }
    });
    Ok(curves.collect())
}

/// The standard error of the mean of some estimates; zero when there are none.
fn standard_error(estimates: impl Iterator<Item = f64>) -> f64 {
    let estimates: Vec<_> = estimates.collect();
    let count = estimates.len() as f64;
    if count < 2.0 {
        return 0.0;
    }
    let mean = estimates.iter().sum::<f64>() / count;
    let variance = estimates.iter().map(|estimate| (estimate - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (variance / count).sqrt()
}

/// A part of a trace's objects with all their requests.
struct Sample {
    /// The share of the objects it should have.
    rate: f64,
    /// Its requests; `None` when it is the whole trace.
    part: Option<Trace>,
}

impl Sample {
    /// The sample, followed by its disjoint parts; the whole trace alone when nothing is left out.
    fn all(trace: &Trace, rate: f64) -> Result<Vec<Self>, RunError> {
        if rate >= 1.0 {
            return Ok(vec![Self { rate: 1.0, part: None }]);
        }
        let below = (rate * 2_f64.powi(64)) as u64;
        let whole = Self { rate, part: Some(part_of(trace, |place| place < below)?) };
        let parts = (0..PARTS).map(|number| {
            let part = part_of(trace, |place| place < below && place % PARTS == number)?;
            Ok(Self { rate: rate / PARTS as f64, part: Some(part) })
        });
        std::iter::once(Ok(whole)).chain(parts).collect()
    }

    /// What comes of it at a size of the whole trace's cache.
    fn misses(
        &self,
        trace: &Trace,
        policy: &Policy,
        size: u64,
        options: &Options,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Run, RunError> {
        let part = self.part.as_ref().unwrap_or(trace);
        let size = ((size as f64 * self.rate) as u64).max(1);
        let Outcome { traffic, evictions, faults, .. } =
            observed(part, policy, size, options, &mut [], progress)?;
        let ratio = |missed: u64, all: u64| (missed as f64 / (all as f64 * self.rate).max(1.0)).min(1.0);
        Ok(Run {
            miss_ratio: ratio(traffic.requests - traffic.hits, trace.len()),
            byte_miss_ratio: ratio(traffic.bytes - traffic.hit_bytes, trace.bytes()),
            evictions: (evictions as f64 / self.rate).round() as u64,
            faults,
        })
    }
}

/// One policy at one size over one sample.
struct Run {
    miss_ratio: f64,
    byte_miss_ratio: f64,
    /// For the whole trace.
    evictions: u64,
    faults: Faults,
}

/// The requests for the objects whose place, a hash of their name's hash, is chosen.
fn part_of(trace: &Trace, is_chosen: impl Fn(u64) -> bool) -> Result<Trace, RunError> {
    const LEFT_OUT: u32 = u32::MAX;
    let mut builder = TraceBuilder::new(trace.name(), crate::prepare::ROWS_IN_MEMORY_MAX);
    builder.add_facts(Facts::default());
    let mut numbers = vec![None; trace.objects().len()];
    let mut failed = None;
    trace.for_each_chunk(0, |rows| {
        for row in rows {
            let object = trace.objects()[row.object as usize];
            let number = *numbers[row.object as usize].get_or_insert_with(|| {
                if is_chosen(place(object.hash)) { builder.add_object(object, row.size) } else { LEFT_OUT }
            });
            if number != LEFT_OUT {
                failed = failed.take().or(builder.push(Row { object: number, facts: 0, ..*row }).err());
            }
        }
        failed.is_none()
    })?;
    failed.map_or(Ok(()), Err)?;
    Ok(builder.build()?)
}

/// Spreads a hash over all bits once more (the finaliser of SplitMix64): a trace may bring numbers for hashes.
pub(super) const fn place(hash: u64) -> u64 {
    let z = hash.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::run;
    use crate::replay::testing::synthetic;

    fn policies() -> Vec<Policy> {
        ["lru", "gdsf"].map(|name| Policy::resolve(name).unwrap()).to_vec()
    }

    #[test]
    fn an_exact_curve_is_made_of_runs() {
        let trace = synthetic(1, 20_000);
        let options = Options::default();
        let curves = curve(&trace, &policies(), &[50_000, 500_000], 1.0, &options, 2, &|_| ()).unwrap();
        assert_eq!(curves.len(), 2);
        for (curve, policy) in curves.iter().zip(policies()) {
            assert_eq!((curve.policy.as_str(), curve.sampling), (policy.name(), None));
            for point in &curve.points {
                let outcome = run(&trace, &policy, point.size, &options, &|_| ()).unwrap();
                assert!((point.miss_ratio - outcome.miss_ratio()).abs() < 1e-12);
                assert!((point.byte_miss_ratio - outcome.byte_miss_ratio()).abs() < 1e-12);
                let of = &Curve::of(&[outcome], &trace)[0];
                assert_eq!((of.policy.as_str(), of.points[0].share), (policy.name(), point.share));
            }
        }
    }

    #[test]
    fn a_sampled_curve_lies_within_its_error() {
        let trace = synthetic(2, 200_000);
        let (sizes, options) = ([200_000, 1_000_000], Options::default());
        let exact = curve(&trace, &policies(), &sizes, 1.0, &options, 2, &|_| ()).unwrap();
        let sampled = curve(&trace, &policies(), &sizes, 0.3, &options, 2, &|_| ()).unwrap();
        for (exact, sampled) in exact.iter().zip(&sampled) {
            let sampling = sampled.sampling.unwrap();
            let share = sampling.objects as f64 / trace.objects().len() as f64;
            assert!(
                (share - 0.3).abs() < 0.05 && sampling.error > 0.0 && sampling.error < 0.2,
                "{sampling:?}"
            );
            for (exact, sampled) in exact.points.iter().zip(&sampled.points) {
                let off = (exact.miss_ratio - sampled.miss_ratio).abs();
                assert!(off < 4.0 * sampling.error, "{off} with an error of {}", sampling.error);
            }
        }
    }

    #[test]
    fn sizes_double_every_other_time_up_to_the_working_set() {
        let trace = synthetic(3, 20_000);
        let sizes = geometric(&trace, Unit::Bytes);
        assert!(sizes.is_sorted() && sizes.len() == 21);
        assert_eq!(sizes.last().copied(), Some(trace.unique_bytes()));
        assert!(geometric(&trace, Unit::Documents).iter().all(|&size| size > 0));
    }
}
