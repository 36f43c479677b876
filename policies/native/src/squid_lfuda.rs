//! Squid's `heap LFUDA`: `key = age + references - tie` with `tie = 1 - exp((last reference - now) / 86400)`
//! (`HeapKeyGen_StoreEntry_LFUDA` in `src/repl/heap/store_heap_replacement.cc`): of documents referenced equally often,
//! the one not referenced for longer goes first.

use std::borrow::Cow;

use cnn_core::policy::{Factory, Goal, HitEvents, Kind, Manifest, Replacement};

use crate::squid::{Entry, SquidHeap};

pub(crate) const FACTORY: Factory =
    Factory { manifest, build: |_, _| Replacement::Key(Box::new(SquidHeap::new(key))) };

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("squid-lfuda"),
        summary: Cow::Borrowed("Squid's heap LFUDA, to compare with a Squid"),
        paper: Cow::Borrowed(
            "Squid 5, src/repl/heap/store_heap_replacement.cc; Dilley, Arlitt, \"Improving proxy cache performance: analysis of three replacement policies\", IEEE Internet Computing 3(6), 1999",
        ),
        kind: Kind::Key,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Bytes, Goal::Hits],
        parameters: Cow::Borrowed(&[]),
    }
}

const SECONDS_PER_DAY: f64 = 86_400.0;

fn key(entry: &Entry) -> f64 {
    let tie = if entry.last_reference <= entry.now {
        1.0 - ((entry.last_reference - entry.now) / SECONDS_PER_DAY).exp()
    } else {
        0.0
    };
    entry.age + entry.references - tie
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_age_and_references_less_a_tie_that_grows_by_the_day() {
        let entry = Entry { references: 9.0, bytes: 6.0, last_reference: 4.0, now: 4.0, age: 3.0 };
        assert_eq!(key(&entry), 12.0);
        let later = key(&Entry { now: 4.0 + SECONDS_PER_DAY, ..entry });
        assert!((later - (11.0 + 1.0 / std::f64::consts::E)).abs() < 1e-12, "{later}");
    }
}
