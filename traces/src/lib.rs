//! Traces, and what a cache would have done with them.
//!
//! ```text
//!   file --> reader --> Record --> rules --> Row --> Trace --> replay (one cell per policy and size) --> report
//!            (one per format)     (HTTP)    (32 bytes)         the proxy's engine, in line
//! ```
//!
//! A reader says what a line says ([`Record`]); the rules say what it means to a cache; a [`Trace`] holds the requests
//! in the form that a replay wants, with objects numbered from 0 in the order of their first appearance. The replay runs
//! board, executor and policies of `cnn-core` on the trace's clock and never reads another.

pub mod convert;
pub mod damage;
pub mod error;
pub mod file;
pub mod generate;
pub mod info;
pub mod input;
pub mod live;
pub mod outcome;
pub mod output;
mod pieces;
pub mod prepare;
pub mod reader;
pub mod record;
pub mod replay;
pub mod report;
pub mod rules;
pub mod trace;
pub mod writer;

pub use error::TraceError;
pub use file::{FileReport, Progress, ReadOptions};
pub use pieces::Framing;
pub use prepare::{PrepareOptions, Prepared, Sizes, prepare};
pub use record::{Name, Record};
pub use rules::RuleSet;
pub use trace::{Facts, Flags, Object, Row, Trace, TraceBuilder};
