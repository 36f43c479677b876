//! What an instance of a module has done: read by whoever shows it, written by the thread that runs it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};

use cnn_core::time::Tick;

use crate::fault::{Fault, FaultKind};
use crate::ledger::Reporter;
use crate::limits::{CALLS_PER_TIMED, FAULT_WINDOW};
use crate::reproducer::Inputs;

/// Counters of one instance.
#[derive(Debug, Default)]
pub struct Health {
    calls: AtomicU64,
    traps: AtomicU32,
    memory_bytes: AtomicUsize,
    is_silenced: AtomicBool,
    /// Tells the time in nanoseconds, where somebody wants to know what calls take.
    clock: OnceLock<fn() -> u64>,
    /// Nanoseconds of the calls that were timed.
    timed_ns: AtomicU64,
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
    /// Nanoseconds spent in it, from a sample of its calls; none where nobody has a clock, or it was not called.
    pub time_ns: Option<u64>,
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
            time_ns: self.time_ns(),
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

    /// Has one call of [`CALLS_PER_TIMED`] timed from now on, by a clock that gives nanoseconds. Said before the first
    /// call; a second time changes nothing.
    pub fn time_by(&self, clock: fn() -> u64) {
        let _ = self.clock.set(clock);
    }

    fn time_ns(&self) -> Option<u64> {
        self.clock.get()?;
        let calls = self.calls.load(Relaxed);
        let timed = calls.div_ceil(CALLS_PER_TIMED);
        let mean = self.timed_ns.load(Relaxed) as f64 / (timed.max(1)) as f64;
        (calls > 0).then_some((mean * calls as f64) as u64)
    }

    /// Counts a call; when it began, if it is one that is timed.
    #[inline]
    pub(crate) fn called(&self) -> Option<u64> {
        // One thread writes.
        let calls = self.calls.load(Relaxed);
        self.calls.store(calls + 1, Relaxed);
        if calls.is_multiple_of(CALLS_PER_TIMED) { self.clock.get().map(|clock| clock()) } else { None }
    }

    /// A call is over that began then.
    #[inline]
    pub(crate) fn returned(&self, began: Option<u64>) {
        if let (Some(began), Some(clock)) = (began, self.clock.get()) {
            let took = clock().saturating_sub(began);
            self.timed_ns.store(self.timed_ns.load(Relaxed) + took, Relaxed);
        }
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
    fn time_is_counted_from_a_sample_of_the_calls() {
        static NOW: AtomicU64 = AtomicU64::new(0);
        let health = Health::default();
        assert_eq!(health.report().time_ns, None);
        health.time_by(|| NOW.fetch_add(50, Relaxed));
        assert_eq!(health.report().time_ns, None, "it was not called");
        for _ in 0..CALLS_PER_TIMED * 3 {
            let began = health.called();
            health.returned(began);
        }
        assert_eq!(health.report().time_ns, Some(50 * CALLS_PER_TIMED * 3));
        assert_eq!(NOW.load(Relaxed), 6 * 50, "two readings for each call that is timed");
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
