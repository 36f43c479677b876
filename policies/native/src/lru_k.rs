//! LRU-K with K = 2: the document whose last use but one is longest ago goes first; those used only once go before all
//! others, by their last use. What is evicted is remembered for a while, so that its next use is its second. E. J.
//! O'Neil, P. E. O'Neil, G. Weikum, "The LRU-K page replacement algorithm for database disk buffering", SIGMOD 1993.
//!
//! The paper's Correlated Reference Period is 0 (each use counts), its Retained Information Period is a number of bytes
//! (and documents) instead of a time, so that memory is bounded. Time is counted in uses.

use std::borrow::Cow;

use cnn_core::policy::{
    Context, Event, EventKind, Factory, Goal, HitEvents, KeyPolicy, Kind, Manifest, Paged, Parameter,
    Replacement, Settings,
};

use crate::ghosts::Ghosts;
use crate::list::{self, PAGE_SLOTS};
use crate::queues::share;

pub(crate) const FACTORY: Factory = Factory {
    manifest,
    build: |capacity, settings| Replacement::Key(Box::new(LruK::new(capacity, settings))),
};

const PARAMETERS: &[Parameter] =
    &[Parameter::real("retained", 1.0, 0.0, 8.0, "bytes remembered of what was evicted, in capacities")];

/// No use but one is known.
const NEVER: u64 = 0;
/// The first use has this number; below it there is room for imports, which count as used before everything.
const FIRST_USE: u64 = 1 << 40;
/// Takes the keys of documents used once below all others, and keeps them whole numbers that a float can tell apart.
const ONCE: f64 = (1_u64 << 52) as f64;
/// Ghosts per slot ever used, for a cache whose documents suddenly get tiny.
const GHOSTS_PER_SLOT_MAX: usize = 9;

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("lru-k"),
        summary: Cow::Borrowed("last use but one longest ago first; for databases, and against scans"),
        paper: Cow::Borrowed(
            "O'Neil, O'Neil, Weikum, \"The LRU-K page replacement algorithm for database disk buffering\", SIGMOD \
             1993",
        ),
        kind: Kind::Key,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits, Goal::Bytes],
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

/// The numbers of the last two uses.
#[derive(Clone, Copy, Default)]
struct Uses {
    last: u64,
    last_but_one: u64,
}

struct LruK {
    used: Paged<Uses, PAGE_SLOTS>,
    /// With the number of the last use.
    ghosts: Ghosts<u64>,
    uses: u64,
    imports: u64,
    slots: usize,
}

impl LruK {
    fn new(capacity: u64, settings: &Settings) -> Self {
        Self {
            used: Paged::new(Uses::default(), 0),
            ghosts: Ghosts::new(share(capacity, settings.get("retained"))),
            uses: FIRST_USE,
            imports: 0,
            slots: 0,
        }
    }

    /// The last two uses of the document after this event.
    fn after(&mut self, event: &Event) -> Uses {
        let known = self.used.get(event.slot as usize);
        match event.kind() {
            Some(EventKind::Insert) => {
                let last_but_one = self.ghosts.take(event.hash).unwrap_or(NEVER);
                self.ghosts.trim(self.slots.saturating_mul(GHOSTS_PER_SLOT_MAX));
                self.uses += 1;
                Uses { last: self.uses, last_but_one }
            }
            Some(EventKind::Import) => {
                self.imports = (self.imports + 1).min(FIRST_USE);
                Uses { last: self.imports, last_but_one: if event.uses > 1 { self.imports } else { NEVER } }
            }
            Some(EventKind::Hit | EventKind::Return) => {
                self.uses += 1;
                Uses { last: self.uses, last_but_one: known.last }
            }
            // New metadata are no use.
            _ => known,
        }
    }
}

impl KeyPolicy for LruK {
    fn key(&mut self, context: &Context<'_>, event: &Event) -> f64 {
        let uses = self.after(event);
        if list::is_possible(context, event.slot) {
            self.slots = self.slots.max(event.slot as usize + 1);
            self.used.set(event.slot as usize, uses);
        }
        match uses.last_but_one {
            NEVER => uses.last as f64 - ONCE,
            used => used as f64,
        }
    }

    fn gone(&mut self, _context: &Context<'_>, event: &Event) {
        if event.is_evicted() {
            self.ghosts.push(event.hash, event.size, self.used.get(event.slot as usize).last);
        }
    }

    fn state_bytes(&self) -> usize {
        self.used.bytes() + self.ghosts.state_bytes()
    }
}

#[cfg(test)]
mod tests {
    use cnn_core::policy::{Documents, Flags};
    use cnn_core::time::Tick;

    use super::*;

    #[test]
    fn documents_used_once_lie_below_all_others() {
        let mut policy = LruK::new(100, &Settings::defaults(PARAMETERS));
        let documents = Documents::new(10);
        let context = Context { documents: &documents, now: Tick(0) };
        let event = |kind: EventKind, slot, uses, flags| {
            let (kind, hash) = (kind as u8, u64::from(slot));
            Event { slot, kind, flags, mime: 0, reserved: 0, hash, size: 1, fetch_us: 0, uses }
        };
        let mut key = |kind, slot| policy.key(&context, &event(kind, slot, 1, 0));
        let (first, second) = (key(EventKind::Insert, 1), key(EventKind::Insert, 2));
        let first_again = key(EventKind::Hit, 1);
        let second_again = key(EventKind::Hit, 2);
        assert!(first < second && second < first_again && first_again < second_again);
        assert_eq!(key(EventKind::Update, 2), second_again);
        let (import, newer) = (key(EventKind::Import, 3), key(EventKind::Import, 4));
        assert!(import < newer && newer < first);
        // Evicted and back: this is its second use.
        policy.gone(&context, &event(EventKind::Remove, 1, 2, Flags::EVICTED));
        assert!(policy.key(&context, &event(EventKind::Insert, 5, 1, 0)) < first_again);
        assert!(policy.key(&context, &event(EventKind::Insert, 1, 1, 0)) > second_again);
    }
}
