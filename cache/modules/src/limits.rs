//! The bounds of modules, each with the reason for its value.

use std::time::Duration;

use cnn_core::policy::Mime;

/// Largest module file, in bytes: compiling takes up to 1.3 ms per KiB, so at most a third of a second.
pub const MODULE_BYTES_MAX: usize = 256 * 1024;

/// Largest manifest, in bytes.
pub const MANIFEST_BYTES_MAX: usize = 4096;

/// Most parameters of a module.
pub const PARAMETERS_MAX: usize = 32;

/// Longest name of a module, in bytes.
pub const NAME_BYTES_MAX: usize = 40;

/// Longest line of text a module says of itself, in bytes.
pub const TEXT_BYTES_MAX: usize = 300;

/// Memory of an instance whatever the cache: what compilers lay out for stack and data.
pub const MEMORY_BYTES_BASE: usize = 16 * 1024 * 1024;

/// Memory of an instance for each slot of the cache: links, a size, a state and a few ghosts.
pub const MEMORY_BYTES_PER_SLOT: usize = 192;

/// What an instance may hand over to its successor, in bytes: it is copied while no policy decides.
pub const STATE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Elements of a table: calls through function pointers need a few.
pub const TABLE_ELEMENTS_MAX: usize = 10_000;

/// Tables of a module.
pub const TABLES_MAX: usize = 16;

/// Stack of a guest, in bytes; a recursion without end is over in under a millisecond.
pub const STACK_BYTES_MAX: usize = 512 * 1024;

/// How often the clock of deadlines ticks.
pub const TICK: Duration = Duration::from_millis(1);

/// Ticks a call may take before it is ended. A batch of 256 events takes some microseconds, so this allows for a
/// machine that is busy with something else.
pub const CALL_TICKS_MAX: u64 = 10;

/// Instructions a call may take where they are counted instead: as many as fit into that time.
pub const CALL_FUEL_MAX: u64 = 50_000_000;

/// Faults within [`FAULT_WINDOW`] after which the instance is not called any more. Each costs one decision, so this
/// many do no harm.
pub const TRAPS_MAX: u32 = 8;

/// The time in which so many faults are too many; one now and then goes on for ever.
pub const FAULT_WINDOW: Duration = Duration::from_secs(60);

/// Bytes of calls kept of an instance, so that a fault can be done again: some 100,000 events.
pub const JOURNAL_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Modules whose faults are counted apart; of more, the one whose last fault is the longest ago is forgotten.
pub const LEDGER_MODULES_MAX: usize = 256;

/// News of faults that wait to be written down.
pub const NOTICES_MAX: usize = 64;

/// Largest reproducer, in bytes: a journal and a module in base64.
pub const REPRODUCER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Reproducers kept on disk; the oldest go first.
pub const REPRODUCER_FILES_MAX: usize = 64;

/// Bytes of all of them.
pub const REPRODUCERS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Characters of what is said of a fault; a script may throw a text of its own.
pub const WHY_CHARS_MAX: usize = 240;

/// Functions of a trap that are named; a recursion without end has thousands.
pub const FRAMES_MAX: usize = 8;

/// Compiled code held in memory, in bytes.
pub const COMPILED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Files of compiled code kept on disk; the least recently used go first.
pub const CODE_FILES_MAX: usize = 256;

/// Largest file of compiled code that is read back, in bytes: code is five to ten times its module.
pub const CODE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Longest text of a module that is shown, in characters: ten times what compilers make of a policy.
pub const TEXT_CHARS_MAX: usize = 1024 * 1024;

/// Calls of an instance of which one is timed: two readings of a clock take longer than a short call does.
pub const CALLS_PER_TIMED: u64 = 64;

/// Modules that are loaded at once.
pub const LOADED_MAX: usize = 64;

/// Loads that wait for one that goes on; the next is refused.
pub const WAITING_MAX: usize = 8;

/// Largest script, in bytes: compiling takes some microseconds per line.
pub const SCRIPT_BYTES_MAX: usize = 64 * 1024;

/// Steps of a script for one value: some milliseconds.
pub const SCRIPT_OPERATIONS_MAX: u64 = 20_000;

/// Functions that may be open at once.
pub const SCRIPT_CALLS_MAX: usize = 32;

/// Depth of an expression or of blocks.
pub const SCRIPT_DEPTH_MAX: usize = 64;

/// Longest string a script may make, in bytes.
pub const SCRIPT_STRING_MAX: usize = 4096;

/// Largest array or map a script may make.
pub const SCRIPT_ARRAY_MAX: usize = 1024;

/// Most variables of a script.
pub const SCRIPT_VARIABLES_MAX: usize = 64;

/// Statements and expressions of a script that is compiled, its functions put in the place of their calls: a millisecond
/// or so, and less than the interpreter's steps for one value.
pub const SCRIPT_COMPILED_STEPS_MAX: usize = 2_000;

/// Depth of a script that is compiled, its functions put in the place of their calls.
pub const SCRIPT_COMPILED_DEPTH_MAX: usize = 200;

/// Functions within each other in a script that is compiled: fewer than may be open in one that is interpreted.
pub const SCRIPT_COMPILED_CALLS_MAX: usize = 16;

/// Tests of strings in a script that is compiled: a bit each, and one that says that they are known.
pub const SCRIPT_PREDICATES_MAX: usize = 63;

/// Time a script on a live cache may take: an operator waits for it.
pub const LIVE_TIME_MAX: Duration = Duration::from_secs(2);

/// Steps of a script on a live cache: about as many as fit into that time.
pub const LIVE_OPERATIONS_MAX: u64 = 5_000_000;

/// Documents one call of `repository.worst` gives: the executor reads them in between two turns, in some milliseconds.
pub const LIVE_WORST_MAX: usize = 10_000;

/// Documents a script may have re-evaluated by name: eight bytes each.
pub const LIVE_UPDATES_MAX: usize = 1_000_000;

/// Longest string of a script on a live cache, in bytes.
pub const LIVE_STRING_MAX: usize = 64 * 1024;

/// What a script may print, in bytes; the rest is lost.
pub const LIVE_OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// What is shown of a script's last value, in bytes.
pub const LIVE_VALUE_BYTES_MAX: usize = 4096;

/// Documents a script is tried on before it is taken: class, bytes, uses.
pub(crate) const TRIALS: [(Mime, u64, u32); 7] = [
    (Mime::Other, 0, 0),
    (Mime::Html, 700, 1),
    (Mime::Text, 20_000, 3),
    (Mime::Image, 300_000, 40),
    (Mime::Media, 1 << 32, 2),
    (Mime::Font, 40_000, u32::MAX),
    (Mime::Binary, u64::MAX, 1),
];

/// Instructions a filter may take for one answer: about a tenth of a millisecond, for others wait meanwhile.
pub const FILTER_FUEL_MAX: u64 = 200_000;

/// Steps a filter that is a script may take for one answer: about a tenth of a millisecond.
pub const FILTER_OPERATIONS_MAX: u64 = 2_000;

/// Longest path that a script of a filter sees, in bytes: what it may still make strings of.
pub const FILTER_PATH_BYTES_MAX: usize = SCRIPT_STRING_MAX / 2;

/// Documents that `seen` remembers for a script at least; three bytes each.
pub const FILTER_SEEN: usize = 1_000_000;

/// Documents that the `sketch` of a script is made for; eight bytes each.
pub const FILTER_SKETCHED: usize = 1 << 18;

/// Origins that are remembered for a script: 4,096 of them, as many as can be passed by.
pub const FILTER_ORIGINS_MAX: usize = 4096;
