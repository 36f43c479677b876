//! A key policy without its heap: keys are kept by slot, and of a sample the lowest goes. A hit writes one number and
//! moves nothing; the price is that the victim is only the lowest of a few, and so a clock that is raised to the keys of
//! victims runs a little fast.

use cnn_core::policy::{Context, Document, Event, EventKind, KeyPolicy, Paged, ScorePolicy, Settings, Slot};

use crate::list::{self, PAGE_SLOTS};

/// A key policy by sampling.
pub(crate) struct Sampled<P> {
    policy: P,
    keys: Paged<f64, PAGE_SLOTS>,
    sample: u8,
}

impl<P: KeyPolicy> Sampled<P> {
    pub(crate) fn new(policy: P, settings: &Settings) -> Self {
        Self { policy, keys: Paged::new(0.0, 0), sample: settings.get("sample") as u8 }
    }
}

impl<P: KeyPolicy> ScorePolicy for Sampled<P> {
    fn score(&self, _context: &Context<'_>, slot: Slot, _document: &Document) -> f64 {
        self.keys.get(slot as usize)
    }

    fn on_event(&mut self, context: &Context<'_>, event: &Event) {
        match event.kind() {
            Some(EventKind::Remove) => {
                if event.is_evicted() {
                    self.policy.evicted(self.keys.get(event.slot as usize));
                }
                self.policy.gone(context, event);
            }
            Some(_) if list::is_possible(context, event.slot) => {
                let key = self.policy.key(context, event);
                self.keys.set(event.slot as usize, key);
            }
            _ => {}
        }
    }

    fn sample(&self) -> u8 {
        self.sample
    }

    fn state_bytes(&self) -> usize {
        self.keys.bytes() + self.policy.state_bytes()
    }
}
