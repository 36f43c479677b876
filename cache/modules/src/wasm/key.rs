//! A wasm policy that gives keys, as the engine sees it: a call for each key, because the heap needs it at once.

use std::cell::RefCell;

use cnn_abi::{BATCH_EVENTS_MAX, EVENT_BYTES};
use cnn_core::policy::{Context, Event, KeyPolicy};

use super::guest::{Function, Guest, InstantiateError, Room, event_bytes};
use crate::fault::Fault;
use crate::journal::Called;

/// The policy.
pub(crate) struct Key {
    // In a cell because the engine asks for the state through `&self`; there is one thread, and no call back into it.
    guest: RefCell<Guest>,
    events: Room,
    key: Function<u64, f64>,
    evicted: Option<Function<f64, ()>>,
}

impl Key {
    pub(crate) fn new(mut guest: Guest) -> Result<Self, InstantiateError> {
        Ok(Self {
            events: guest.room("events", 8, BATCH_EVENTS_MAX * EVENT_BYTES)?,
            key: guest.function("key")?,
            evicted: guest.function_if_any("evicted"),
            guest: RefCell::new(guest),
        })
    }
}

impl KeyPolicy for Key {
    /// Without an answer the document is ordered by what it costs to keep it, its size.
    fn key(&mut self, context: &Context<'_>, event: &Event) -> f64 {
        let bytes = event_bytes(event);
        let guest = self.guest.get_mut();
        guest.set_now(context.now);
        guest.note(Called::Key, [&context.now.0.to_le_bytes(), &bytes]);
        guest.write(self.events, &bytes);
        match guest.call(&self.key, context.now.0) {
            Some(key) if key.is_finite() => key,
            Some(key) => {
                guest.fault(Fault::not_finite(self.key.name(), key));
                -(event.size as f64)
            }
            None => -(event.size as f64),
        }
    }

    fn evicted(&mut self, key: f64) {
        if let Some(evicted) = &self.evicted {
            let guest = self.guest.get_mut();
            guest.note(Called::Evicted, [&key.to_le_bytes(), &[]]);
            guest.call(evicted, key);
        }
    }

    fn state_bytes(&self) -> usize {
        self.guest.borrow().memory_bytes()
    }

    fn state(&self) -> Option<Vec<u8>> {
        self.guest.borrow_mut().export_state()
    }

    fn is_fit(&self) -> bool {
        self.guest.borrow().is_fit()
    }
}
