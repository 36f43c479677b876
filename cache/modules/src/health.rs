//! What an instance of a module has done: read by whoever shows it, written by the thread that runs it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};

use cnn_core::time::Tick;

use crate::fault::{Fault, FaultKind};
use crate::ledger::Reporter;
use crate::limits::FAULT_WINDOW;
use crate::reproducer::Inputs;

/// Counters of one instance.
#[derive(Debug, Default)]
pub struct Health {
    calls: AtomicU64,
    traps: AtomicU32,
    memory_bytes: AtomicUsize,
    is_silenced: AtomicBool,
    /// Guards what is known of the faults; held to note or copy it.
    faults: Mutex<Faults>,
    /// Who is told of faults beside.
    reporter: OnceLock<Reporter>,
}

#[derive(Debug, Default)]
struct Faults {
    last: Option<String>,
    by_kind: Vec<(FaultKind, u32)>,
    /// When the last few happened, the oldest first.
    recent: VecDeque<Tick>,
}

/// The counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Calls made.
    pub calls: u64,
    /// Calls that ended in a trap, ran out of time, or returned what cannot be.
    pub traps: u32,
    /// The same by kind, for the kinds there were.
    pub faults: Vec<(FaultKind, u32)>,
    /// Bytes of its memory.
    pub memory_bytes: usize,
    /// Whether it failed so often within a short time that it is not called any more.
    pub is_silenced: bool,
    /// What was wrong the last time.
    pub last_trap: Option<String>,
}

impl Health {
    /// The counters now.
    pub fn report(&self) -> Report {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        Report {
            calls: self.calls.load(Relaxed),
            traps: self.traps.load(Relaxed),
            faults: faults.by_kind.clone(),
            memory_bytes: self.memory_bytes.load(Relaxed),
            is_silenced: self.is_silenced.load(Relaxed),
            last_trap: faults.last.clone(),
        }
    }

    /// Has faults from now on told to a ledger as well. Said before the first call, so that the inputs are kept from
    /// the beginning; a second time changes nothing.
    pub fn report_to(&self, reporter: Reporter) {
        let _ = self.reporter.set(reporter);
    }

    /// Whether somebody will want to know what a fault came from.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.reporter.get().is_some()
    }

    /// Calls so far that ended in a trap, ran out of time, or returned what cannot be.
    pub fn traps(&self) -> u32 {
        self.traps.load(Relaxed)
    }

    /// Whether it trapped so often that it is not called any more.
    pub fn is_silenced(&self) -> bool {
        self.is_silenced.load(Relaxed)
    }

    pub(crate) fn called(&self) {
        // One thread writes.
        self.calls.store(self.calls.load(Relaxed) + 1, Relaxed);
    }

    pub(crate) fn has_memory(&self, bytes: usize) {
        self.memory_bytes.store(bytes, Relaxed);
    }

    /// Notes a fault where no clock and no inputs are at hand; whether the instance is to be called again.
    #[allow(dead_code, reason = "for roles that keep no inputs")]
    pub(crate) fn trapped(&self, why: String, most: u32) -> bool {
        self.fault(Fault::new(FaultKind::Trap, "", why), Tick::default(), most, || None)
    }

    /// Notes a fault; whether the instance is to be called again: not after the `most`-th within [`FAULT_WINDOW`].
    /// `inputs` gives what it was called with, if anybody wants to know.
    #[cold]
    pub(crate) fn fault(
        &self,
        fault: Fault,
        now: Tick,
        most: u32,
        inputs: impl FnOnce() -> Option<Inputs>,
    ) -> bool {
        self.traps.fetch_add(1, Relaxed);
        let is_over = self.faults.lock().unwrap_or_else(PoisonError::into_inner).note(&fault, now, most);
        if is_over {
            self.is_silenced.store(true, Relaxed);
        }
        if let Some(reporter) = self.reporter.get() {
            reporter.fault(fault, is_over, inputs);
        }
        !is_over
    }
}

impl Faults {
    /// Whether it was one too many.
    fn note(&mut self, fault: &Fault, now: Tick, most: u32) -> bool {
        self.last = Some(fault.to_string());
        match self.by_kind.iter_mut().find(|(kind, _)| *kind == fault.kind) {
            Some((_, count)) => *count += 1,
            None => self.by_kind.push((fault.kind, 1)),
        }
        self.recent.push_back(now);
        if self.recent.len() > most as usize {
            self.recent.pop_front();
        }
        let first = self.recent.front().copied().unwrap_or_default();
        self.recent.len() >= most as usize && now.since(first) <= FAULT_WINDOW.as_micros() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(health: &Health, kind: FaultKind, secs: u64) -> bool {
        health.fault(Fault::new(kind, "key", "wrong"), Tick::from_secs(secs), 3, || None)
    }

    #[test]
    fn so_many_faults_within_the_window_are_the_end_and_the_same_number_in_a_day_is_not() {
        let health = Health::default();
        let window = FAULT_WINDOW.as_secs();
        for number in 0..10 {
            assert!(fault(&health, FaultKind::Time, number * (window / 2 + 1)), "{number}");
        }
        assert!(!health.report().is_silenced);
        let now = 10 * (window / 2 + 1);
        assert!(fault(&health, FaultKind::Trap, now));
        assert!(!fault(&health, FaultKind::Trap, now));
        let report = health.report();
        assert_eq!(report.faults, [(FaultKind::Time, 10), (FaultKind::Trap, 2)]);
        assert_eq!((report.traps, report.is_silenced), (12, true));
        assert_eq!(report.last_trap.as_deref(), Some("key: wrong"));
    }
}
