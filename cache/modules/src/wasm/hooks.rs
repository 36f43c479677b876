//! A wasm policy with queues of its own, as the engine sees it.
//!
//! Events are buffered and handed over in batches, at the latest before the policy is asked anything. Nothing in
//! between can be told from handing over each at once, so a guest decides exactly as the same policy built in.

use std::cell::RefCell;

use cnn_abi::{BATCH_EVENTS_MAX, EVENT_BYTES, PICKS_MAX};
use cnn_core::policy::{Context, Event, HookPolicy, Slot, WrongVictim};
use cnn_core::time::Tick;

use super::guest::{Batch, Function, Guest, InstantiateError, Room};
use crate::fault::Fault;
use crate::journal::Called;
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
    on_events: Function<(u32, u64), ()>,
    victims: Function<u32, u32>,
    len: Function<(), u32>,
    rank: Option<Function<(u32, u32), u32>>,
    /// Scratch for one victim.
    one: Vec<Slot>,
    /// Whether the last call for victims came to an answer that can be one.
    has_answered: bool,
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
            one: Vec::with_capacity(1),
            has_answered: false,
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
            let events = self.batch.as_bytes();
            self.guest.note(Called::OnEvents, [&self.time.0.to_le_bytes(), events]);
            self.guest.write(self.events, events);
            self.guest.call(&self.on_events, (self.batch.len() as u32, self.time.0));
            self.batch.clear();
        }
    }

    /// Reads the slots a function says it has written, if it may have written so many.
    fn slots(&mut self, function: &'static str, count: u32, asked: u32) -> impl Iterator<Item = Slot> {
        let is_right = count <= asked;
        if !is_right {
            self.guest.fault(Fault::count(function, count, asked));
        }
        let bytes = if is_right { count as usize * size_of::<Slot>() } else { 0 };
        self.guest.read(self.picks, bytes).as_chunks().0.iter().map(|&slot| Slot::from_le_bytes(slot))
    }

    /// Up to so many victims, as many as the room has place for in one call.
    fn victims(&mut self, now: Tick, most: usize, into: &mut Vec<Slot>) {
        self.guest.set_now(now);
        self.flush();
        let mut left = most;
        self.has_answered = true;
        while left > 0 {
            let asked = left.min(PICKS_MAX) as u32;
            self.guest.note(Called::Victims, [&asked.to_le_bytes(), &[]]);
            let answer = self.guest.call(&self.victims, asked);
            self.has_answered = answer.is_some_and(|count| count <= asked);
            let Some(count) = answer else { return };
            let before = into.len();
            into.extend(self.slots(self.victims.name(), count, asked));
            let added = into.len() - before;
            left -= added;
            if added < asked as usize {
                return;
            }
        }
    }

    /// The slots from a place in the order on, as many as there is room for.
    fn ranked(&mut self, first: u32) -> Vec<Slot> {
        self.flush();
        let Some(rank) = self.rank.clone() else { return Vec::new() };
        let asked = PICKS_MAX as u32;
        self.guest.note(Called::Rank, [&first.to_le_bytes(), &asked.to_le_bytes()]);
        match self.guest.call(&rank, (first, asked)) {
            Some(count) => self.slots(rank.name(), count, asked).collect(),
            None => Vec::new(),
        }
    }
}

impl HookPolicy for Hooks {
    fn on_event(&mut self, context: &Context<'_>, event: &Event) {
        self.0.get_mut().tell(context.now, event);
    }

    fn victim(&mut self, context: &Context<'_>) -> Option<Slot> {
        let inner = self.0.get_mut();
        let mut victims = std::mem::take(&mut inner.one);
        inner.victims(context.now, 1, &mut victims);
        let victim = victims.pop();
        inner.one = victims;
        victim
    }

    fn victims(&mut self, context: &Context<'_>, most: usize, into: &mut Vec<Slot>) {
        self.0.get_mut().victims(context.now, most, into);
    }

    fn refused(&mut self, context: &Context<'_>, wrong: WrongVictim, slot: Option<Slot>) {
        let Inner { guest, has_answered, .. } = self.0.get_mut();
        guest.set_now(context.now);
        // One that was stopped names nobody any more, and a call that failed was a fault already.
        if guest.is_fit() && *has_answered {
            guest.fault(Fault::of_victim(wrong, "victims", slot));
        }
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
        inner.guest.note(Called::Len, [&[], &[]]);
        inner.guest.call(&inner.len, ()).unwrap_or(0) as usize
    }

    fn state_bytes(&self) -> usize {
        self.0.borrow().guest.memory_bytes() + BATCH_EVENTS_MAX * EVENT_BYTES
    }

    fn state(&self) -> Option<Vec<u8>> {
        let inner = &mut *self.0.borrow_mut();
        inner.flush();
        inner.guest.export_state()
    }

    fn is_fit(&self) -> bool {
        self.0.borrow().guest.is_fit()
    }
}
