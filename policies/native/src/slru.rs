//! Segmented LRU: segments of equal size, each an LRU list; a use lifts a document into the next segment, and what does
//! not fit there any more falls back into the one below. R. Karedla, J. S. Love, B. G. Wherry, "Caching strategies to
//! improve disk system performance", IEEE Computer 27(3), 1994, with more than two segments as libCacheSim has it:
//! while the cache fills, a new document goes to the lowest segment with room. `s4lru` is the strict form.

use std::borrow::Cow;

use cnn_core::policy::{
    Event, Factory, Goal, HitEvents, Kind, Manifest, Parameter, Replacement, Settings, Slot,
};

use crate::queues::{Discipline, Queued, Queues};

pub(crate) const FACTORY: Factory = Factory {
    manifest,
    build: |capacity, settings| {
        Replacement::Hooks(Box::new(Queued(Slru::new(capacity, settings, Newcomers::LowestWithRoom))))
    },
};

pub(crate) const PARAMETERS: &[Parameter] =
    &[Parameter::whole("segments", 4, 2, 16, "segments of equal size")];

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("slru"),
        summary: Cow::Borrowed("least recently used of the least used segment first; LRU that resists scans"),
        paper: Cow::Borrowed(
            "Karedla, Love, Wherry, \"Caching strategies to improve disk system performance\", IEEE Computer \
             27(3), 1994",
        ),
        kind: Kind::Hooks,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits, Goal::Bytes],
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

/// Where documents go that were never used.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Newcomers {
    /// To the lowest segment.
    Lowest,
    /// To the lowest segment that has room, the lowest of all when none has.
    LowestWithRoom,
}

pub(crate) struct Slru {
    queues: Queues,
    segments: usize,
    segment_max: u64,
    newcomers: Newcomers,
}

impl Slru {
    pub(crate) fn new(capacity: u64, settings: &Settings, newcomers: Newcomers) -> Self {
        let segments = settings.get("segments") as usize;
        let segment_max = capacity / segments as u64;
        Self { queues: Queues::new(segments), segments, segment_max, newcomers }
    }

    fn has_room(&self, segment: usize, size: u64) -> bool {
        self.queues.bytes(segment).saturating_add(size) <= self.segment_max
    }

    /// Lets what does not fit into a segment fall into the one below, down to the lowest, which the host keeps small.
    fn cool(&mut self, from: usize) {
        for segment in (1..=from).rev() {
            while self.queues.bytes(segment) > self.segment_max
                && let Some(slot) = self.queues.oldest(segment)
            {
                self.queues.move_to(segment - 1, slot);
            }
        }
    }
}

impl Discipline for Slru {
    fn queues(&self) -> &Queues {
        &self.queues
    }

    fn queues_mut(&mut self) -> &mut Queues {
        &mut self.queues
    }

    fn insert(&mut self, event: &Event) {
        let segment = match self.newcomers {
            Newcomers::Lowest => 0,
            Newcomers::LowestWithRoom => {
                (0..self.segments).find(|&segment| self.has_room(segment, event.size)).unwrap_or(0)
            }
        };
        self.queues.push(segment, event.slot, event.size);
    }

    fn hit(&mut self, slot: Slot, _event: &Event) {
        let Some(segment) = self.queues.list_of(slot) else { return };
        let above = (segment + 1).min(self.segments - 1);
        self.queues.move_to(above, slot);
        self.cool(above);
    }

    /// What was used before goes one segment up, if there is room.
    fn import(&mut self, event: &Event) {
        let segment = usize::from(event.uses > 1 && self.has_room(1, event.size));
        self.queues.push_import(segment, event.slot, event.size);
    }

    fn victim(&mut self) -> Option<Slot> {
        (0..self.segments).find_map(|segment| self.queues.offer_oldest(segment))
    }

    fn rank(&self, visit: &mut dyn FnMut(Slot) -> bool) {
        (0..self.segments).flat_map(|segment| self.queues.iter(segment)).all(visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With room for 8: two to a segment.
    #[track_caller]
    fn check(moves: &str, offered: &[Slot], left: &[Slot]) {
        crate::script::check(&FACTORY, 8, moves, offered, left);
    }

    #[test]
    fn newcomers_fill_the_segments_from_below() {
        check("+1 +2 +3 +4 v +5", &[1], &[2, 5, 3, 4]);
    }

    #[test]
    fn a_use_lifts_one_segment_and_pushes_the_oldest_there_down() {
        check("+1 +2 +3 +4 +5 h1", &[], &[2, 3, 4, 1, 5]);
        check("+1 h1 h1 h1 h1 +2 +3", &[], &[2, 3, 1]);
    }

    #[test]
    fn a_document_too_large_for_its_segment_falls_to_the_lowest() {
        check("+1:3 +2 h1", &[], &[2, 1]);
    }

    #[test]
    fn imports_used_before_lie_one_segment_up_while_there_is_room() {
        check("+1 i2 I3 I4 I5", &[], &[2, 5, 1, 3, 4]);
    }
}
