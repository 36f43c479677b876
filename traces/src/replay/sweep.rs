//! What a switch costs, and how that depends on how much is re-evaluated at once: one switch, repeated with several
//! shares, against a cache that stayed with the old policy and one that always had the new one.

use cnn_core::policy::Reevaluate;

use super::outcome::{Outcome, Window};

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

#[cfg(test)]
mod tests {
    use cnn_core::policy::Traffic;

    use super::*;

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
}
