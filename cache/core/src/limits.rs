//! The bounds of the engine, each with the reason for its value.

/// Locks of the table of header templates. Only fills take them, so a few do.
pub const TEMPLATE_SHARDS: usize = 16;

/// Shapes of heads about which it is learned which lines vary. A shape costs about 150 bytes; more shapes than this are
/// made up by somebody, and learning nothing about them only costs memory that is charged.
pub const SHAPES_MAX: usize = 4096;

/// Bits of the 64 in a line's bitmap after which the line counts as varying: 40 bits are set by about 63 different
/// values, more than the content types or servers seen in practice and few enough that the templates made on the way
/// do not matter.
pub const SHAPE_DISTINCT_MAX: u32 = 40;

/// Locks of the index. Enough that two of some tens of threads rarely meet; the memory for more would not matter, but
/// each is a cache line that a status request visits.
pub const INDEX_SHARDS: usize = 64;

/// Variants stored under one key. Beyond it the oldest makes way: a response that varies by a field with a value per
/// client must not make the lookup of its key slow, because all of a key's variants are compared one by one.
pub const VARIANTS_MAX: usize = 64;

/// Bytes charged for a document's places in shared tables: 64 for its row of columns, 24 for its place in a policy's
/// order, and in the index 8 for the pointer and 1 for the control byte at a load of 7/16, which is the lowest after a
/// shard has grown. The repository's footprint test compares the charge with what the allocator says.
pub const DOCUMENT_BYTES: u64 = 64 + 24 + 24;

/// Bodies up to this many bytes belong to one document and are copied when a 304 makes a new one, which takes as long
/// as two cache misses; sharing them instead would cost every document a reference count and its allocation.
pub const BODY_SMALL_MAX: usize = 4096;

/// First allocation for a body of unknown length; most of those are pages of a few kilobytes.
pub const PIECE_BYTES_MIN: usize = 4096;

/// Largest allocation for a part of a body. It is what a fetch holds beyond the bytes that came, so it bounds what an
/// origin can pin by declaring much and sending nothing.
pub const PIECE_BYTES_MAX: usize = 256 * 1024;

/// Parts of a body larger than this are cut to the allocator's size classes; below, a second piece would cost about
/// what it saves.
pub const PIECE_CUT_MIN: u64 = 16 * 1024;

/// Stretches of an arriving body shorter than this are copied for a reader instead of shared: a shared one costs about
/// 100 bytes for good, so sharing bytes as an unfriendly origin sends them, one by one, would multiply them.
pub const SEAL_BYTES_MIN: usize = 4096;

/// Bytes of a body that is not stored a reader may be behind the origin before it is cut off, as long as others are
/// ahead of it.
pub const WINDOW_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Bytes of a body that is not stored the origin may be ahead of the fastest reader. Covers the buffers of a socket, so
/// that a fast client is never kept waiting; every slow one costs this much.
pub const AHEAD_BYTES_MAX: u64 = 128 * 1024;

/// Allocation for a part of a body that is not stored. Small enough that the allocator keeps it in its thread cache.
pub const PASSING_PIECE_BYTES: usize = 32 * 1024;

/// Of the limit, how many percent large bodies may hold while they arrive to be stored; what comes above it is passed on
/// unstored. Without it, a few dozen large downloads at once empty the repository and then find no room to be stored
/// themselves. A body is large when it does not fit into one allocation.
pub const FILLING_PERCENT_MAX: u64 = 75;

/// Bytes charged for a fetch in progress beside its body: its head as header fields, and what it is made of.
pub const FILL_BYTES: u64 = 2048;

/// Victims in a row that could not be evicted (they are being sent, were used again, or are gone) before making room is
/// given up.
pub const EVICTION_MISSES_MAX: u32 = 64;

/// Documents evicted to make room once. The largest piece, 256 KiB, is made room for by some hundreds of the smallest
/// documents; more only go when the limit was lowered, and that is done in slices of this.
pub const EVICTIONS_MAX: u32 = 4096;

/// Rounds of making room for one charge before it is refused, when other threads take the room each time.
pub const CHARGE_TRIES_MAX: u32 = 8;

/// Metrics a monitor may declare.
pub const MONITOR_METRICS_MAX: usize = 16;

/// Labels of a metric: series are their product.
pub const MONITOR_LABELS_MAX: usize = 3;

/// Longest name of a metric or a label, in bytes.
pub const MONITOR_NAME_BYTES_MAX: usize = 60;

/// Longest value of a label, in bytes; longer ones are cut. Names of hosts are rarely longer.
pub const MONITOR_LABEL_BYTES_MAX: usize = 100;

/// Series of a metric that are told apart: what a person reads and a Prometheus takes gladly. With all metrics of a
/// monitor full, and all of them histograms, it holds two megabytes.
pub const MONITOR_SERIES_MAX: usize = 200;

/// Documents in a sketch of reuse distances: the paper finds 8 thousand enough for an error under a percent, and half of
/// that takes a quarter of a megabyte.
pub const REUSE_SAMPLE_MAX: usize = 4096;
