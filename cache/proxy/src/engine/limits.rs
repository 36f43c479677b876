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

/// Events of a turn, at least and at most: what a slow policy is told before somebody else gets a turn, and what fits into
/// about a millisecond of a quick one.
pub(super) const TURN_EVENTS: std::ops::RangeInclusive<usize> = 64..=4096;

/// What a turn may take before the next ones get fewer events.
pub(super) const TURN_LONG: Duration = Duration::from_millis(20);

/// A turn that takes longer than this, and longer than [`EVENT_SLOW`] for each event and pick, is a slow one. A built-in
/// policy takes less than a microsecond, an interpreted script a few.
pub(super) const TURN_SLOW: Duration = Duration::from_millis(100);
/// See [`TURN_SLOW`].
pub(super) const EVENT_SLOW: Duration = Duration::from_millis(1);

/// Slow turns in a row after which a policy is replaced: it breaks no rule, but it does not keep up with anything.
pub(super) const SLOW_TURNS_MAX: u32 = 8;

/// The time for which the executor hears of what has happened before it answers a question or makes a switch.
pub(super) const HEARING_TIME_MAX: Duration = Duration::from_millis(100);

/// Turns made before a question is answered, so that the answer knows of what happened before: 65,536 events.
pub(super) const HEARING_TURNS_MAX: usize = 16;
