//! One run: a trace through one cache, with everybody who watches.
//!
//! The rows are taken in stretches that end where an observer wants to be called, so that the loop over requests asks
//! nothing but the cache.

use std::hint::black_box;

use cnn_core::policy::Traffic;

use super::accounting::Accounting;
use super::admission::Admitting;
use super::agreement::Counting;
use super::cache::Cache;
use super::cell::Cell;
use super::latency::{Latency, Responses};
use super::observer::{NEVER, Observer, RunError, Stop};
use super::outcome::{Intervals, Mark, Outcome, What, Window};
use super::policy::Policy;
use super::schedule::{Planned, Schedule};
use super::timeline::{Timeline, WINDOWS_PER_BLOCK, window_requests};
use crate::{Flags, Row, Trace};

/// How runs are carried out.
#[derive(Clone, Default)]
pub struct Options {
    /// What documents are charged.
    pub accounting: Accounting,
    /// Who is asked before a document is stored; nobody when there is none.
    pub admission: Option<Admitting>,
    /// What hits and misses take.
    pub latency: Latency,
    /// Switches on the way.
    pub switches: Vec<Planned>,
    /// Windows of so many requests, one of which begins at a request of a number; by default a hundredth of the trace.
    pub windows: Option<(u64, u64)>,
}

