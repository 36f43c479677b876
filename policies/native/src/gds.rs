//! GreedyDual-Size with cost 1: a document's key is `L + 1 / size`. P. Cao and S. Irani, "Cost-aware WWW proxy caching
//! algorithms", USITS 1997, where it is GD-Size(1).
//!
//! Every miss costs the same, so it keeps as many documents as it can: the most object hits of the three variants.

use std::borrow::Cow;

use cnn_core::policy::{Event, Factory, Goal, HitEvents, Kind, Manifest, Replacement};

use crate::greedy_dual::{GreedyDual, bytes};

pub(crate) const FACTORY: Factory =
    Factory { manifest, build: |_, _| Replacement::Key(Box::new(GreedyDual::new(worth))) };

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("gds"),
        summary: Cow::Borrowed(
            "large and long unused first; for hits where sizes differ and popularity moves fast",
        ),
        paper: Cow::Borrowed(
            "Cao, Irani, \"Cost-aware WWW proxy caching algorithms\", USITS 1997: GD-Size(1)",
        ),
        kind: Kind::Key,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits],
        parameters: Cow::Borrowed(&[]),
    }
}

fn worth(event: &Event) -> f64 {
    1.0 / bytes(event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::greedy_dual::tests::{event, keys};

    #[test]
    fn a_key_is_one_over_the_size_whatever_the_uses() {
        assert_eq!(keys(&FACTORY, &[event(4, 1, 0), event(4, 9, 0), event(0, 1, 0)]), [0.25, 0.25, 1.0]);
    }
}
