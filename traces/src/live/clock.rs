//! The clock of a live comparison, which measures real proxies: the only file of this crate that reads one. Replays have
//! the trace's.

#![allow(clippy::disallowed_methods)]

use std::time::{Instant, SystemTime};

/// A moment to measure from.
pub(super) fn now() -> Instant {
    Instant::now()
}

/// The time of day, for `Date` fields.
pub(super) fn time_of_day() -> SystemTime {
    SystemTime::now()
}
