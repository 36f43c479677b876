//! A wasm policy with queues of its own, as the engine sees it.
//!
//! Events are buffered and handed over in batches, at the latest before the policy is asked anything. Nothing in
//! between can be told from handing over each at once, so a guest decides exactly as the same policy built in.

use std::cell::RefCell;

use cnn_abi::{BATCH_EVENTS_MAX, EVENT_BYTES, PICKS_MAX};
use cnn_core::policy::{Context, Event, HookPolicy, Slot};
use cnn_core::time::Tick;
use wasmtime::TypedFunc;

use super::guest::{Batch, Guest, InstantiateError, Room};
use crate::manifest::EventTime;

/// The policy.
// In a cell because the engine asks for a rank through `&self`; there is one thread, and no call back into it.
pub(crate) struct Hooks(RefCell<Inner>);

struct Inner {
    guest: Guest,
    batch: Batch,
    /// The time of the last event in the batch.
    time: Tick,
    event_time: EventTime,
    events: Room,
    picks: Room,
    on_events: TypedFunc<(u32, u64), ()>,
    victims: TypedFunc<u32, u32>,
    len: TypedFunc<(), u32>,
    rank: Option<TypedFunc<(u32, u32), u32>>,
}

impl Hooks {
    pub(crate) fn new(mut guest: Guest, event_time: EventTime) -> Result<Self, InstantiateError> {
        let inner = Inner {
            events: guest.room("events", 8, BATCH_EVENTS_MAX * EVENT_BYTES)?,
            picks: guest.room("picks", 4, PICKS_MAX * size_of::<Slot>())?,
            on_events: guest.function("on_events")?,
            victims: guest.function("victims")?,
            len: guest.function("len")?,
            rank: guest.function_if_any("rank"),
            batch: Batch::new(),
            time: Tick::default(),
            event_time,
            guest,
        };
        Ok(Self(RefCell::new(inner)))
    }
}

impl Inner {
    fn tell(&mut self, now: Tick, event: &Event) {
        if self.batch.is_full() || self.event_time == EventTime::Exact && now != self.time {
            self.flush();
        }
        self.time = now;
        self.batch.push(event);
    }

    /// Hands over what is buffered. If that traps, the events are lost to the guest: what it then gets wrong is seen
    /// when it names a victim.
    fn flush(&mut self) {
        if self.batch.len() > 0 {
            self.guest.write(self.events, self.batch.as_bytes());
            self.guest.call(&self.on_events, (self.batch.len() as u32, self.time.0));
            self.batch.clear();
        }
    }

    /// Calls a function that writes slots, and reads them.
    fn slots(&mut self, call: impl FnOnce(&mut Guest) -> Option<u32>, most: usize) -> Vec<Slot> {
        let Some(count) = call(&mut self.guest) else { return Vec::new() };
        if count as usize > most {
            self.guest.fault(format!("returned {count} slots where {most} were asked for"));
            return Vec::new();
        }
        let bytes = self.guest.read(self.picks, count as usize * size_of::<Slot>());
        bytes.as_chunks().0.iter().map(|&slot| Slot::from_le_bytes(slot)).collect()
    }

    fn victim(&mut self) -> Option<Slot> {
        self.flush();
        let count = self.guest.call(&self.victims, 1)?;
        if count > 1 {
            self.guest.fault(format!("returned {count} victims where 1 was asked for"));
            return None;
        }
        let slot = *self.guest.read(self.picks, size_of::<Slot>()).first_chunk()?;
        (count == 1).then(|| Slot::from_le_bytes(slot))
    }

    /// The slots from a place in the order on, as many as there is room for.
    fn ranked(&mut self, first: u32) -> Vec<Slot> {
        self.flush();
        let Some(rank) = self.rank.clone() else { return Vec::new() };
        self.slots(|guest| guest.call(&rank, (first, PICKS_MAX as u32)), PICKS_MAX)
    }
}

impl HookPolicy for Hooks {
    fn on_event(&mut self, context: &Context<'_>, event: &Event) {
        self.0.get_mut().tell(context.now, event);
    }

    fn victim(&mut self, _context: &Context<'_>) -> Option<Slot> {
        self.0.get_mut().victim()
    }

    fn rank(&self, context: &Context<'_>, visit: &mut dyn FnMut(Slot) -> bool) {
        // A guest that never comes to an end is stopped after as many as there can be.
        let mut place = 0;
        while (place as usize) < context.documents.slots_max() {
            let slots = self.0.borrow_mut().ranked(place);
            if slots.is_empty() || !slots.iter().all(|&slot| visit(slot)) {
                return;
            }
            place += slots.len() as u32;
        }
    }

    fn len(&self) -> usize {
        let inner = &mut *self.0.borrow_mut();
        inner.flush();
        inner.guest.call(&inner.len, ()).unwrap_or(0) as usize
    }

    fn state_bytes(&self) -> usize {
        self.0.borrow().guest.memory_bytes() + BATCH_EVENTS_MAX * EVENT_BYTES
    }

    fn is_fit(&self) -> bool {
        self.0.borrow().guest.is_fit()
    }
}
