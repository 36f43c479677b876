//! The replay: what a cache of some size under some policy would have done with a trace.
//!
//! ```text
//!   Trace --> Run (one cell: policy, size, accounting) --> Outcome --> report
//!             | board and executor of the proxy, in line
//!             | stops: ends of windows, switches, whatever an observer asks for
//! ```
//!
//! Nothing here reads a clock but what fills [`Timing`], which is kept apart from everything that must come out
//! the same on any machine. Nothing here writes: reports are made from [`Outcome`]s.

mod accounting;
mod admission;
mod agreement;
mod bounds;
mod cache;
mod cell;
mod curve;
mod grid;
mod latency;
mod logged;
mod moka;
mod observer;
mod outcome;
mod parallel;
mod policy;
mod run;
mod schedule;
mod shadow;
mod sweep;
#[cfg(test)]
mod testing;
mod timeline;

pub use accounting::{Accounting, BadRoom, BadSize, METADATA_BYTES, Room, Size, working_set};
pub use admission::{Admitting, Asked};
pub use agreement::{Aspect, Counted, Counting, Matrix, ORIGINS_MAX};
pub use bounds::Bound;
pub(crate) use bounds::Boundless;
pub use cell::{BadUnit, Cell, Unit};
pub use cnn_core::policy::{Reevaluate, Traffic};
pub use curve::{Curve, Point, Sampling, curve, geometric};
pub use grid::{Clocked, Contender, Grid};
pub use latency::Latency;
pub use logged::logged;
pub use moka::{NAME as MOKA, moka};
pub use observer::{NEVER, Observer, RunError, Stop};
pub(crate) use outcome::mean_and_reach;
pub use outcome::{BLOCKS, Faults, Interval, Intervals, Mark, Outcome, Response, Timing, What, Window};
pub use parallel::in_order;
pub use policy::{Ailing, Health, Instance, Policy};
pub use run::{Options, observed, run};
pub use schedule::{At, BadSwitch, Planned, Schedule};
pub use shadow::{Estimate, Shadows};
pub use sweep::{Carry, Effect, Sweep, Way, sweep};
pub use timeline::Timeline;
