//! Policies in the shadow of a run: what each would do with the same traffic, told while the run goes on, so that whoever
//! watches it (a rule) can act on it.
//!
//! Each has a miniature of the cache: the requests for a sample of the documents, in as much less room (as for curves, see
//! [`mod@super::curve`]). A sample is off by which documents happen to be in it, but by nearly the same for all policies; so
//! what is said is what the run itself does, exactly, and the difference between two miniatures: the candidate's, and that
//! of the policy that decides.
//!
//! A miniature has run its policy from the first request on. What a candidate would do after a switch in the middle is
//! that of `--switch`; this says what it does once that is over.

use cnn_core::policy::{PrepareError, Traffic};

use super::cache::Cache;
use super::curve::place;
use super::observer::{NEVER, Observer, RunError, Stop};
use super::policy::Policy;
use super::run::Options;
use crate::{Row, Trace};

/// Miniatures of one cache under several policies.
pub struct Shadows<'a> {
    trace: &'a Trace,
    /// Documents are in the sample when their place is below this; all, when there is nothing.
    below: Option<u64>,
    minis: Vec<Mini<'a>>,
    /// What the run did.
    live: Traffic,
}

/// One policy with its miniature.
struct Mini<'a> {
    policy: Policy,
    cache: Cache<'a>,
    traffic: Traffic,
}

/// What a policy would do, as far as a sample tells.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// The policy.
    pub policy: Policy,
    /// Hits per request.
    pub hit_ratio: f64,
    /// Bytes from the cache per byte.
    pub byte_hit_ratio: f64,
}

impl<'a> Shadows<'a> {
    /// Miniatures for a run with a cache of `size` units: of the policy that decides, and of those that could. `rate` is
    /// the share of the documents in the sample, above 0 and at most 1.
    ///
    /// # Errors
    /// When a policy cannot be made.
    pub fn new(
        trace: &'a Trace,
        policies: &[Policy],
        size: u64,
        rate: f64,
        options: &Options,
    ) -> Result<Self, PrepareError> {
        let rate = rate.clamp(1e-9, 1.0);
        let size = ((size as f64 * rate) as u64).max(1);
        let mini = |policy: &Policy| {
            let cache = Cache::new(trace, policy, size, options.accounting, options.admission.as_ref())?;
            Ok(Mini { policy: policy.clone(), cache, traffic: Traffic::default() })
        };
        Ok(Self {
            trace,
            below: (rate < 1.0).then_some((rate * 2_f64.powi(64)) as u64),
            minis: policies.iter().map(mini).collect::<Result<_, PrepareError>>()?,
            live: Traffic::default(),
        })
    }

    /// What each policy would have done since [`Shadows::restart`], in their order, while `deciding` did what the run did;
    /// nothing when that one has no miniature, or nothing was sampled yet.
    pub fn estimates(&self, deciding: &Policy) -> Vec<Estimate> {
        let Some(own) = self.minis.iter().find(|mini| mini.policy.name() == deciding.name()) else {
            return Vec::new();
        };
        let paired = |of: fn(Traffic) -> Option<f64>, mini: &Mini<'_>| {
            let ratio = of(self.live)? + of(mini.traffic)? - of(own.traffic)?;
            Some(ratio.clamp(0.0, 1.0))
        };
        let estimate = |mini: &Mini<'_>| {
            Some(Estimate {
                policy: mini.policy.clone(),
                hit_ratio: paired(Traffic::hit_ratio, mini)?,
                byte_hit_ratio: paired(Traffic::byte_hit_ratio, mini)?,
            })
        };
        self.minis.iter().filter_map(estimate).collect()
    }

    /// Counts from here on; what is in the miniatures stays.
    pub fn restart(&mut self) {
        self.live = Traffic::default();
        self.minis.iter_mut().for_each(|mini| mini.traffic = Traffic::default());
    }
}

impl Observer for Shadows<'_> {
    fn next_stop(&self) -> u64 {
        NEVER
    }

    fn stop(&mut self, _stop: &mut Stop<'_, '_>) -> Result<(), RunError> {
        Ok(())
    }

    fn wants_requests(&self) -> bool {
        true
    }

    fn requests(&mut self, rows: &[Row], hits: &[bool]) {
        for (row, &is_hit) in rows.iter().zip(hits) {
            add(&mut self.live, row, is_hit);
            let hash = self.trace.objects()[row.object as usize].hash;
            if self.below.is_none_or(|below| place(hash) < below) {
                for mini in &mut self.minis {
                    let is_hit = mini.cache.request(row);
                    add(&mut mini.traffic, row, is_hit);
                }
            }
        }
    }
}

