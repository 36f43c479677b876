//! The replay: what a cache of some size under some policy would have done with a trace.
//!
//! ```text
//!   Trace --> Run (one cell: policy, size, accounting) --> Outcome --> report
//!             | board and executor of the proxy, in line
//!             | stops: ends of windows, switches, whatever an observer asks for
//! ```
//!
//! Nothing here reads a clock but what fills [`outcome::Timing`], which is kept apart from everything that must come out
//! the same on any machine. Nothing here writes: reports are made from [`Outcome`]s.

pub mod agreement;
pub mod cell;
pub mod curve;
pub mod outcome;
pub mod sweep;

pub use agreement::{Aspect, Counted, Counting, Matrix};
pub use cell::{Cell, Unit};
pub use cnn_core::policy::Traffic;
pub use curve::{Curve, Point, Sampling};
pub use outcome::{Interval, Intervals, Mark, Outcome, Response, Timing, What, Window};
pub use sweep::{Carry, Effect, Sweep, Way};
