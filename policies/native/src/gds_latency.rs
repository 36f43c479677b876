//! GreedyDual-Size with the measured fetch time as the cost: a document's key is `L + fetch_us / size`. P. Cao and
//! S. Irani, "Cost-aware WWW proxy caching algorithms", USITS 1997, where it is GD-Size with the download latency.
//!
//! The paper does not say what a document costs whose latency was never measured; here it costs what the measured
//! ones cost on average so far (1 while there is none, which makes it GD-Size(1)).

use std::borrow::Cow;

use cnn_core::policy::{Event, Factory, Goal, HitEvents, Kind, Manifest, Replacement};

use crate::greedy_dual::{GreedyDual, bytes};

pub(crate) const FACTORY: Factory = Factory {
    manifest,
    build: |_, _| {
        let mut latencies = Latencies::default();
        Replacement::Key(Box::new(GreedyDual::new(move |event: &Event| latencies.cost(event) / bytes(event))))
    },
};

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("gds-latency"),
        summary: Cow::Borrowed(
            "cheapest to fetch again per byte first; to cut waiting where origins differ in speed",
        ),
        paper: Cow::Borrowed(
            "Cao, Irani, \"Cost-aware WWW proxy caching algorithms\", USITS 1997: GD-Size(latency)",
        ),
        kind: Kind::Key,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Latency, Goal::Hits],
        parameters: Cow::Borrowed(&[]),
    }
}

/// The fetch times seen so far.
#[derive(Default)]
struct Latencies {
    known: f64,
    mean_us: f64,
}

impl Latencies {
    fn cost(&mut self, event: &Event) -> f64 {
        let fetch_us = f64::from(event.fetch_us);
        if fetch_us > 0.0 {
            self.known += 1.0;
            self.mean_us += (fetch_us - self.mean_us) / self.known;
            fetch_us
        } else if self.known > 0.0 {
            self.mean_us
        } else {
            1.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::greedy_dual::tests::{event, keys};

    #[test]
    fn a_key_is_the_fetch_time_over_the_size() {
        assert_eq!(keys(&FACTORY, &[event(4, 1, 100), event(100, 9, 1_000)]), [25.0, 10.0]);
    }

    #[test]
    fn a_document_of_unknown_cost_counts_as_the_mean_of_the_known() {
        let events = [event(2, 1, 0), event(1, 1, 100), event(1, 1, 300), event(2, 1, 0)];
        assert_eq!(keys(&FACTORY, &events), [0.5, 100.0, 300.0, 100.0]);
    }
}
