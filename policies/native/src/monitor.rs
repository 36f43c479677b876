//! The built-in monitors, one per file. Few are needed: whatever is a few lines of a script is one, in `scripts/monitors`.

mod reuse_distance;

use cnn_core::monitor::Monitor;

/// How a built-in monitor is made.
#[derive(Clone, Copy, Debug)]
pub struct MonitorFactory {
    /// The name it is attached by.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Makes one.
    pub build: fn() -> Box<dyn Monitor>,
}

/// Every built-in monitor.
pub fn monitors() -> &'static [MonitorFactory] {
    &[reuse_distance::FACTORY]
}
