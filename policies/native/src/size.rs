//! SIZE: the largest document goes first. S. Williams, M. Abrams, C. R. Standridge, G. Abdulla, E. A. Fox, "Removal
//! policies in network caches for World-Wide Web documents", SIGCOMM 1996.
//!
//! The paper breaks ties at random; here the one stored first goes. Nothing ages: small documents that nobody asks for
//! any more stay for ever, which is what the GreedyDual policies were invented against.

use std::borrow::Cow;

use cnn_core::policy::{Context, Event, Factory, Goal, HitEvents, KeyPolicy, Kind, Manifest, Replacement};

pub(crate) const FACTORY: Factory = Factory { manifest, build: |_, _| Replacement::Key(Box::new(Size)) };

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("size"),
        summary: Cow::Borrowed("largest first; for a short rush on small documents, never for long"),
        paper: Cow::Borrowed(
            "Williams, Abrams, Standridge, Abdulla, Fox, \"Removal policies in network caches for World-Wide Web \
             documents\", SIGCOMM 1996",
        ),
        kind: Kind::Key,
        hit_events: HitEvents::Unneeded,
        goals: &[Goal::Hits],
        parameters: Cow::Borrowed(&[]),
    }
}

struct Size;

impl KeyPolicy for Size {
    fn key(&mut self, _context: &Context<'_>, event: &Event) -> f64 {
        -(event.size as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::greedy_dual::tests::{event, keys};

    #[test]
    fn the_larger_a_document_the_lower_its_key() {
        assert_eq!(keys(&FACTORY, &[event(1, 1, 0), event(1 << 40, 9, 9)]), [-1.0, -1_099_511_627_776.0]);
    }
}
