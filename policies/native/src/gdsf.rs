//! GDSF, GreedyDual-Size with frequency: a document's key is `L + uses / size`. L. Cherkasova, "Improving WWW proxies
//! performance with Greedy-Dual-Size-Frequency caching policy", HP Laboratories report HPL-98-69R1, 1998, with cost 1.
//!
//! The strongest of the simple policies for object hits where sizes differ; it pays in byte hits, sometimes dearly.

use std::borrow::Cow;

use cnn_core::policy::{Event, Factory, Goal, HitEvents, Kind, Manifest, Replacement};

use crate::greedy_dual::{GreedyDual, bytes, uses};

pub(crate) const FACTORY: Factory =
    Factory { manifest, build: |_, _| Replacement::Key(Box::new(GreedyDual::new(worth))) };

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("gdsf"),
        summary: Cow::Borrowed(
            "large and little used first; the most hits where sizes differ widely, paid for in bytes",
        ),
        paper: Cow::Borrowed(
            "Cherkasova, \"Improving WWW proxies performance with Greedy-Dual-Size-Frequency caching policy\", \
             HPL-98-69R1, 1998",
        ),
        kind: Kind::Key,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits],
        parameters: Cow::Borrowed(&[]),
    }
}

fn worth(event: &Event) -> f64 {
    uses(event) / bytes(event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::greedy_dual::tests::{event, keys};

    #[test]
    fn a_key_is_the_uses_over_the_size() {
        assert_eq!(keys(&FACTORY, &[event(4, 1, 0), event(4, 8, 0), event(0, 1, 0)]), [0.25, 2.0, 1.0]);
    }
}
