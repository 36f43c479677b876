//! What the benches measure: the processor time of the thread that works, so that other work on the machine, which takes
//! its turns and its caches, does not take its time as well.

#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::time::Instant;

/// Seconds of this thread's processor time; of the wall clock where the system does not tell.
pub(crate) struct Clock {
    wall: Instant,
    processor_ns: Option<u64>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { wall: Instant::now(), processor_ns: processor_ns() }
    }

    pub(crate) fn secs(&self) -> f64 {
        match (self.processor_ns, processor_ns()) {
            (Some(begin), Some(end)) => (end - begin) as f64 / 1e9,
            _ => self.wall.elapsed().as_secs_f64(),
        }
    }
}

/// What Linux says that this thread has run.
fn processor_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}