/// Replays a trace through a cache of `size` units that begins empty under `policy`. `progress` is told the requests
/// replayed since it was last told.
///
/// # Errors
/// When the rows cannot be read back, a policy cannot be made, or a switch is refused.
pub fn run(
    trace: &Trace,
    policy: &Policy,
    size: u64,
    options: &Options,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Outcome, RunError> {
    let (every, anchor) = options.windows.unwrap_or_else(|| (window_requests(trace.len()), 0));
    let mut timeline = Timeline::new(every, anchor);
    let mut schedule = Schedule::new(trace, &options.switches)?;
    let mut agreement = Agreement { trace, counting: Counting::default() };
    // A switch at the edge of a window belongs to the window after it.
    let watching: &mut [&mut dyn Observer] = if trace.has_logged() {
        &mut [&mut timeline, &mut schedule, &mut agreement]
    } else {
        &mut [&mut timeline, &mut schedule]
    };
    let mut outcome = observed(trace, policy, size, options, watching, progress)?;
    let windows = timeline.into_windows();
    outcome.intervals = options.windows.is_none().then(|| intervals(trace.len(), &windows)).flatten();
    outcome.timeline = windows;
    outcome.agreement = agreement.counting.finish(trace);
    Ok(outcome)
}

/// The same with nobody watching but these: no timeline, no intervals, no agreement.
///
/// # Errors
/// As for [`run`].
pub fn observed(
    trace: &Trace,
    policy: &Policy,
    size: u64,
    options: &Options,
    watching: &mut [&mut dyn Observer],
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Outcome, RunError> {
    let mut run = Run::new(trace, policy, size, options)?;
    let mut failed = None;
    trace.for_each_chunk(0, |rows| {
        failed = run.chunk(rows, watching).err();
        progress(rows.len() as u64);
        failed.is_none()
    })?;
    failed.map_or(Ok(()), Err)?;
    for observer in &mut *watching {
        observer.end(&mut run.stop())?;
    }
    let cell = Cell {
        trace: trace.name().to_owned(),
        policy: policy.name().to_owned(),
        size: Some(size),
        unit: options.accounting.unit,
        admission: options.admission.as_ref().map(|admission| admission.name().to_owned()),
    };
    Ok(run.finish(cell))
}

/// Confidence intervals from the windows of a trace of so many requests.
pub(super) fn intervals(requests: u64, windows: &[Window]) -> Option<Intervals> {
    let block = window_requests(requests) * WINDOWS_PER_BLOCK as u64;
    let mut blocks: Vec<Traffic> = Vec::new();
    for window in windows {
        if window.from.is_multiple_of(block) {
            blocks.push(Traffic::default());
        }
        // The first window begins at 0, so there is a block.
        let block = blocks.last_mut()?;
        block.requests += window.traffic.requests;
        block.hits += window.traffic.hits;
        block.bytes += window.traffic.bytes;
        block.hit_bytes += window.traffic.hit_bytes;
    }
    Intervals::of(&blocks)
}

/// A run on its way.
struct Run<'a> {
    cache: Cache<'a>,
    policy: Policy,
    at: u64,
    time_us: u64,
    traffic: Traffic,
    responses: Responses,
    marks: Vec<Mark>,
    /// Whether each request of a stretch hit, for those who want to know.
    hits: Vec<bool>,
}

impl<'a> Run<'a> {
    fn new(trace: &'a Trace, policy: &Policy, size: u64, options: &Options) -> Result<Self, RunError> {
        Ok(Self {
            cache: Cache::new(trace, policy, size, options.accounting, options.admission.as_ref())?,
            policy: policy.clone(),
            at: 0,
            time_us: 0,
            traffic: Traffic::default(),
            responses: Responses::new(options.latency),
            marks: Vec::new(),
            hits: Vec::new(),
        })
    }

    fn stop(&mut self) -> Stop<'_, 'a> {
        Stop {
            at: self.at,
            time_us: self.time_us,
            traffic: self.traffic,
            policy: &mut self.policy,
            cache: &mut self.cache,
            marks: &mut self.marks,
        }
    }

    /// Replays some rows, with the stops among them.
    fn chunk(&mut self, mut rows: &[Row], watching: &mut [&mut dyn Observer]) -> Result<(), RunError> {
        let is_told = watching.iter().any(|observer| observer.wants_requests());
        while let Some(first) = rows.first() {
            self.time_us = first.time_us;
            self.call_due(watching)?;
            let next = watching.iter().map(|observer| observer.next_stop()).min().unwrap_or(NEVER);
            let most = usize::try_from(next - self.at).unwrap_or(usize::MAX).min(rows.len());
            let (stretch, rest) = rows.split_at(most);
            if is_told {
                self.stretch::<true>(stretch);
                let observers = watching.iter_mut().filter(|observer| observer.wants_requests());
                observers.for_each(|observer| observer.requests(stretch, &self.hits));
            } else {
                self.stretch::<false>(stretch);
            }
            self.at += most as u64;
            self.time_us = stretch.last().map_or(self.time_us, |row| row.time_us);
            rows = rest;
        }
        Ok(())
    }

    /// Calls the observers whose stop has come, until none wants another one here.
    fn call_due(&mut self, watching: &mut [&mut dyn Observer]) -> Result<(), RunError> {
        for observer in watching {
            if observer.next_stop() <= self.at {
                observer.stop(&mut self.stop())?;
                debug_assert!(observer.next_stop() > self.at, "an observer that wants to stop here for ever");
            }
        }
        Ok(())
    }

    /// Replays rows without a stop among them.
    fn stretch<const TOLD: bool>(&mut self, rows: &[Row]) {
        self.hits.clear();
        for rows in rows.chunks(AHEAD) {
            // Loads that do not wait for each other: what the loop below would fetch one by one is there when it comes.
            black_box(self.cache.fetch(rows));
            for row in rows {
                let is_hit = self.cache.request(row);
                self.traffic.bytes += row.size;
                if is_hit {
                    self.traffic.hits += 1;
                    self.traffic.hit_bytes += row.size;
                } else {
                    self.responses.miss(row);
                }
                if TOLD {
                    self.hits.push(is_hit);
                }
            }
        }
        self.traffic.requests += rows.len() as u64;
    }

    fn finish(mut self, cell: Cell) -> Outcome {
        Outcome {
            cell,
            what: What::Policy,
            traffic: self.traffic,
            evictions: self.cache.evictions(),
            not_admitted: self.cache.not_admitted(),
            span_us: self.time_us,
            response: Some(self.responses.finish(self.traffic.hits)),
            intervals: None,
            timeline: Vec::new(),
            marks: self.marks,
            faults: self.cache.faults(),
            agreement: None,
            timing: None,
        }
    }
}

/// Requests whose columns are fetched together.
const AHEAD: usize = 16;

/// Compares with what the log says, request by request.
struct Agreement<'a> {
    trace: &'a Trace,
    counting: Counting,
}

impl Observer for Agreement<'_> {
    fn next_stop(&self) -> u64 {
        NEVER
    }

    fn stop(&mut self, _stop: &mut Stop<'_, '_>) -> Result<(), RunError> {
        Ok(())
    }

    fn wants_requests(&self) -> bool {
        true
    }

    fn requests(&mut self, rows: &[Row], hits: &[bool]) {
        for (row, &is_hit) in rows.iter().zip(hits).filter(|(row, _)| row.flags & Flags::HAS_LOGGED != 0) {
            let origin = self.trace.objects()[row.object as usize].origin;
            let logged = row.flags & Flags::LOGGED_HIT != 0;
            self.counting.count(row.facts, origin, row.time_us, logged, is_hit);
        }
    }
}

#[cfg(test)]
mod tests;
