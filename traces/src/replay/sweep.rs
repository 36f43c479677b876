//! What a switch costs, and how that depends on how much is re-evaluated at once: one switch, repeated with several
//! shares, against a cache that stayed with the old policy and one that always had the new one.

use cnn_core::policy::{Reevaluate, Traffic};

use super::observer::{NEVER, Observer, RunError, Stop};
use super::outcome::{Outcome, Window};
use super::parallel::in_order;
use super::policy::Policy;
use super::run::{Options, observed, run};
use super::schedule::{At, Planned};
use crate::Trace;

/// A way to go from one policy to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Carry {
    /// Re-evaluate so many at once, and the others in their turn.
    Reevaluate(Reevaluate),
    /// Begin with an empty cache.
    Flush,
}

/// One switch, carried out in several ways.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// The number of the first request the new policy decides about.
    pub at: u64,
    /// Documents in the cache at that moment: the unit of areas.
    pub documents: u64,
    /// The run that never switched.
    pub stayed: Outcome,
    /// The run that had the new policy from the first request.
    pub always: Outcome,
    /// The ways, with what came of each.
    pub ways: Vec<Way>,
}

/// One way to switch, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// How.
    pub carry: Carry,
    /// The run.
    pub outcome: Outcome,
    /// What it cost.
    pub effect: Effect,
}

/// What a switch cost. Points are hundredths of a hit ratio, and never below 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Effect {
    /// The furthest that a window's hit ratio fell below that of the cache that stayed, in points.
    pub dip: f64,
    /// The same of the byte hit ratio.
    pub byte_dip: f64,
    /// The furthest that it fell below that of the cache that always had the new policy, in points.
    pub gap: f64,
    /// The same of the byte hit ratio.
    pub byte_gap: f64,
    /// Misses until the end of the trace more than those of the cache that always had the new policy, per document that
    /// was in the cache at the switch. Below 0 when the switch did better.
    pub area: f64,
    /// Bytes missed more, per byte that was in the cache at the switch.
    pub byte_area: f64,
    /// Requests from the switch to the end of the last window whose hit ratio was more than half a point below that of
    /// the cache that always had the new policy.
    pub settled_after: u64,
}

/// Points of hit ratio that count as none.
const SETTLED: f64 = 0.5;

impl Effect {
    /// The effect of a switch at request `at`, from the timelines of three runs with the same windows, one of which
    /// begins at `at`. `documents` and `used` are what was in the cache then.
    pub fn of(
        at: u64,
        documents: u64,
        used: u64,
        live: &[Window],
        stayed: &[Window],
        always: &[Window],
    ) -> Self {
        let mut effect = Self::default();
        let (mut misses, mut bytes) = (0.0, 0.0);
        let windows = live.iter().zip(stayed).zip(always).filter(|((live, _), _)| live.from >= at);
        for ((live, stayed), always) in windows {
            let (live_traffic, stayed, always) = (live.traffic, stayed.traffic, always.traffic);
            let points =
                |other: Option<f64>, own: Option<f64>| 100.0 * (other.unwrap_or(0.0) - own.unwrap_or(0.0));
            let gap = points(always.hit_ratio(), live_traffic.hit_ratio());
            effect.dip = effect.dip.max(points(stayed.hit_ratio(), live_traffic.hit_ratio()));
            effect.gap = effect.gap.max(gap);
            effect.byte_dip =
                effect.byte_dip.max(points(stayed.byte_hit_ratio(), live_traffic.byte_hit_ratio()));
            effect.byte_gap =
                effect.byte_gap.max(points(always.byte_hit_ratio(), live_traffic.byte_hit_ratio()));
            misses += always.hits as f64 - live_traffic.hits as f64;
            bytes += always.hit_bytes as f64 - live_traffic.hit_bytes as f64;
            if gap > SETTLED {
                effect.settled_after = live.from + live_traffic.requests - at;
            }
        }
        effect.area = misses / documents.max(1) as f64;
        effect.byte_area = bytes / used.max(1) as f64;
        effect
    }
}

