//! What Squid's three policies have in common with each other and not with their papers: reference counts that begin at
//! one with the fetch, times in whole seconds, and an age that is the key of the last one evicted (Squid's
//! `src/repl/heap/store_heap_replacement.cc` and `store_repl_heap.cc`). They are here to be compared with what a Squid
//! did; when room is made, and how much, is the host's affair (Squid does it once a second, between two watermarks).

use cnn_core::policy::{Context, Event, KeyPolicy};

/// A document as Squid's heap policies see it, and their clocks.
pub(crate) struct Entry {
    /// Times it was referenced, 1 to 65,535.
    pub(crate) references: f64,
    /// Bytes, at least 1.
    pub(crate) bytes: f64,
    /// When it was referenced last, in seconds since long ago.
    pub(crate) last_reference: f64,
    /// Now, on the same clock.
    pub(crate) now: f64,
    /// The key of the last one evicted.
    pub(crate) age: f64,
}

/// A heap policy of Squid's: a formula and the age.
pub(crate) struct SquidHeap {
    age: f64,
    formula: fn(&Entry) -> f64,
}

impl SquidHeap {
    pub(crate) const fn new(formula: fn(&Entry) -> f64) -> Self {
        Self { age: 0.0, formula }
    }
}

/// Squid's clock shows Unix time, which makes `1 / last reference` the tie-breaker it is meant to be. Ours begins with the
/// process or the trace; this is added to it.
const EPOCH_SECS: f64 = 1e9;

/// Squid counts references in 16 bits.
const REFERENCES_MAX: f64 = 65_535.0;

impl KeyPolicy for SquidHeap {
    fn key(&mut self, context: &Context<'_>, event: &Event) -> f64 {
        let last_used = context.documents.get(event.slot).last_used;
        (self.formula)(&Entry {
            references: f64::from(event.uses).clamp(1.0, REFERENCES_MAX),
            bytes: event.size.max(1) as f64,
            last_reference: EPOCH_SECS + last_used.as_secs() as f64,
            now: EPOCH_SECS + context.now.as_secs() as f64,
            age: self.age,
        })
    }

    fn evicted(&mut self, key: f64) {
        // Whatever was evicted last, even when that is lower than before.
        if key > 0.0 && key.is_finite() {
            self.age = key;
        }
    }
}
