//! The thread of one monitor.
//!
//! ```text
//!   sleep (250 ms, or until woken) --> take the queues, in order of time --> observe --> tick, once a second --> publish
//!                                          | fault after fault, or a panic: quarantined, and no longer filled
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use cnn_core::monitor::{Metrics, Moment, Monitor, Records};
use cnn_core::time::Tick;

use super::limits::{TICK_US, TURN, WAKE_AT};
use super::{Attached, State};
use crate::clock::Clock;
use crate::report;

/// The thread's state.
pub(super) struct Runner {
    pub(super) attached: Arc<Attached>,
    pub(super) monitor: Box<dyn Monitor>,
    pub(super) clock: Clock,
    /// What was taken of each worker; empty between two turns.
    pub(super) taken: Box<[Records]>,
    /// All of it, in order of time.
    pub(super) merged: Records,
    pub(super) ticked: Tick,
}

impl Runner {
    /// Runs until the monitor is detached or quarantined.
    pub(super) fn run(mut self) {
        loop {
            let asked = self.attached.asked.load(Relaxed);
            if self.attached.is_ending.load(Relaxed) {
                break;
            }
            // A panic in a monitor costs the monitor; the panic hook has said where it was.
            let turned = catch_unwind(AssertUnwindSafe(|| self.turn()));
            let waiting = turned.as_ref().copied().unwrap_or_default();
            let fit = turned.is_ok() && self.monitor.is_fit();
            if !fit {
                self.quarantine(turned.is_err());
            }
            self.attached.answered(asked);
            if !fit {
                break;
            }
            if waiting < WAKE_AT {
                thread::park_timeout(TURN);
            }
        }
        // Whoever asks from now on is not kept waiting.
        self.attached.answered(u64::MAX);
    }

    /// One turn; how many records it was about.
    fn turn(&mut self) -> usize {
        let begin = self.clock.elapsed();
        self.attached.tap.take(&mut self.taken);
        let records = merged(&mut self.taken, &mut self.merged);
        let count = records.len();
        if count > 0 {
            self.monitor.observe(records);
        }
        let now = self.clock.now();
        let is_tick_due = now.since(self.ticked) >= TICK_US;
        if is_tick_due {
            self.monitor.tick(Moment { now, elapsed_us: now.since(self.ticked) });
            self.ticked = now;
        }
        self.taken.iter_mut().for_each(Records::clear);
        self.merged.clear();
        if count > 0 || is_tick_due {
            self.attached.publish(self.monitor.metrics());
        }
        self.attached.seen.fetch_add(count as u64, Relaxed);
        let busy = self.clock.elapsed().saturating_sub(begin);
        self.attached.busy_ns.fetch_add(nanos(busy), Relaxed);
        count
    }

    fn quarantine(&self, has_panicked: bool) {
        let report = self.attached.health();
        let why = match (has_panicked, report.last_trap) {
            (true, _) => "it panicked".to_owned(),
            (false, Some(why)) => format!("{} faults, the last: {why}", report.traps),
            (false, None) => "it gave up".to_owned(),
        };
        report::warning(format_args!("monitor {} is quarantined: {why}", self.attached.name));
        self.attached.stream.remove(&self.attached.tap);
        *self.attached.state.lock() = State::Quarantined(why);
        // What it counted until now is not what is going on: it is not shown beside what is.
        self.attached.publish(Metrics::new([]));
    }
}

/// What several workers told, in the order of time, without copying where there was only one.
fn merged<'a>(taken: &'a mut [Records], merged: &'a mut Records) -> &'a Records {
    let mut filled = (0..taken.len()).filter(|&worker| !taken[worker].is_empty());
    let first = filled.next();
    if filled.next().is_none() {
        return first.map_or(merged, |first| &taken[first]);
    }
    let mut heads: Vec<_> = taken.iter().map(|records| records.iter().peekable()).collect();
    loop {
        let times = heads.iter_mut().enumerate();
        let times = times.filter_map(|(worker, head)| Some((head.peek()?.request.time, worker)));
        let Some((_, next)) = times.min() else { break };
        if let Some(seen) = heads[next].next() {
            merged.push(*seen.request, seen.host, seen.path);
        }
    }
    drop(heads);
    merged
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use cnn_core::monitor::Request;

    use super::*;

    #[test]
    fn what_workers_told_is_put_in_order_of_time() {
        let of = |times: &[u64]| {
            let mut records = Records::default();
            times.iter().for_each(|&time| records.push(Request { time, ..Request::default() }, "h", "/p"));
            records
        };
        let check = |workers: &[&[u64]], expected: &[u64]| {
            let mut taken: Vec<_> = workers.iter().map(|times| of(times)).collect();
            let mut room = Records::default();
            let all = merged(&mut taken, &mut room);
            assert_eq!(all.iter().map(|seen| seen.request.time).collect::<Vec<_>>(), expected);
            assert!(all.iter().all(|seen| (seen.host, seen.path) == ("h", "/p")));
        };
        check(&[&[], &[]], &[]);
        check(&[&[], &[1, 2]], &[1, 2]);
        check(&[&[2, 5, 9], &[1, 6], &[], &[3]], &[1, 2, 3, 5, 6, 9]);
    }
}
