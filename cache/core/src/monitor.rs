//! Monitors: what is told of every request, to whoever counts. A monitor is told of requests in batches, publishes
//! [`Metrics`] under names it has declared, and can change nothing.
//!
//! ```text
//!   worker --> Records (bounded, lossy) --> Monitor --> Metrics --> /metrics, `cnn monitor show`, signals
//! ```
//!
//! Here are the records, the metrics with their bounds, and a sketch that monitors may use. Threads and queues are the
//! shell's; wasm and scripts are the module host's.

mod histogram;
mod metrics;
mod records;
mod reuse;

pub use cnn_abi::{Request, RequestFlags, Served, Verb};
pub use histogram::Histogram;
pub use metrics::{Declared, Family, Metrics, PublishError, Series, Shape, Value};
pub use records::{Records, Seen};
pub use reuse::{Reuse, ReuseSketch};

use crate::time::Tick;

/// What a monitor is told of the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Now.
    pub now: Tick,
    /// Microseconds since the last tick, or since the beginning of the monitor.
    pub elapsed_us: u64,
}

/// Whoever watches requests.
pub trait Monitor: Send {
    /// Requests that are over, in the order in which each worker finished them.
    fn observe(&mut self, records: &Records);

    /// About a second has passed.
    fn tick(&mut self, moment: Moment) {
        let _ = moment;
    }

    /// What it has published, as it is now.
    fn metrics(&self) -> Metrics;

    /// Whether it is to be told anything more.
    fn is_fit(&self) -> bool {
        true
    }
}
