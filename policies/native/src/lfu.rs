//! LFU, least frequently used: a document's key is its uses since it was stored, and of equals the one used longest ago
//! goes. S. Williams, M. Abrams, C. R. Standridge, G. Abdulla, E. A. Fox, "Removal policies in network caches for
//! World-Wide Web documents", SIGCOMM 1996, where it is the removal by number of references; uses are counted while a
//! document is in the cache, not before and after.
//!
//! Nothing ages here: what was popular once stays until it is purged. It is the yardstick for policies that age, of which
//! `lfu-da` is the nearest, not a policy for a proxy that runs for months.

use std::borrow::Cow;

use cnn_core::policy::{Context, Event, Factory, Goal, HitEvents, KeyPolicy, Kind, Manifest, Replacement};

use crate::greedy_dual::uses;

pub(crate) const FACTORY: Factory = Factory { manifest, build: |_, _| Replacement::Key(Box::new(Lfu)) };

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("lfu"),
        summary: Cow::Borrowed(
            "least used first, without aging; a yardstick, as it never forgets what was popular once",
        ),
        paper: Cow::Borrowed(
            "Williams, Abrams, Standridge, Abdulla, Fox, \"Removal policies in network caches for World-Wide Web \
             documents\", SIGCOMM 1996",
        ),
        kind: Kind::Key,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Bytes, Goal::Hits],
        parameters: Cow::Borrowed(&[]),
    }
}

struct Lfu;

impl KeyPolicy for Lfu {
    fn key(&mut self, _context: &Context<'_>, event: &Event) -> f64 {
        uses(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::greedy_dual::tests::{event, keys};

    #[test]
    fn a_key_is_the_uses_and_nothing_else() {
        assert_eq!(keys(&FACTORY, &[event(1, 1, 0), event(1 << 40, 3, 9), event(5, 0, 0)]), [1.0, 3.0, 1.0]);
    }
}
