//! The clock of a live comparison, which measures real proxies, and of runs that are timed: the only file of this crate
//! that reads one. What a replay decides goes by the trace's.

#![allow(clippy::disallowed_methods)]

use std::time::{Instant, SystemTime};

/// A moment to measure from.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The time of day, for `Date` fields.
pub(super) fn time_of_day() -> SystemTime {
    SystemTime::now()
}
