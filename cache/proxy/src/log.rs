//! The access log: one line per request, in the format Squid's users and tools read.
//!
//! A worker formats a line into its own buffer ([`WorkerLog`]); one thread writes the buffers out ([`AccessLog`]). A slow
//! or full disk never delays a request: lines that find their buffer full are lost, counted and reported.
//! [`AccessRecord`] is what a line says; the formats are `squid` (`logformat squid` of Squid 5 to 7, byte for byte),
//! `combined` and `json`.

mod combined;
mod date;
mod json;
mod lines;
mod record;
mod sink;
mod squid;
mod target;
mod text;
mod writer;

pub use record::{AccessRecord, Ending, Hierarchy, Outcome, ResultCode};
pub use target::{LogFormat, LogTarget};
pub use text::without_query;
pub use writer::{AccessLog, LogSettings, WorkerLog};
