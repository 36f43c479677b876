//! What modules did wrong, in words: a row whose policy did not decide itself must not pass for that policy's.

use super::Report;
use super::grid::name;
use super::units::{count, plural};
use crate::replay::Faults;

/// A line for each policy that something was wrong with, over all its runs; none where all decided themselves.
pub fn lines(report: &Report) -> Vec<String> {
    let runs = report.outcomes.iter().map(|outcome| (name(outcome), &outcome.faults));
    // Of curves only those that no rows tell of.
    let sampled = report.curves.iter().filter(|curve| curve.sampling.is_some());
    let runs = runs.chain(sampled.map(|curve| (curve.policy.clone(), &curve.faults)));
    let mut all: Vec<(String, Sum)> = Vec::new();
    for (name, faults) in runs {
        let at = all.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            all.push((name, Sum::default()));
            all.len() - 1
        });
        all[at].1.add(faults);
    }
    all.iter().filter(|(_, sum)| sum.faulty > 0).map(|(name, sum)| sum.line(name)).collect()
}

/// The faults of several runs.
#[derive(Default)]
struct Sum {
    runs: u64,
    faulty: u64,
    faults: Faults,
}

impl Sum {
    fn add(&mut self, faults: &Faults) {
        self.runs += 1;
        self.faulty += u64::from(faults.count() > 0);
        self.faults.add(faults.clone());
    }

    fn line(&self, name: &str) -> String {
        let mut parts = Vec::new();
        if self.faults.overruled > 0 {
            parts.push(format!(
                "{} decided by the engine in its place",
                plural(self.faults.overruled, "eviction")
            ));
        }
        for (module, ailing) in &self.faults.modules {
            let whose = if module == name { String::new() } else { format!("of {module} ") };
            let mut part = format!("{} {whose}failed", plural(ailing.calls, "call"));
            if let Some(last) = &ailing.last {
                part.push_str(&format!(", the last: {last}"));
            }
            if ailing.is_stopped {
                part.push_str("; then it was not called any more");
            }
            parts.push(part);
        }
        let among = match self.runs {
            1 => String::new(),
            runs => format!(" in {} of {} runs", count(self.faulty), count(runs)),
        };
        format!("{name} did not decide alone{among}: {}", parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::outcome;
    use super::*;
    use crate::replay::{Ailing, Outcome};

    fn faulty(overruled: u64, calls: u64) -> Outcome {
        let last = Some("line 3: division by zero".to_owned());
        let modules = vec![("./a.rhai".to_owned(), Ailing { calls, last, is_stopped: calls > 7 })];
        let modules = if calls > 0 { modules } else { Vec::new() };
        Outcome { faults: Faults { overruled, modules }, ..outcome("./a.rhai", 4096, 600) }
    }

    #[track_caller]
    fn check(outcomes: &[Outcome], expected: &[&str]) {
        assert_eq!(lines(&Report { outcomes: outcomes.to_vec(), ..Report::default() }), expected);
    }

    #[test]
    fn who_did_not_decide_alone_is_named_with_the_reason() {
        check(&[outcome("lru", 4096, 600)], &[]);
        check(
            &[faulty(1200, 0)],
            &["./a.rhai did not decide alone: 1,200 evictions decided by the engine in its place"],
        );
        check(
            &[faulty(0, 1), outcome("lru", 4096, 600), faulty(5, 8), faulty(0, 0)],
            &[
                "./a.rhai did not decide alone in 2 of 3 runs: 5 evictions decided by the engine in its place; 9 calls \
               failed, the last: line 3: division by zero; then it was not called any more",
            ],
        );
        let switched = Outcome { ..super::super::testing::switched(faulty(0, 1)) };
        check(
            &[switched],
            &[
                "./a.rhai, then gdsf (20 % re-evaluated) did not decide alone: 1 call of ./a.rhai failed, the last: line 3: \
               division by zero",
            ],
        );
    }
}
