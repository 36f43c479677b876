//! Miss-ratio curves: one policy over many sizes.

use super::cell::Unit;

/// The misses of one policy over a geometric range of sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The trace's name.
    pub trace: String,
    /// The policy as it was named.
    pub policy: String,
    /// What sizes are counted in.
    pub unit: Unit,
    /// The points, smallest size first.
    pub points: Vec<Point>,
    /// How it was sampled; `None` when every request was replayed.
    pub sampling: Option<Sampling>,
}

/// One size of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The cache's size in units.
    pub size: u64,
    /// The size as a share of the whole trace's unique bytes (or documents).
    pub share: f64,
    /// Misses per request.
    pub miss_ratio: f64,
    /// Bytes missed per byte asked for.
    pub byte_miss_ratio: f64,
}

/// How a curve was sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// The share of the objects that were replayed, in caches as much smaller.
    pub rate: f64,
    /// Objects replayed.
    pub objects: u64,
    /// The standard error of the miss ratio, estimated from disjoint parts of the sample; the largest of all points.
    pub error: f64,
    /// The same of the byte miss ratio.
    pub byte_error: f64,
}
