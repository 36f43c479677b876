//! LFU-DA, least frequently used with dynamic aging: a document's key is its uses plus the key of the last evicted,
//! `K = C * F + L` with cost 1. M. Arlitt, L. Cherkasova, J. Dilley, R. Friedrich, T. Jin, "Evaluating content
//! management techniques for Web proxy caches", ACM SIGMETRICS Performance Evaluation Review 27(4), 2000.
//!
//! The size plays no part, so large popular documents stay: byte hits are bought with object hits.

use std::borrow::Cow;

use cnn_core::policy::{Factory, Goal, HitEvents, Kind, Manifest, Replacement};

use crate::greedy_dual::{GreedyDual, uses};

pub(crate) const FACTORY: Factory =
    Factory { manifest, build: |_, _| Replacement::Key(Box::new(GreedyDual::new(uses))) };

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("lfu-da"),
        summary: Cow::Borrowed("least used first, with aging; to save bytes where traffic is paid by volume"),
        paper: Cow::Borrowed(
            "Arlitt, Cherkasova, Dilley, Friedrich, Jin, \"Evaluating content management techniques for Web proxy \
             caches\", SIGMETRICS Performance Evaluation Review 27(4), 2000",
        ),
        kind: Kind::Key,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Bytes, Goal::Hits],
        parameters: Cow::Borrowed(&[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::greedy_dual::tests::{event, keys};

    #[test]
    fn a_key_is_the_uses_whatever_the_size() {
        assert_eq!(keys(&FACTORY, &[event(1, 1, 0), event(1 << 40, 3, 9), event(5, 0, 0)]), [1.0, 3.0, 1.0]);
    }
}
