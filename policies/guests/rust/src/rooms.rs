//! The rooms of the contract, and the state between calls.

use core::cell::UnsafeCell;

use cnn_core::policy::{Context, Documents, Event, Settings};
use cnn_core::time::Tick;
use std::prelude_of_alloc::*;

/// Something of which there is one, in a program with one thread.
pub(crate) struct Only<T>(UnsafeCell<T>);

// SAFETY: a guest has one thread.
unsafe impl<T> Sync for Only<T> {}

impl<T> Only<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// The value. An exported function takes it once, and none of them calls another.
    #[allow(clippy::mut_from_ref)]
    pub(crate) fn get(&self) -> &mut T {
        // SAFETY: see above.
        unsafe { &mut *self.0.get() }
    }

    pub(crate) fn address(&self) -> usize {
        self.0.get() as usize
    }
}

const NOTHING: Event =
    Event { slot: 0, kind: 0, flags: 0, mime: 0, reserved: 0, hash: 0, size: 0, fetch_us: 0, uses: 0 };

/// Where the host puts events.
pub(crate) static EVENTS: Only<[Event; 256]> = Only::new([NOTHING; 256]);

/// What does not change after `init`.
pub(crate) static DOCUMENTS: Only<Documents> = Only::new(Documents { slots_max: 0 });

static SETTINGS: Only<Option<Settings>> = Only::new(None);

/// The numbers the policy was given.
pub(crate) fn settings() -> &'static mut Settings {
    SETTINGS.get().get_or_insert_with(|| Settings::defaults(&(crate::chosen::FACTORY.manifest)().parameters))
}

pub(crate) fn context(now: u64) -> Context<'static> {
    Context { documents: DOCUMENTS.get(), now: Tick(now) }
}

#[unsafe(no_mangle)]
extern "C" fn events() -> usize {
    EVENTS.address()
}

#[unsafe(no_mangle)]
extern "C" fn set(number: usize, value: f64) {
    settings().set(number, value);
}
