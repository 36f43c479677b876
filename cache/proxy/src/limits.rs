//! Every bound of the shell in one place, each with the reason for its value. What an operator may change is a
//! configuration key with one of these as its default.

/// Longest request line, bytes. Browsers and servers agree on 8 KiB and most of a thousand more; Squid takes as much.
pub const REQUEST_LINE_BYTES_MAX: usize = 16 * 1024;

/// Largest head of a message, bytes: Squid's default for requests and replies.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Most field lines of a head or trailer section. Real ones have 5 to 40; Apache refuses beyond 100.
pub const FIELDS_MAX: usize = 128;

/// Largest trailer section, bytes: trailers are a checksum or a signature.
pub const TRAILER_BYTES_MAX: usize = 8 * 1024;

/// Most bytes of chunk extensions in one body. Nobody uses them, attackers hide bytes in them (CVE-2023-39326).
pub const CHUNK_EXTENSION_BYTES_MAX: usize = 16 * 1024;

/// Read buffer of a connection that waits for a head, bytes: nearly every request fits, and one page is soon read.
pub const HEAD_BLOCK_BYTES: usize = 4 * 1024;

/// Read buffer of a connection that reads a body, bytes; also the largest piece of a body. Larger reads save nothing.
pub const BODY_BLOCK_BYTES: usize = 64 * 1024;

/// Read buffers of either size that a worker keeps for reuse: a burst's worth, at most 2 MiB.
pub const SPARE_BLOCKS_MAX: usize = 32;

/// Bytes read and thrown away after an error reply, so that the client gets to read it.
pub const LINGER_BYTES_MAX: usize = 256 * 1024;

/// Names whose addresses are remembered; about 300 bytes each.
pub const DNS_NAMES_MAX: u64 = 10_000;

/// Lookups of names going on at once, each holding a thread: the resolver of the system has no asynchronous form.
pub const DNS_LOOKUPS_MAX: usize = 64;

/// Addresses of one origin that are tried before giving up.
pub const ADDRESSES_MAX: usize = 8;

/// Idle connections to origins that one worker keeps: below the file descriptors even a modest limit leaves us.
pub const IDLE_CONNECTIONS_MAX: usize = 1024;

/// Interim responses (1xx) before the final one. Real ones are one or two: 100 or 103.
pub const INTERIM_RESPONSES_MAX: usize = 16;

/// Connections the system may queue before they are accepted: what Linux allows by default (`somaxconn`).
pub const LISTEN_BACKLOG: i32 = 4096;

/// Pause after a connection could not be accepted.
pub const ACCEPT_BACK_OFF: core::time::Duration = core::time::Duration::from_millis(50);

/// Time connections have to notice that the worker ends.
pub const BREAK_OFF_MAX: core::time::Duration = core::time::Duration::from_secs(1);

/// Bytes of the first word of what is no request that go to the log, where Squid's parser ends a method too.
pub const LOGGED_METHOD_BYTES_MAX: usize = 32;

/// Time a closed connection's client has to read the last reply.
pub const LINGER: core::time::Duration = core::time::Duration::from_secs(2);

/// Slices written in one call. The system takes 1024; a body has pieces of up to 256 KiB, so this is more than a
/// socket's buffer holds.
pub const WRITE_SLICES_MAX: usize = 32;

/// Bytes taken at once of a response that is being fetched.
pub const PART_BYTES_MAX: usize = 256 * 1024;

/// Buffer for each direction of a tunnel.
pub const TUNNEL_BUFFER_BYTES: usize = 16 * 1024;

/// Missing bytes for which a fetch that everybody left is still finished, if it is being stored: soon done, and the
/// next who asks has it.
pub const ABANDONED_BYTES_MAX: u64 = 512 * 1024;

/// Keys remembered whose responses are for one client only, so that requests for them do not wait for each other.
pub const UNSHARED_KEYS_MAX: u64 = 16_384;

/// How long such a key is remembered (Varnish's `hit_for_miss` default is two minutes).
pub const UNSHARED_FOR: core::time::Duration = core::time::Duration::from_secs(120);

/// Victims picked ahead of need.
pub const VICTIM_POOL: usize = 256;

/// The least a document costs, bytes: what the repository charges for an empty body and a short head.
pub const DOCUMENT_BYTES_MIN: u64 = 256;

/// Slots of the smallest cache.
pub const SLOTS_MIN: usize = 4096;

/// Slots of the largest cache: 64 bytes of columns each, taken only when used.
pub const SLOTS_MAX: usize = 1 << 28;

/// Time the access log has to be written out when the proxy ends.
pub const LOG_CLOSE_MAX: core::time::Duration = core::time::Duration::from_secs(5);

/// Time a worker waits for others who ask the same filter: a call takes a tenth of it at most.
pub const FILTER_WAIT_MAX: core::time::Duration = core::time::Duration::from_millis(1);

/// Batches of hits and origins on their way to an admission policy's follower: 256 hits each, so some MiB.
pub const FOLLOWED_MAX: usize = 256;

/// Hits an admission policy is told of before others may ask it again.
pub const HITS_AT_ONCE: usize = 16;

/// Origins that can be passed by at once.
pub const BYPASSED_ORIGINS_MAX: usize = 4096;
