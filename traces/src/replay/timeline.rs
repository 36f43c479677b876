//! The course of a run: what happened in each window of equally many requests.

use super::observer::{NEVER, Observer, RunError, Stop};
use super::outcome::{BLOCKS, Window};

/// Windows per block: a timeline has at most 100 windows.
pub(super) const WINDOWS_PER_BLOCK: usize = 5;

/// Requests per window, so that a trace of `requests` has whole blocks of whole windows, the last one aside.
pub(super) fn window_requests(requests: u64) -> u64 {
    requests.div_ceil((BLOCKS * WINDOWS_PER_BLOCK) as u64).max(1)
}

/// Cuts a run into windows.
#[derive(Debug)]
pub struct Timeline {
    /// Requests per window.
    every: u64,
    /// Where windows begin: `anchor + n * every`, and at 0.
    anchor: u64,
    /// What had been counted at the beginning of the open window.
    open: Window,
    windows: Vec<Window>,
}

impl Timeline {
    /// Windows of so many requests, one of which begins at request `anchor`.
    pub fn new(every: u64, anchor: u64) -> Self {
        Self { every: every.max(1), anchor, open: Window::default(), windows: Vec::new() }
    }

    /// The windows, oldest first.
    pub fn into_windows(self) -> Vec<Window> {
        self.windows
    }

    /// Ends the open window here and begins the next.
    fn cut(&mut self, stop: &Stop<'_, '_>) {
        if stop.at > self.open.from {
            self.windows.push(Window {
                from: self.open.from,
                time_us: self.open.time_us,
                traffic: stop.traffic.since(self.open.traffic),
                evictions: stop.evictions() - self.open.evictions,
                documents: stop.documents(),
                used: stop.used(),
            });
        }
        self.open = Window {
            from: stop.at,
            time_us: stop.time_us,
            traffic: stop.traffic,
            evictions: stop.evictions(),
            ..Window::default()
        };
    }
}

impl Observer for Timeline {
    fn next_stop(&self) -> u64 {
        let from = self.open.from;
        if from < self.anchor {
            let left = self.anchor - from;
            // The first window is what is left of a whole number of them.
            return from + if left.is_multiple_of(self.every) { self.every } else { left % self.every };
        }
        from.checked_add(self.every).unwrap_or(NEVER)
    }

    fn stop(&mut self, stop: &mut Stop<'_, '_>) -> Result<(), RunError> {
        self.cut(stop);
        Ok(())
    }
}
