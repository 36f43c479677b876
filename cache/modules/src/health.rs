//! What an instance of a module has done: read by whoever shows it, written by the thread that runs it.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use std::sync::{Mutex, PoisonError};

/// Counters of one instance.
#[derive(Debug, Default)]
pub struct Health {
    calls: AtomicU64,
    traps: AtomicU32,
    memory_bytes: AtomicUsize,
    is_silenced: AtomicBool,
    /// Guards the text of the last trap; held to write or copy it.
    last_trap: Mutex<Option<String>>,
}

/// The counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Calls made.
    pub calls: u64,
    /// Calls that ended in a trap, ran out of time, or returned what cannot be.
    pub traps: u32,
    /// Bytes of its memory.
    pub memory_bytes: usize,
    /// Whether it trapped so often that it is not called any more.
    pub is_silenced: bool,
    /// What was wrong the last time.
    pub last_trap: Option<String>,
}

impl Health {
    /// The counters now.
    pub fn report(&self) -> Report {
        Report {
            calls: self.calls.load(Relaxed),
            traps: self.traps.load(Relaxed),
            memory_bytes: self.memory_bytes.load(Relaxed),
            is_silenced: self.is_silenced.load(Relaxed),
            last_trap: self.last_trap.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    pub(crate) fn called(&self) {
        // One thread writes.
        self.calls.store(self.calls.load(Relaxed) + 1, Relaxed);
    }

    pub(crate) fn has_memory(&self, bytes: usize) {
        self.memory_bytes.store(bytes, Relaxed);
    }

    /// Notes a trap; whether the instance is to be called again.
    pub(crate) fn trapped(&self, why: String, most: u32) -> bool {
        *self.last_trap.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        let traps = self.traps.fetch_add(1, Relaxed) + 1;
        self.is_silenced.store(traps >= most, Relaxed);
        traps < most
    }
}
