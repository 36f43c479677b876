//! The bounds of the policy engine, each with the reason for its value.

/// Hits a worker can be ahead of the executor before further ones are dropped (counted; the columns still know them).
/// At 100,000 hits a second this is 40 ms, many times the executor's pace under load. A power of two; 8 bytes each.
pub(super) const RING_HITS: usize = 4096;

/// Events taken from one source before the others get their turn: small enough to stay in the first-level cache.
pub(super) const BATCH_EVENTS: usize = 256;

/// Inserts, updates and removals waiting for the executor. They are never dropped one by one: beyond this (an executor
/// that stands still for seconds) the executor is told to read the columns anew. 48 bytes each.
pub(super) const BACKLOG_EVENTS_MAX: usize = 1 << 20;

/// Residents the built-in fallback compares. Eight give an order close to least recently used (Redis uses five).
pub(super) const FALLBACK_SAMPLE: usize = 8;

/// Slots the fallback looks at for its sample, so that a thinly filled table costs a bounded time.
pub(super) const FALLBACK_PROBES: usize = 64;

/// Rows the fallback walks when its sample found nobody; the next call goes on where this one stopped.
pub(super) const FALLBACK_WALK: usize = 4096;
