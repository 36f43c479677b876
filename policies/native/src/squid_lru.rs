//! Squid's `heap LRU`: the document not referenced for longest, to the second, goes first. The key is the time of the
//! last reference (`HeapKeyGen_StoreEntry_LRU` in `src/repl/heap/store_heap_replacement.cc`); of those referenced in the
//! same second, the one keyed first.

use std::borrow::Cow;

use cnn_core::policy::{Factory, Goal, HitEvents, Kind, Manifest, Replacement};

use crate::squid::{Entry, SquidHeap};

pub(crate) const FACTORY: Factory =
    Factory { manifest, build: |_, _| Replacement::Key(Box::new(SquidHeap::new(key))) };

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("squid-lru"),
        summary: Cow::Borrowed("Squid's heap LRU, to compare with a Squid"),
        paper: Cow::Borrowed(
            "Squid 5, src/repl/heap/store_heap_replacement.cc; Dilley, Arlitt, \"Improving proxy cache performance: analysis of three replacement policies\", IEEE Internet Computing 3(6), 1999",
        ),
        kind: Kind::Key,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits, Goal::Bytes],
        parameters: Cow::Borrowed(&[]),
    }
}

fn key(entry: &Entry) -> f64 {
    entry.last_reference
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_last_reference() {
        let entry = Entry { references: 9.0, bytes: 7.0, last_reference: 12.0, now: 20.0, age: 3.0 };
        assert_eq!(key(&entry), 12.0);
    }
}
