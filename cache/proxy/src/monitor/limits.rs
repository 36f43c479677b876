//! The bounds of monitors, each with the reason for its value.

use std::time::Duration;

/// Monitors attached at once: each is a thread and a queue per worker.
pub const MONITORS_MAX: usize = 16;

/// Records waiting for one monitor, per worker; more are lost. Eighty milliseconds of a worker that answers a hundred
/// thousand requests per second, and about a megabyte.
pub const WAITING_MAX: usize = 8192;

/// Waiting records of a worker at which the monitor is woken before its time.
pub const WAKE_AT: usize = 512;

/// Between two looks of a monitor that is not woken: what it publishes is no older.
pub const TURN: Duration = Duration::from_millis(250);

/// Between two ticks, in microseconds.
pub const TICK_US: u64 = 1_000_000;

/// How long somebody who asks for a monitor's values waits until what was told by then has been counted. A monitor that
/// takes longer shows what it published last.
pub const FRESH_WAIT: Duration = Duration::from_millis(500);

/// How long a detached monitor's thread is waited for; one that is in a long call ends after it.
pub const END_WAIT: Duration = Duration::from_millis(500);
