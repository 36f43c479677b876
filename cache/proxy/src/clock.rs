//! The one place that reads the time. Everything else is told: the monotonic [`Tick`] orders and ages, the wall clock
//! is for HTTP's dates and the logs.

#![expect(clippy::disallowed_methods, reason = "this is the one clock file; all others are told the time")]

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cnn_core::time::{Tick, UnixSecs};

/// The clocks of this process. Copies agree with each other.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Clocks whose tick 0 is now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Microseconds since the start; never goes back.
    pub fn now(&self) -> Tick {
        Tick(u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Time since the start, for what is too short for ticks.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The wall clock in whole seconds.
    pub fn wall(&self) -> UnixSecs {
        UnixSecs(i64::try_from(since_epoch().as_secs()).unwrap_or(i64::MAX))
    }

    /// The wall clock in milliseconds since 1970, for logs.
    pub fn wall_ms(&self) -> u64 {
        u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Nanoseconds since the first time this was asked, for those that are told how long something takes and cannot hold
/// a [`Clock`].
pub fn nanoseconds() -> u64 {
    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(FIRST.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// A wall clock before 1970 reads as 1970.
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_do_not_go_back_and_copies_agree() {
        let clock = Clock::start();
        let copy = clock;
        let (first, second) = (clock.now(), copy.now());
        assert!(first <= second && second.since(first) < 60_000_000);
        assert!(clock.wall().0 > 1_700_000_000);
        assert!(clock.wall_ms() / 1000 >= clock.wall().0 as u64 - 1);
    }
}
