//! The bounds of the executor's thread, each with the reason for its value.

use std::time::Duration;

/// Commands waiting for the executor's thread; beyond this callers wait.
pub(super) const COMMANDS_MAX: usize = 64;

/// How long a switch is awaited that re-evaluates documents at once; what is left then goes on by itself.
pub(super) const REEVALUATE_WAIT_MAX: Duration = Duration::from_secs(5);

/// How long a switch waits for earlier ones to be carried over before it is refused.
pub(super) const BUSY_WAIT_MAX: Duration = Duration::from_secs(5);

/// What one slice of carrying documents over may take: a worker on the same core waits no longer.
pub(super) const SLICE: Duration = Duration::from_micros(100);

/// Documents in a slice, at least and at most: one costs between 50 ns and a few microseconds.
pub(super) const SLICE_DOCUMENTS: std::ops::RangeInclusive<usize> = 16..=2048;

/// The rest after a slice that somebody waits for, and after one in the background (2 % of a core).
pub(super) const REST_ASKED: Duration = Duration::from_micros(100);
/// See [`REST_ASKED`].
pub(super) const REST_BACKGROUND: Duration = Duration::from_millis(5);

/// How long the thread sleeps between turns: from a loaded proxy's to an idle one's. Bells cut it short.
pub(super) const SLEEP_MIN: Duration = Duration::from_millis(1);
/// See [`SLEEP_MIN`].
pub(super) const SLEEP_MAX: Duration = Duration::from_millis(100);

/// Events per turn below which the sleep doubles and above which it halves. A turn of some hundred events is worth its
/// wake-up and is over before anybody waits for the processor; a worker's ring holds several.
pub(super) const CALM_EVENTS: usize = 256;
/// See [`CALM_EVENTS`].
pub(super) const BUSY_EVENTS: usize = 1024;

/// Turns made before a question is answered, so that the answer knows of what happened before: 65,536 events.
pub(super) const HEARING_TURNS_MAX: usize = 16;
