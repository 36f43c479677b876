//! Squid's `heap GDSF`: `key = age + references / size - 1 / last reference` (`HeapKeyGen_StoreEntry_GDSF` in
//! `src/repl/heap/store_heap_replacement.cc`), where the last term breaks ties in favour of what was referenced later.

use std::borrow::Cow;

use cnn_core::policy::{Factory, Goal, HitEvents, Kind, Manifest, Replacement};

use crate::squid::{Entry, SquidHeap};

pub(crate) const FACTORY: Factory =
    Factory { manifest, build: |_, _| Replacement::Key(Box::new(SquidHeap::new(key))) };

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("squid-gdsf"),
        summary: Cow::Borrowed("Squid's heap GDSF, to compare with a Squid"),
        paper: Cow::Borrowed(
            "Squid 5, src/repl/heap/store_heap_replacement.cc; Dilley, Arlitt, \"Improving proxy cache performance: analysis of three replacement policies\", IEEE Internet Computing 3(6), 1999",
        ),
        kind: Kind::Key,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits],
        parameters: Cow::Borrowed(&[]),
    }
}

fn key(entry: &Entry) -> f64 {
    entry.age + entry.references / entry.bytes - 1.0 / entry.last_reference
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_age_and_references_over_size_less_a_tie() {
        let entry = Entry { references: 9.0, bytes: 6.0, last_reference: 4.0, now: 20.0, age: 3.0 };
        assert_eq!(key(&entry), 4.25);
    }
}