impl Carry {
    /// The ways a sweep compares: from nothing at once to everything, and an empty cache for contrast.
    pub const SWEEP: [Self; 7] = [
        Self::Reevaluate(Reevaluate::Count(0)),
        Self::Reevaluate(Reevaluate::Percent(5.0)),
        Self::Reevaluate(Reevaluate::Percent(10.0)),
        Self::Reevaluate(Reevaluate::Percent(20.0)),
        Self::Reevaluate(Reevaluate::Percent(50.0)),
        Self::Reevaluate(Reevaluate::All),
        Self::Flush,
    ];
}

/// Windows of a run while effects are made out, at most; and as they are reported.
const WINDOWS_MAX: u64 = 4000;
/// Requests of a window, at least, where there are enough: with fewer, dips and gaps are those of chance.
const WINDOW_REQUESTS_MIN: u64 = 250;
const WINDOWS_SHOWN: usize = 200;

/// Carries the switch from `from` to `to` at a request out in each of the ways, on so many threads. Windows are as long
/// as a quarter of the documents in the cache at the switch, but no shorter than one part in `WINDOWS_MAX` of the
/// trace, and than `WINDOW_REQUESTS_MIN` as far as there are a hundred such windows.
///
/// # Errors
/// When the rows cannot be read back or a policy cannot be made.
pub fn sweep(
    trace: &Trace,
    (from, to): (&Policy, &Policy),
    at: At,
    size: u64,
    options: &Options,
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Sweep, RunError> {
    let at = at.request(trace)?;
    let mut census = Census { at, documents: 0, used: 0, is_done: false };
    let plain = Options { switches: Vec::new(), ..options.clone() };
    observed(trace, from, size, &plain, &mut [&mut census], progress)?;
    let least = WINDOW_REQUESTS_MIN.min(trace.len() / 100);
    let every = (census.documents / 4).max(trace.len() / WINDOWS_MAX).max(least).max(1);

    let plain = Options { windows: Some((every, at)), ..plain };
    let mut jobs = vec![(from, plain.clone()), (to, plain.clone())];
    jobs.extend(Carry::SWEEP.map(|carry| {
        let planned = Planned { at: At::Request(at), to: to.clone(), carry };
        (from, Options { switches: vec![planned], ..plain.clone() })
    }));
    let outcomes = in_order(&jobs, threads, |(policy, options)| run(trace, policy, size, options, progress));
    let mut outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter();
    let mut next = || outcomes.next().expect("a result for each job");
    let (stayed, always) = (next(), next());
    let ways = Carry::SWEEP.map(|carry| {
        let outcome = next();
        let timelines = [&outcome, &stayed, &always].map(|outcome| &outcome.timeline[..]);
        let effect = Effect::of(at, census.documents, census.used, timelines[0], timelines[1], timelines[2]);
        Way { carry, outcome: coarser(outcome, at), effect }
    });
    let (stayed, always) = (coarser(stayed, at), coarser(always, at));
    Ok(Sweep { at, documents: census.documents, stayed, always, ways: ways.into() })
}

/// Counts what is in the cache before a request.
struct Census {
    at: u64,
    documents: u64,
    used: u64,
    is_done: bool,
}

impl Observer for Census {
    fn next_stop(&self) -> u64 {
        if self.is_done { NEVER } else { self.at }
    }

    fn stop(&mut self, stop: &mut Stop<'_, '_>) -> Result<(), RunError> {
        if !self.is_done {
            (self.documents, self.used) = (stop.documents(), stop.used());
        }
        self.is_done = true;
        Ok(())
    }
}

/// Puts neighbouring windows together until there are few enough to show; one still begins at `at`.
fn coarser(mut outcome: Outcome, at: u64) -> Outcome {
    let together = outcome.timeline.len().div_ceil(WINDOWS_SHOWN).max(1);
    let before = outcome.timeline.partition_point(|window| window.from < at);
    let (early, late) = outcome.timeline.split_at(before);
    let groups = early.rchunks(together).rev().chain(late.chunks(together));
    outcome.timeline = groups.map(merged).collect();
    outcome
}

fn merged(windows: &[Window]) -> Window {
    let mut all = windows[0];
    for window in &windows[1..] {
        let (a, b) = (all.traffic, window.traffic);
        all = Window {
            traffic: Traffic {
                requests: a.requests + b.requests,
                hits: a.hits + b.hits,
                bytes: a.bytes + b.bytes,
                hit_bytes: a.hit_bytes + b.hit_bytes,
            },
            evictions: all.evictions + window.evictions,
            documents: window.documents,
            used: window.used,
            ..all
        };
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::testing::synthetic;

    /// Windows of 100 requests of 10 bytes with so many hits.
    fn timeline(hits: &[u64]) -> Vec<Window> {
        let windows = hits.iter().enumerate();
        let traffic = |hits| Traffic { requests: 100, hits, bytes: 1000, hit_bytes: 10 * hits };
        windows
            .map(|(number, &hits)| Window {
                from: 100 * number as u64,
                traffic: traffic(hits),
                ..Window::default()
            })
            .collect()
    }

    #[test]
    fn dip_gap_and_area_are_what_lies_between_the_curves_after_the_switch() {
        let stayed = timeline(&[40, 40, 40, 40, 40]);
        let always = timeline(&[60, 60, 60, 60, 60]);
        let live = timeline(&[10, 40, 35, 50, 62]);
        let effect = Effect::of(200, 9, 100, &live, &stayed, &always);
        let expected = Effect {
            dip: 5.0,
            byte_dip: 5.0,
            gap: 25.0,
            byte_gap: 25.0,
            area: 33.0 / 9.0,
            byte_area: 3.3,
            settled_after: 200,
        };
        assert!((effect.dip - expected.dip).abs() < 1e-9 && (effect.gap - expected.gap).abs() < 1e-9);
        assert!((effect.byte_dip - expected.byte_dip).abs() < 1e-9);
        assert!((effect.byte_gap - expected.byte_gap).abs() < 1e-9);
        assert!((effect.area - expected.area).abs() < 1e-9, "{effect:?}");
        assert!((effect.byte_area - expected.byte_area).abs() < 1e-9);
        assert_eq!(effect.settled_after, expected.settled_after);
    }

    #[test]
    fn a_switch_that_changes_nothing_costs_nothing() {
        let same = timeline(&[40, 41, 42]);
        assert_eq!(Effect::of(100, 9, 100, &same, &same, &same), Effect::default());
    }

    fn sweep_of(from: &str, to: &str, threads: usize) -> Sweep {
        let policies = [from, to].map(|name| Policy::resolve(name).unwrap());
        let trace = synthetic(7, 40_000);
        let policies = (&policies[0], &policies[1]);
        sweep(&trace, policies, At::Percent(50.0), 300_000, &Options::default(), threads, &|_| ()).unwrap()
    }

    #[test]
    fn a_sweep_shows_that_a_flush_costs_most() {
        let sweep = sweep_of("lru", "gdsf", 2);
        assert_eq!((sweep.at, sweep.ways.len()), (20_000, 7));
        assert!(sweep.always.traffic.hits > sweep.stayed.traffic.hits, "the switch is to a better policy");
        let effect = |carry| sweep.ways.iter().find(|way| way.carry == carry).unwrap().effect;
        let (all, flush) = (effect(Carry::Reevaluate(Reevaluate::All)), effect(Carry::Flush));
        assert!(flush.dip > 2.0 && flush.dip > all.dip, "{flush:?} {all:?}");
        for way in &sweep.ways {
            assert!(way.outcome.timeline.len() <= 2 * WINDOWS_SHOWN);
            assert!(way.outcome.timeline.iter().any(|window| window.from == sweep.at));
            let requests: u64 = way.outcome.timeline.iter().map(|window| window.traffic.requests).sum();
            assert_eq!((requests, way.outcome.marks.len()), (40_000, 1));
        }
    }

    #[test]
    fn a_sweep_is_the_same_on_any_number_of_threads() {
        assert_eq!(sweep_of("gdsf", "lru", 1), sweep_of("gdsf", "lru", 3));
    }

    #[test]
    fn a_switch_to_the_same_policy_costs_next_to_nothing_without_a_flush() {
        let sweep = sweep_of("lru", "lru", 1);
        let all = sweep.ways.iter().find(|way| way.carry == Carry::Reevaluate(Reevaluate::All)).unwrap();
        assert_eq!(all.effect, Effect::default());
    }
}
