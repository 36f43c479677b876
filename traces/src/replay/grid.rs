//! A grid of runs: every trace under every policy in every size, on several threads, reported in the order asked for.

use std::time::Instant;

use super::accounting::Size;
use super::bounds::Bound;
use super::logged::logged;
use super::moka::moka;
use super::observer::RunError;
use super::outcome::{Outcome, Timing};
use super::parallel::in_order;
use super::policy::Policy;
use super::run::{Options, run};
use crate::Trace;
use crate::live::clock;

/// What a row of a grid is about.
#[derive(Clone, Debug)]
pub enum Contender {
    /// A policy.
    Policy(Policy),
    /// The crate `moka`.
    Moka,
    /// What none can beat.
    Bound(Bound),
}

/// Whether runs are timed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clocked {
    /// They are not, and the same grid comes out the same, byte by byte.
    #[default]
    No,
    /// They are, one at a time.
    Yes,
}

/// The runs of a grid.
pub struct Grid<'a> {
    /// The traces.
    pub traces: &'a [Trace],
    /// The rows for each of them.
    pub contenders: &'a [Contender],
    /// The sizes for each row.
    pub sizes: &'a [Size],
    /// How runs are carried out.
    pub options: &'a Options,
}

/// One run of a grid.
struct Job<'a> {
    trace: &'a Trace,
    contender: &'a Contender,
    size: u64,
}

impl Grid<'_> {
    /// Requests that all runs replay together: what progress is told in the end.
    pub fn requests(&self) -> u64 {
        self.jobs().iter().map(|job| job.trace.len()).sum()
    }

    /// Carries the runs out on so many threads; when they are timed, on one. Of each trace first what its log says of its
    /// own cache, if anything, then contender by contender all sizes; a bound that knows no size once.
    ///
    /// # Errors
    /// Of the first run that failed.
    pub fn run(
        &self,
        threads: usize,
        clocked: Clocked,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<Outcome>, RunError> {
        let jobs = self.jobs();
        let threads = if clocked == Clocked::Yes { 1 } else { threads };
        let done = in_order(&jobs, threads, |job| self.carry_out(job, clocked, progress));
        let mut done = jobs.iter().zip(done).peekable();
        let mut outcomes = Vec::new();
        for trace in self.traces {
            outcomes.extend(logged(trace, self.options.accounting.unit, self.options.latency)?);
            while let Some((_, outcome)) = done.next_if(|(job, _)| std::ptr::eq(job.trace, trace)) {
                outcomes.push(outcome?);
            }
        }
        Ok(outcomes)
    }

    fn jobs(&self) -> Vec<Job<'_>> {
        let mut jobs = Vec::new();
        for trace in self.traces {
            for contender in self.contenders {
                let once = matches!(contender, Contender::Bound(Bound::Infinite));
                let sizes = self.sizes.iter().take(if once { 1 } else { usize::MAX });
                let unit = self.options.accounting.unit;
                jobs.extend(sizes.map(|size| Job { trace, contender, size: size.of(trace, unit) }));
            }
        }
        jobs
    }

    fn carry_out(
        &self,
        job: &Job<'_>,
        clocked: Clocked,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Outcome, RunError> {
        let began = (clocked == Clocked::Yes).then(clock::now);
        let mut outcome = match job.contender {
            Contender::Policy(policy) => run(job.trace, policy, job.size, self.options, progress)?,
            Contender::Moka => moka(job.trace, job.size, self.options, progress)?,
            Contender::Bound(bound) => {
                let outcome = bound.of(job.trace, job.size, self.options.accounting)?;
                progress(job.trace.len());
                return Ok(outcome);
            }
        };
        if let Some(began) = began {
            outcome.timing = Some(timing(job.trace, began)?);
        }
        Ok(outcome)
    }
}

/// The timing of a run that ends now.
fn timing(trace: &Trace, began: Instant) -> Result<Timing, RunError> {
    let seconds = began.elapsed().as_secs_f64();
    let walk = clock::now();
    look_up(trace)?;
    let policy = seconds - walk.elapsed().as_secs_f64();
    Ok(Timing { seconds, policy_ns: (policy * 1e9 / trace.len().max(1) as f64).max(0.0) })
}

/// What a run does without a policy: goes through the requests and looks each object up.
fn look_up(trace: &Trace) -> Result<(), RunError> {
    let mut slots = vec![0_u32; trace.objects().len()];
    trace.for_each_chunk(0, |rows| {
        for row in rows {
            let slot = &mut slots[row.object as usize];
            *slot = slot.wrapping_add(1);
        }
        true
    })?;
    std::hint::black_box(slots);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::testing::synthetic;

    fn grid(threads: usize) -> Vec<Outcome> {
        let traces = [synthetic(1, 20_000), synthetic(2, 10_000)];
        let policies = ["lru", "s3-fifo"].map(|name| Contender::Policy(Policy::resolve(name).unwrap()));
        let bounds = Bound::ALL.map(Contender::Bound);
        let contenders = [&policies[..], &bounds].concat();
        let sizes = [Size::Percent(1.0), Size::Percent(10.0)];
        let options = Options::default();
        let grid = Grid { traces: &traces, contenders: &contenders, sizes: &sizes, options: &options };
        let told = std::sync::atomic::AtomicU64::new(0);
        let told_of = |requests| {
            told.fetch_add(requests, std::sync::atomic::Ordering::Relaxed);
        };
        let outcomes = grid.run(threads, Clocked::No, &told_of).unwrap();
        assert_eq!(told.into_inner(), grid.requests());
        outcomes
    }

    #[test]
    fn a_grid_comes_out_in_order_and_the_same_on_any_number_of_threads() {
        let outcomes = grid(1);
        let rows = |outcomes: &[Outcome]| {
            outcomes.iter().map(|outcome| outcome.cell.policy.clone()).collect::<Vec<_>>()
        };
        let names = ["lru", "lru", "s3-fifo", "s3-fifo", "infinite", "belady", "belady", "pfoo-l", "pfoo-l"];
        assert_eq!(rows(&outcomes), [names, names].concat());
        assert!(outcomes[0].traffic.hits < outcomes[1].traffic.hits, "sizes are in their order");
        for threads in [2, 7] {
            assert_eq!(grid(threads), outcomes);
        }
    }
}