fn add(traffic: &mut Traffic, row: &Row, is_hit: bool) {
    traffic.requests += 1;
    traffic.bytes += row.size;
    if is_hit {
        traffic.hits += 1;
        traffic.hit_bytes += row.size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::testing::synthetic;
    use crate::replay::{Carry, Reevaluate, observed, run};

    fn policies() -> [Policy; 3] {
        ["lru", "gdsf", "size"].map(|name| Policy::resolve(name).unwrap())
    }

    /// How far estimates are from what a run of each policy does, at the most, in points of hits and of bytes.
    fn furthest(rate: f64) -> (f64, f64) {
        let (trace, size, options) = (synthetic(5, 200_000), 500_000, Options::default());
        let policies = policies();
        let mut shadows = Shadows::new(&trace, &policies, size, rate, &options).unwrap();
        observed(&trace, &policies[0], size, &options, &mut [&mut shadows], &|_| ()).unwrap();
        let estimates = shadows.estimates(&policies[0]);
        assert_eq!(estimates.len(), 3);
        estimates.iter().fold((0.0, 0.0), |(hits, bytes): (f64, f64), estimate| {
            let traffic = run(&trace, &estimate.policy, size, &options, &|_| ()).unwrap().traffic;
            let off = |own: f64, exact: Option<f64>| 100.0 * (own - exact.unwrap()).abs();
            (
                hits.max(off(estimate.hit_ratio, traffic.hit_ratio())),
                bytes.max(off(estimate.byte_hit_ratio, traffic.byte_hit_ratio())),
            )
        })
    }

    #[test]
    fn a_shadow_of_all_documents_is_exact_and_one_of_some_nearly() {
        let (hits, bytes) = furthest(1.0);
        assert!(hits < 1e-9 && bytes < 1e-9, "{hits} and {bytes} points");
        let (hits, bytes) = furthest(0.25);
        assert!(hits < 2.0 && bytes < 4.0, "{hits} and {bytes} points");
    }

    #[test]
    fn a_policy_that_casts_no_shadow_is_compared_with_nothing() {
        let trace = synthetic(6, 1000);
        let shadows = Shadows::new(&trace, &policies()[1..], 10_000, 0.5, &Options::default()).unwrap();
        assert!(shadows.estimates(&policies()[0]).is_empty());
        assert!(shadows.estimates(&policies()[1]).is_empty(), "nothing was asked for yet");
    }

    /// A rule: every so many requests, the policy that would have hit most decides from there on.
    struct Best<'a> {
        shadows: Shadows<'a>,
        next: u64,
    }

    impl Observer for Best<'_> {
        fn next_stop(&self) -> u64 {
            self.next
        }

        fn stop(&mut self, stop: &mut Stop<'_, '_>) -> Result<(), RunError> {
            self.next = stop.at + 5000;
            let estimates = self.shadows.estimates(stop.policy());
            let best = estimates.iter().max_by(|a, b| a.hit_ratio.total_cmp(&b.hit_ratio));
            if let Some(best) = best.filter(|best| best.policy.name() != stop.policy().name()) {
                stop.switch(&best.policy, Carry::Reevaluate(Reevaluate::All))?;
            }
            self.shadows.restart();
            Ok(())
        }

        fn wants_requests(&self) -> bool {
            true
        }

        fn requests(&mut self, rows: &[Row], hits: &[bool]) {
            self.shadows.requests(rows, hits);
        }
    }

    #[test]
    fn a_rule_that_follows_the_shadows_ends_with_the_better_policy() {
        let (trace, size, options) = (synthetic(5, 100_000), 500_000, Options::default());
        let ratio =
            |policy| run(&trace, policy, size, &options, &|_| ()).unwrap().traffic.hit_ratio().unwrap();
        let policies = policies();
        let alone = policies.each_ref().map(ratio);
        let (worst, best) = (
            (0..3).min_by(|&a, &b| alone[a].total_cmp(&alone[b])).unwrap(),
            alone.iter().copied().fold(0.0, f64::max),
        );
        let shadows = Shadows::new(&trace, &policies, size, 0.25, &options).unwrap();
        let mut rule = Best { shadows, next: 5000 };
        let followed = observed(&trace, &policies[worst], size, &options, &mut [&mut rule], &|_| ()).unwrap();
        let hits = followed.traffic.hit_ratio().unwrap();
        assert!(!followed.marks.is_empty() && hits > alone[worst], "{hits} of {alone:?}");
        assert!(best - hits < 0.02, "{hits} of {alone:?}");
    }
}
