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

/// Residents compared for one eviction by a score, unless the policy asks for another number: least recently used loses 0.1 points of hit ratio against exact.
pub(super) const SCORE_SAMPLE: u8 = 16;

/// Documents counted to tell a rank exactly before it is estimated (or given as "at least"): some milliseconds.
pub(super) const LINE_VISITS_MAX: usize = 65_536;

/// Documents right before another that are named with its rank.
pub(super) const NEAREST: usize = 5;

/// Residents sampled to estimate a rank: a standard error of at most 0.8 % of the documents.
pub(super) const RANK_SAMPLE: usize = 4096;

/// Residents of a sampled order that are sorted to say who might go next.
pub(super) const LINE_SAMPLE: usize = 16_384;

/// Documents of the oldest draining order that are re-evaluated before each eviction, while there are any. With one,
/// a new policy would evict little but what it was just handed; four let it choose, and empty the old order in a
/// quarter of a turnover.
pub(super) const TURN_IMPORTS: usize = 4;

/// Orders that may be draining at once; a further switch is refused until one of them is empty.
pub(super) const DRAINING_MAX: usize = 16;

/// From this many draining orders on, the background budget goes to the smallest, so that there is room for the next.
pub(super) const DRAINING_CROWDED: usize = 8;

/// Victims the executor holds ready at least.
pub(super) const POOL_MIN: usize = 4;

/// The share of the documents that may wait in the pool: one in so many, so that small caches keep their order.
pub(super) const POOL_SHARE: usize = 32;

/// Picks that may turn out to be gone before a turn gives up: their removals are waiting to be told.
pub(super) const GONE_PICKS_MAX: usize = 64;

/// The level of faults (two up for a wrong victim, one down for a right one) at which a policy is reported as unfit:
/// wrong more than every third time, for some time.
pub(super) const FAULTS_MAX: u32 = 32;

/// Rows compared with the executor's own knowledge per turn when the columns are read anew.
pub(super) const RECONCILE_ROWS: u32 = 2048;

/// Switches remembered.
pub(super) const HISTORY_ENTRIES: usize = 1024;
