//! Many jobs on several threads, with the results in the order of the jobs.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

/// Does every job, on at most `threads` threads at once, and returns what came of each, in their order.
pub fn in_order<J: Sync, T: Send + Sync>(jobs: &[J], threads: usize, act: impl Fn(&J) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done: Vec<OnceLock<T>> = jobs.iter().map(|_| OnceLock::new()).collect();
    let work = || {
        while let Some((job, place)) = take(&next, jobs, &done) {
            let _ = place.set(act(job));
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.clamp(1, jobs.len().max(1)) {
            scope.spawn(work);
        }
        work();
    });
    // A thread that panicked has ended the scope with its panic: nobody gets here without a result for every job.
    done.into_iter().filter_map(OnceLock::into_inner).collect()
}

fn take<'j, J, T>(
    next: &AtomicUsize,
    jobs: &'j [J],
    done: &'j [OnceLock<T>],
) -> Option<(&'j J, &'j OnceLock<T>)> {
    let at = next.fetch_add(1, Relaxed);
    Some((jobs.get(at)?, done.get(at)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_jobs_whatever_the_threads() {
        let jobs: Vec<u32> = (0..100).collect();
        for threads in [0, 1, 3, 200] {
            assert_eq!(in_order(&jobs, threads, |job| job * 2), (0..200).step_by(2).collect::<Vec<_>>());
        }
        assert!(in_order(&[] as &[u32], 4, |job| *job).is_empty());
    }
}
