//! A gate that a test opens: how an origin's answer is held back without a sleep.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::DEADLINE;

/// Closed at first; whoever passes waits until it is opened. Clones are the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    open: bool,
    waiting: usize,
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens it for good.
    pub fn open(&self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).open = true;
        self.0.1.notify_all();
    }

    /// Waits until it is open.
    ///
    /// # Panics
    /// When nobody opens it before the deadline.
    pub fn pass(&self) {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting += 1;
        self.0.1.notify_all();
        let (mut state, _) = self
            .0
            .1
            .wait_timeout_while(state, DEADLINE, |state| !state.open)
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        assert!(state.open, "nobody opened the gate");
    }

    /// Waits until that many are held at the gate at once.
    ///
    /// # Panics
    /// When they do not come before the deadline.
    pub fn await_waiting(&self, count: usize) {
        let state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, _) = self
            .0
            .1
            .wait_timeout_while(state, DEADLINE, |state| state.waiting < count)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(state.waiting >= count, "only {} of {count} came to the gate", state.waiting);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn who_passes_waits_for_the_opening() {
        let gate = Gate::new();
        let passer = thread::spawn({
            let gate = gate.clone();
            move || gate.pass()
        });
        gate.await_waiting(1);
        assert!(!passer.is_finished());
        gate.open();
        passer.join().unwrap();
        gate.pass();
    }
}
